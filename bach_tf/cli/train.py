"""The command: `bach-tf train --model gru`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bach_tf import learning
from bach_tf.cli.options import add_output_options, number_of
from bach_tf.cli.parser import Parser, Spellings
from bach_tf.cli.talk import Talk
from bach_tf.cli.training import finish_training
from bach_tf.corpora import CORPORA
from bach_tf.learning.runs import (
    SHIPPED,
    WEIGHTS,
    Run,
    check_run_name,
    find_run,
    load_trained_settings,
    run_name,
)
from bach_tf.recipes import DEFAULT_MODEL, PRESETS, Preset, continued_preset, make_preset


def work(args: Namespace, talk: Talk) -> None:
    """Train as requested and report the result."""
    origin = find_run(args.origin) if args.origin else None
    preset = None if args.resume else preset_of(args, origin)
    if args.run_name is not None:
        check_run_name(args.run_name)
    folder = find_run(args.resume) if args.resume else None
    if folder and run_name(folder) == SHIPPED:
        raise ValueError("The shipped weights cannot be trained further. Train a run of your own.")
    with talk.status(f"Loading {'JAX' if learning.uses_jax() else 'TensorFlow'}"):
        callbacks_of = _callbacks()
    if args.summary:
        show_layers(preset, folder, talk)
        return
    moves = preset is not None and not CORPORA[preset.music.corpus].shows_progress
    with talk.status("Preparing the corpus", moves=moves):
        if folder:
            run, corpus = learning.resume_run(folder, args.epochs, args.data_dir)
        elif origin:
            run, corpus = learning.start_from(origin, preset, args.run_name)
        else:
            run, corpus = learning.start_run(preset, args.run_name)
    start = f", from {run_name(origin)}" if origin else ""
    talk.say(f"Training {run.preset.recipe} on {corpus}{start}, into {run.folder}")
    try:
        outcome = learning.train(
            run, corpus, verbose=talk.keras_verbose, callbacks=callbacks_of(run)
        )
    except KeyboardInterrupt:
        if args.json and (run.folder / WEIGHTS).exists():
            finish_training(run, corpus, learning.read_outcome(run), talk)
        what_next = f"Continue with: {talk.program} --resume {run.folder}"
        raise KeyboardInterrupt("" if learning.uses_jax() else what_next) from None
    finish_training(run, corpus, outcome, talk)


def _callbacks() -> Callable[[Run], Sequence[Any]]:
    """Return a function that makes a run's callbacks, which log to TensorBoard."""
    if learning.uses_jax():
        return lambda run: ()
    from bach_tf.measuring import inspection

    return inspection.callbacks


def preset_of(args: Namespace, origin: Path | None = None) -> Preset:
    """Return the requested preset, based on that of a run to start from, if given."""
    about = {"epochs": args.epochs, "seed": args.seed}
    if origin:
        former, _ = load_trained_settings(origin)
        return continued_preset(former, args.corpus, args.data_dir, args.set, **about)
    return make_preset(args.model, args.corpus, args.data_dir, args.set, **about)


def show_layers(preset: Preset | None, folder: Path | None, talk: Talk) -> None:
    """Print the layers of the model of a run or preset."""
    if learning.uses_jax():
        raise ValueError("--summary needs TensorFlow: unset KERAS_BACKEND.")
    from bach_tf.learning import runs
    from bach_tf.measuring import inspection

    run = runs.load_run(folder) if folder else None
    codec = run.codec if run else learning.make_codec(preset, learning.prepare_corpus(preset))
    text = inspection.summarise(run.preset if run else preset, codec)
    talk.finish({"summary": text}, [text], text)


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [--model NAME] [--corpus NAME] [options]",
        description="Train a model on a corpus, into a run folder in tb_logs.",
        epilog=EXAMPLES,
        spellings=SPELLINGS,
        check=check_whole_run,
    )
    add = parser.add_argument
    add("--model", metavar="NAME", help=f"one of: {', '.join(PRESETS)} (default {DEFAULT_MODEL})")
    add("--corpus", metavar="NAME", help=f"one of: {', '.join(CORPORA)} (default: the model's)")
    about = "your own files, or the downloaded archive of the corpus"
    add("--data-dir", metavar="PATH", help=about)
    about = "start from the weights of this run, or: pretrained"
    add("--from", metavar="RUN", dest="origin", help=about)
    add("--epochs", type=number_of("epochs"), metavar="N", help="maximum number of epochs")
    seed = number_of("seed")
    add("--seed", type=seed, metavar="N", help="random seed (default 0)")
    add(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting, such as model.units=64 or epochs=9; repeatable",
    )  # fmt: skip
    add("--run-name", metavar="NAME", help="name of the run folder in tb_logs")
    add("--resume", metavar="RUN", help="continue an interrupted or finished run")
    add("--summary", action="store_true", help="print the layers and stop")
    add_output_options(parser, quiet="print only the run folder")
    return parser


def check_whole_run(args: Namespace) -> None:
    """Raise `ValueError` for options fixed by the run that is resumed or started from."""
    fresh = (args.corpus, args.seed, args.run_name, args.model, args.origin, *args.set)
    if args.resume and any(value is not None for value in fresh):
        raise ValueError(
            "--resume keeps the settings of its run: combine it only with --epochs, or with "
            "--data-dir if the corpus has been moved"
        )
    if args.origin and args.model is not None:
        raise ValueError("--from keeps the model of its run: leave out --model")


def setting(name: str) -> Callable[[str], list[str]]:
    """Return a function that converts another program's value to `--set`.

    Example:
        >>> setting("batch_size")("64")
        ['--set', 'batch_size=64']
    """
    return lambda value: ["--set", f"{name}={value}"]


SPELLINGS: Spellings = {
    "--num-epochs": "--epochs",
    "--num-train-epochs": "--epochs",
    "--dataset": "--corpus",
    "--dataset-name": "--corpus",
    "--resume-from-checkpoint": "--resume",
    "--learning-rate": setting("learning_rate"),
    "--weight-decay": setting("weight_decay"),
    "--batch-size": setting("batch_size"),
    "--per-device-train-batch-size": setting("batch_size"),
}

EXAMPLES = """\
examples:
  %(prog)s --model folk
  %(prog)s --model gru --corpus jsb --run-name gru-jsb
  %(prog)s --model cello --data-dir my_midi_files --set model.units=64
  %(prog)s --from pretrained --data-dir my_chorales --epochs 5

Underscores work too. Also accepted: --num_train_epochs, --dataset_name,
--learning_rate, --batch_size, --weight_decay, --resume_from_checkpoint.
"""
