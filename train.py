"""Train a model on a corpus: python train.py --model gru."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.corpora import CORPORA, corpus_of
from bach_tf.presets import PRESETS, Preset, on_corpus, override
from bach_tf.quiet import silence_libraries

INTERRUPTED = 130  # what a shell calls a program that Ctrl-C stopped


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_arguments(argv)
    silence_libraries()
    run = None
    try:
        preset = None if args.resume else make_preset(args)
        from bach_tf import training  # imports TensorFlow, which takes seconds

        if args.resume:
            run, corpus = training.resume_run(args.resume, args.epochs)
        else:
            run, corpus = training.start_run(preset, args.run_name)
        print(f"Training {run.preset.recipe} on {corpus}, into {run.folder}", flush=True)
        # A bar that is redrawn has no place in a file.
        outcome = training.train(run, corpus, verbose=1 if sys.stdout.isatty() else 2)
    except (ValueError, OSError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        how = f" Go on with: python train.py --resume {run.folder}" if run else ""
        print(f"\nStopped.{how}", file=sys.stderr)
        return INTERRUPTED
    print(
        f"Trained {outcome.epochs} epochs in {outcome.seconds:.0f} s. Best validation: "
        f"{outcome.best_nll:.4f} nats a token after epoch {outcome.best_epoch}.\n"
        f"Run folder: {run.folder}. Next: python generate.py --run {run.folder}"
    )
    return 0


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Train a model on a corpus.")
    parser.add_argument("--model", default="gru", help=f"one of: {', '.join(PRESETS)}")
    parser.add_argument("--corpus", help=f"the model's own, or one of: {', '.join(CORPORA)}")
    parser.add_argument("--data-dir", help="where the corpus is read from")
    parser.add_argument("--epochs", type=int, help="at most this many")
    parser.add_argument("--seed", type=int, help="of everything that is random (default 0)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="such as model.units=64"
    )
    parser.add_argument("--run-name", help="of the folder in tb_logs")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run folder")
    args = parser.parse_args(argv)
    fresh = (args.corpus, args.data_dir, args.seed, args.run_name, *args.set)
    if args.resume and any(value is not None for value in fresh):
        parser.error("--resume goes on as the run began: of the others it takes only --epochs")
    return args


def make_preset(args: argparse.Namespace) -> Preset:
    """Return the preset that the arguments ask for."""
    preset = choose(PRESETS, args.model, "model")
    preset = on_corpus(preset, args.corpus or corpus_of(args.data_dir, preset.corpus))
    given = {"data_dir": args.data_dir, "epochs": args.epochs, "seed": args.seed}
    given = {name: value for name, value in given.items() if value is not None}
    return override(replace(preset, **given), args.set)


if __name__ == "__main__":
    sys.exit(main())
