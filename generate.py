"""Write new pieces with a trained run: python generate.py --temperature 1.2."""

import argparse
import secrets
import sys
from pathlib import Path

from bach_tf.general_midi import find_program
from bach_tf.presets import PRESETS
from bach_tf.quiet import silence_libraries


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_arguments(argv)
    silence_libraries()
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    try:
        program = None if args.program is None else find_program(args.program)
        from bach_tf import generation, runs  # import TensorFlow, which takes seconds
        from bach_tf.rendering import check_formats, render

        endings = check_formats(args.format)
        run = runs.load_trained_run(args.run or runs.newest_run(recipe=args.model))
        codec, preset = run.codec, run.preset
        scores = generation.generate(
            run,
            length=generation.steps_of(codec, args.length, args.bars, preset.length),
            temperature=preset.temperature if args.temperature is None else args.temperature,
            seed=seed,
            num_outputs=args.num_outputs,
            min_length=generation.steps_of(codec, None, args.min_bars, preset.min_length),
            prompt=generation.make_prompt(run, args.primer, seed, args.primer_length),
            top_k=args.top_k,
            top_p=args.top_p,
        )
        style = {
            "tempo_qpm": preset.tempo_qpm if args.tempo is None else args.tempo,
            "program": preset.program if program is None else program,
            "voice_names": codec.part_names,
        }
        for score in scores:
            for path in (paths := generation.free_paths(args.output, endings)):
                render(score, path, **style)
            about = generation.describe(score, codec, style["tempo_qpm"])
            print(f"{', '.join(map(str, paths))}: {about}, seed {seed}, from {run.folder}")
    except (ValueError, OSError) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Write new pieces with a trained run.")
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--model", help=f"the newest run of: {', '.join(PRESETS)}")
    parser.add_argument("--temperature", type=float, help="higher is more daring, 0 is greedy")
    parser.add_argument("--top-k", type=int, default=0, help="of so many likeliest notes")
    parser.add_argument("--top-p", type=float, default=1.0, help="of this share of the likeliest")
    parser.add_argument("--num-outputs", type=int, default=1, help="how many pieces")
    parser.add_argument("--length", type=int, help="at most so many sixteenths, notes or events")
    parser.add_argument("--bars", type=int, help="instead, where the model counts in time")
    parser.add_argument("--min-bars", type=int, help="before which no piece ends")
    parser.add_argument("--seed", type=int, help="the same seed gives the same file")
    parser.add_argument("--primer", help="a .csv or .mid file, tokens, or: corpus")
    parser.add_argument("--primer-length", type=int, help="of the primer, only so many steps")
    parser.add_argument("--tempo", type=float, help="quarter notes a minute")
    parser.add_argument("--program", help="General MIDI name or 0..127")
    parser.add_argument("--format", default="mid", help="endings, such as mid,png")
    parser.add_argument("--output", type=Path, default=Path("generated"), help="the folder")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
