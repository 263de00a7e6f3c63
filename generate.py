"""Write new pieces with a trained run: python generate.py --temperature 1.2."""

import sys
from argparse import Namespace
from dataclasses import replace

from bach_tf import cli as console
from bach_tf.cli.quiet import import_tensorflow, silence_libraries
from bach_tf.composing.primers import FROM_CORPUS
from bach_tf.formats.files import PieceNames, write_piece
from bach_tf.learning.runs import load_trained_run, run_name


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = console.generate_arguments(argv)
    silence_libraries(args.verbose)
    return console.run_program(console.GENERATE, compose, args)


def compose(args: Namespace, talk: console.Talk) -> None:
    """Write pieces as the arguments ask, and say what they are."""
    job = console.plan(args)
    name = run_name(job.run)
    pieces = console.Pieces(job.how["num_outputs"])
    with talk.status("Loading TensorFlow", moves=args.primer != FROM_CORPUS) as status:
        import_tensorflow()
        from bach_tf.composing import generation

        status(f"Opening {name}")
        run = load_trained_run(job.run)
        if args.primer == FROM_CORPUS:
            seed, steps = job.how["seed"], args.primer_length
            job.how["prompt"] = generation.make_prompt(run, FROM_CORPUS, seed, steps)
        status(f"Composing with {name}")
        batches = generation.generate_batches(run, **job.how)
        given = generation.primer_steps(run.codec, job.how["prompt"])
        rendition = replace(job.rendition, primer_steps=given)
        names = PieceNames(args.output)
        with pieces.kept_if_stopped():
            while (batch := talk.interruptible(lambda: next(batches, None))) is not None:
                for ids in batch:
                    status(f"Writing piece {pieces.begun + 1} of {pieces.wanted}")
                    score = generation.decode_piece(run.codec, ids)
                    with names.reserve() as stem:
                        files = write_piece(score, stem, job.endings, rendition)
                    pieces.add(ids, score, files, run.codec, rendition.tempo_qpm)
                status(f"Composing with {name}")
    seed = job.how["seed"]
    record = {"run": name, "recipe": run.preset.recipe, "seed": seed, **pieces.record()}
    pieces.tell(record, talk)


if __name__ == "__main__":
    sys.exit(main())
