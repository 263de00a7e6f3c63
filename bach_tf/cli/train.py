"""The command: `bach-tf train --model gru`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bach_tf import learning
from bach_tf._basics.process import libraries_silenced
from bach_tf.cli.options import add_output_options, number_of
from bach_tf.cli.parser import Parser, Spellings
from bach_tf.cli.talk import Talk
from bach_tf.cli.training import finish_following, finish_training
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
from bach_tf.learning.workers.roster import Roster, check_device, read_roster
from bach_tf.recipes import DEFAULT_MODEL, PRESETS, Preset, continued_preset, make_preset

if TYPE_CHECKING:
    from bach_tf.learning.workers.group import Group

SILENCES: list[AbstractContextManager[None]] = []  # kept, or they would end


def work(args: Namespace, talk: Talk) -> None:
    """Train as requested and report the result."""
    roster = read_roster(args.workers, args.worker)
    if roster and roster.worker and not args.summary:
        follow(args, roster, talk)
        return
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
    _say_waiting(roster, talk)
    with _joined(args, roster, preset) as group:
        run, corpus = _open(args, preset, folder, origin, talk)
        if group:
            learning.lead(group, run, corpus)
        start = f", from {run_name(origin)}" if origin else ""
        talk.say(f"Training {run.preset.recipe} on {corpus}{start}, into {run.folder}")
        outcome = _train(args, run, corpus, group, callbacks_of(run), talk)
        finish_training(run, corpus, outcome, talk)


def follow(args: Namespace, roster: Roster, talk: Talk) -> None:
    """Train as a worker that writes no run folder."""
    own = None if args.resume or args.origin else preset_of(args)
    with talk.status("Loading TensorFlow"):
        _callbacks()
    _say_waiting(roster, talk)
    with _joined(args, roster, own) as group:
        with talk.status("Waiting for worker 0 and preparing the corpus", moves=False):
            run, corpus = learning.follow(group, args.data_dir)
        chief = roster.name(0)
        talk.say(f"Training {run.preset.recipe} on {corpus} for the run {run.folder} of {chief}")
        outcome = learning.train(run, corpus, verbose=talk.keras_verbose, group=group)
    finish_following(run, roster, outcome, talk)


@contextmanager
def _joined(args: Namespace, roster: Roster | None, preset: Preset | None) -> Iterator[Any]:
    """Join the other workers, or the other devices of this machine, within the block."""
    fresh = roster and not args.resume and not args.origin
    settings = learning.settings_of(preset) if fresh else None
    if roster and not args.verbose:
        # What TensorFlow itself says of lost workers comes in pages, until the process ends.
        SILENCES.append(libraries_silenced())
        SILENCES[-1].__enter__()
    with learning.joined(roster, args.device, settings) as group:
        yield group


def _say_waiting(roster: Roster | None, talk: Talk) -> None:
    if roster:
        others = ", ".join(roster.name(number) for number in roster.others)
        me = roster.name(roster.worker)
        talk.say(f"This is {me}. Waiting for {others if roster.worker == 0 else roster.name(0)}")


def _open(
    args: Namespace, preset: Preset | None, folder: Path | None, origin: Path | None, talk: Talk
) -> tuple[Run, Path]:
    """Create or resume the run; return it and the prepared folder of its corpus."""
    moves = preset is not None and not CORPORA[preset.music.corpus].shows_progress
    with talk.status("Preparing the corpus", moves=moves):
        if folder:
            return learning.resume_run(folder, args.epochs, args.data_dir)
        if origin:
            return learning.start_from(origin, preset, args.run_name)
        return learning.start_run(preset, args.run_name)


def _train(args: Namespace, run: Run, corpus: Path, group: Group | None, callbacks, talk: Talk):
    """Train, and return the outcome; after Ctrl-C say how to go on."""
    try:
        return learning.train(
            run, corpus, verbose=talk.keras_verbose, callbacks=callbacks, group=group
        )
    except KeyboardInterrupt:
        if args.json and (run.folder / WEIGHTS).exists():
            finish_training(run, corpus, learning.read_outcome(run), talk)
        what_next = f"Continue with: {talk.program} --resume {run.folder}"
        raise KeyboardInterrupt("" if learning.uses_jax() else what_next) from None


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
    add("--device", metavar="NAME", help="cpu, or gpu:0 and so on (default: all GPUs)")
    add("--workers", metavar="HOST:PORT,...", help="all machines that train together")
    add("--worker", type=int, metavar="N", help="which of --workers this one is, from 0")
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
    read_roster(args.workers, args.worker)
    if args.device is not None:
        check_device(args.device)


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
  %(prog)s --model gru --workers one:2222,two:2222 --worker 0

Underscores work too. Also accepted: --num_train_epochs, --dataset_name,
--learning_rate, --batch_size, --weight_decay, --resume_from_checkpoint.
"""
