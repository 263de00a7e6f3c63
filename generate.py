"""Write new pieces with a trained run: python generate.py --temperature 1.2."""

import argparse
import secrets
import sys
from datetime import date
from pathlib import Path

from bach_tf.general_midi import find_program
from bach_tf.midi import CHURCH_ORGAN, TEMPO_QPM
from bach_tf.quiet import silence_libraries
from bach_tf.score import STEPS_PER_QUARTER

STEPS_PER_BAR = 4 * STEPS_PER_QUARTER
BARS = 32
MIN_BARS = 4


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_arguments(argv)
    silence_libraries()
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    try:
        program = find_program(args.program)
        from bach_tf import generation, runs  # import TensorFlow, which takes seconds
        from bach_tf.rendering import render

        run = runs.load_trained_run(args.run or runs.newest_run())
        scores = generation.generate(
            run,
            length_steps=args.bars * STEPS_PER_BAR if args.length is None else args.length,
            temperature=run.preset.temperature if args.temperature is None else args.temperature,
            seed=seed,
            num_outputs=args.num_outputs,
            min_steps=args.min_bars * STEPS_PER_BAR,
            primer=args.primer and generation.read_primer(args.primer),
        )
        style = {"tempo_qpm": args.tempo, "program": program, "voice_names": run.codec.voice_names}
        for score in scores:
            path = next_path(args.output)
            render(score, path, **style)
            print(f"{path}: {generation.bars(score):.1f} bars, seed {seed}, from {run.folder}")
    except (ValueError, OSError) as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Write new pieces with a trained run.")
    parser.add_argument("--run", type=Path, help="a run folder; the newest by default")
    parser.add_argument("--temperature", type=float, help="higher is more daring, 0 is greedy")
    parser.add_argument("--num-outputs", type=int, default=1, help="how many pieces")
    parser.add_argument("--length", type=int, help="of a piece, in steps (sixteenths)")
    parser.add_argument("--bars", type=int, default=BARS, help=f"instead; {BARS} by default")
    parser.add_argument("--min-bars", type=int, default=MIN_BARS, help="before which none ends (4)")
    parser.add_argument("--seed", type=int, help="the same seed gives the same file")
    parser.add_argument("--primer", type=Path, help="a .csv or .mid file to begin with")
    parser.add_argument("--tempo", type=float, default=TEMPO_QPM, help="quarter notes a minute")
    parser.add_argument("--program", default=str(CHURCH_ORGAN), help="General MIDI name or 0..127")
    parser.add_argument("--output", type=Path, default=Path("generated"), help="the folder")
    return parser.parse_args(argv)


def next_path(folder: Path) -> Path:
    """Return the first free `<date>_<n>.mid`."""
    number = 1
    while (path := folder / f"{date.today():%Y-%m-%d}_{number}.mid").exists():
        number += 1
    return path


if __name__ == "__main__":
    sys.exit(main())
