"""The command: `python -m bach_tf.plots --run RUN`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf.plots import read_history, write_distributions, write_training_curve
from bach_tf.quiet import silence_libraries

PIECES = 30
FOLDER = "plots"


def main(argv: list[str] | None = None) -> int:
    """Draw the pictures of a run; return the exit status."""
    args = parse_arguments(argv)
    silence_libraries()
    try:
        if args.pieces < 1:
            raise ValueError(f"--pieces must be at least 1. Received: {args.pieces}")
        from bach_tf import runs  # imports TensorFlow, which takes seconds

        run = runs.load_trained_run(runs.find_run(args.run))
        folder = args.output or run.folder / FOLDER
        history = read_history(run.folder)
        folder.mkdir(parents=True, exist_ok=True)
        curve, shares = folder / "training.png", folder / "distributions.png"
        write_training_curve(history, curve, run.folder.name)
        print(curve, flush=True)
        splits, generated = both_sides(run, args)
        title = f"{run.preset.corpus} corpus, and {args.pieces} new pieces by {run.folder.name}"
        write_distributions(splits, generated, shares, tempo_qpm=run.preset.tempo_qpm, title=title)
        print(shares)
    except (ValueError, OSError) as error:
        print(f"plots: {error}", file=sys.stderr)
        return 2
    return 0


def both_sides(run, args: argparse.Namespace) -> tuple[dict[str, list], list]:
    """Return the pieces of a run's corpus by split, and new ones.

    Those of the corpus have gone through the codec: what it cannot say is no fault of the model.
    """
    from bach_tf.corpora import read_split
    from bach_tf.generation import generate
    from bach_tf.training import prepare_corpus

    preset, codec = run.preset, run.codec
    corpus = prepare_corpus(preset)
    splits = {
        split: [codec.decode(codec.encode(score)) for score in read_split(corpus, split)]
        for split in ("train", "valid")
    }
    generated = generate(
        run,
        length=preset.length,
        temperature=preset.temperature if args.temperature is None else args.temperature,
        seed=args.seed,
        num_outputs=args.pieces,
        min_length=preset.min_length,
    )
    return splits, generated


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.plots", description="Draw how a run learned and what it writes."
    )
    parser.add_argument("--run", type=Path, help="a run folder; the newest when left out")
    parser.add_argument(
        "--pieces", type=int, default=PIECES, help=f"how many are written (default {PIECES})"
    )
    parser.add_argument("--temperature", type=float, help="of them; the run's own when left out")
    parser.add_argument("--seed", type=int, default=0, help="of them")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"RUN/{FOLDER} when left out")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
