"""Write new pieces with a trained run: python generate.py --temperature 1.2."""

import secrets
import sys
from argparse import Namespace

from bach_tf import console
from bach_tf.general_midi import find_program
from bach_tf.quiet import silence_libraries
from bach_tf.rendering import check_formats, render
from bach_tf.runs import find_run, load_trained_run, run_name


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = console.generate_arguments(argv)
    silence_libraries(args.verbose)
    return console.run_program(console.GENERATE, compose, args)


def compose(args: Namespace, talk: console.Talk) -> None:
    """Write pieces as the arguments ask, and say what they are."""
    program = None if args.program is None else find_program(args.program)
    endings = check_formats(args.format)
    folder = find_run(args.run, recipe=args.model)
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    name = run_name(folder)
    with talk.status("Loading TensorFlow", moves=args.primer != "corpus") as status:
        from bach_tf import generation

        status(f"Opening {name}")
        run = load_trained_run(folder)
        prompt = generation.make_prompt(run, args.primer, seed, args.primer_length)
        status(f"Composing with {name}")
        how = {"prompt": prompt, "seed": seed, **wishes(run, args)}
        written = talk.interruptible(lambda: generation.generate_ids(run, **how))
        style = {
            "tempo_qpm": run.preset.tempo_qpm if args.tempo is None else args.tempo,
            "program": run.preset.program if program is None else program,
            "voice_names": run.codec.part_names,
        }
        given = generation.primer_steps(run.codec, prompt)
        pieces = []
        for ids in written:
            score = generation.decode_piece(run.codec, ids)
            paths = generation.free_paths(args.output, endings)
            for path in paths:
                status(f"Piece {len(pieces) + 1} of {len(written)}: {path}")
                render(score, path, primer_steps=given, **style)
            ended = run.codec.END in ids
            pieces.append(console.piece_record(score, paths, run.codec, style["tempo_qpm"], ended))
    record = {"run": name, "recipe": run.preset.recipe, "seed": seed, "pieces": pieces}
    talk.show(console.pieces_table(record))
    paths = [path for piece in pieces for path in piece["files"]]
    talk.finish(record, paths, console.closing_line(record))


def wishes(run, args: Namespace) -> dict:
    """Return how pieces are to be written: as the arguments say, or else the run's preset."""
    from bach_tf.generation import steps_of

    codec, preset = run.codec, run.preset
    return {
        "length": steps_of(codec, args.length, args.bars, preset.length),
        "min_length": steps_of(codec, None, args.min_bars, preset.min_length),
        "temperature": preset.temperature if args.temperature is None else args.temperature,
        "num_outputs": args.num_outputs,
        "top_k": args.top_k,
        "top_p": args.top_p,
    }


if __name__ == "__main__":
    sys.exit(main())
