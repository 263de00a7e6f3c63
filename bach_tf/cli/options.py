"""The options of the two programs, and what Magenta and Hugging Face call them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from bach_tf.cli.parser import Parser, Spellings, real, whole
from bach_tf.corpora import CORPORA
from bach_tf.formats import WRITERS
from bach_tf.recipes import PRESETS, SETTINGS
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO

TRAIN, GENERATE = "train.py", "generate.py"
DEFAULT_MODEL = "gru"
HOTTEST, HIGHEST_SEED = SETTINGS["temperature"].high, SETTINGS["seed"].high
# Of one call of generate.py. They keep pieces within memory, and mistyped numbers from an evening's
# work; memory does not grow with the number of pieces.
MOST_PIECES = 10_000
MOST_STEPS = SETTINGS["length"].high
MOST_BARS = 5_000
MOST_LIKELIEST = 1_000_000  # more than any codec has tokens
HOLD, REST = "_", "r"  # of a melody's tokens
MAGENTA_EVENTS = {"-2": HOLD, "-1": REST}  # of `--primer_melody`; other numbers are pitches


def train_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments of train.py; print and exit where they are none."""
    parser = train_parser()
    args = parser.parse_args(argv)
    fresh = (args.corpus, args.data_dir, args.seed, args.run_name, args.model, *args.set)
    if args.resume and any(value is not None for value in fresh):
        parser.error("--resume goes on as the run began: of the others it takes only --epochs")
    return args


def generate_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments of generate.py; print and exit where they are none."""
    return generate_parser().parse_args(argv)


def train_parser() -> Parser:
    """Return what reads the command line of train.py."""
    parser = Parser(
        prog=TRAIN,
        usage="python train.py [--model NAME] [--corpus NAME] [options]",
        description="Train a model on a corpus, into a run folder in tb_logs.",
        epilog=TRAIN_EXAMPLES,
        spellings=TRAIN_SPELLINGS,
    )
    add = parser.add_argument
    add("--model", metavar="NAME", help=f"one of: {', '.join(PRESETS)} (default {DEFAULT_MODEL})")
    add("--corpus", metavar="NAME", help=f"the model's own, or one of: {', '.join(CORPORA)}")
    add("--data-dir", metavar="PATH", help="where the corpus is read from")
    add("--epochs", type=number_of("epochs"), metavar="N", help="at most this many")
    seed = number_of("seed")
    add("--seed", type=seed, metavar="N", help="of everything that is random (default 0)")
    add(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting, such as model.units=64 or epochs=9; repeatable",
    )  # fmt: skip
    add("--run-name", metavar="NAME", help="of the folder in tb_logs")
    add("--resume", metavar="RUN", help="go on with a run folder, as it began")
    add("--summary", action="store_true", help="print the layers and stop")
    _add_output_options(parser, quiet="print the run folder alone")
    return parser


def generate_parser() -> Parser:
    """Return what reads the command line of generate.py."""
    parser = Parser(
        prog=GENERATE,
        usage="python generate.py [--run RUN | --model NAME] [options]",
        description="Write new pieces with a trained run: the newest, or the one that you name.",
        epilog=GENERATE_EXAMPLES,
        spellings=GENERATE_SPELLINGS,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", help="a run folder, its name in tb_logs, or: pretrained")
    which.add_argument("--model", metavar="NAME", help="newest run of this model; else of any")
    add = parser.add_argument
    add(
        "--temperature", type=real(0, HOTTEST), metavar="T",
        help="higher is more daring, 0 is greedy: one piece",
    )  # fmt: skip
    add(
        "--top-k", type=whole(0, MOST_LIKELIEST), default=0, metavar="K",
        help="draw among so many likeliest notes",
    )  # fmt: skip
    add(
        "--top-p", type=real(0, 1, above=True), default=1.0, metavar="P",
        help="or among this share of them",
    )  # fmt: skip
    add("--num-outputs", type=whole(1, MOST_PIECES), default=1, metavar="N", help="how many pieces")
    steps, bars = whole(1, MOST_STEPS), whole(1, MOST_BARS)
    add("--length", type=steps, metavar="N", help="at most so many sixteenths, notes or events")
    add("--bars", type=bars, metavar="N", help="instead, where the model counts in time")
    add("--min-bars", type=whole(0, MOST_BARS), metavar="N", help="before which no piece ends")
    seeds = whole(0, HIGHEST_SEED)
    add("--seed", type=seeds, metavar="N", help="the same seed gives the same files")
    add("--primer", help="how pieces begin: .csv or .mid file, tokens, or: corpus")
    add("--primer-length", type=steps, metavar="N", help="of the primer, only so many steps")
    tempi = real(LOWEST_TEMPO, HIGHEST_TEMPO)
    add("--tempo", type=tempi, metavar="QPM", help="quarter notes a minute")
    add("--program", metavar="NAME", help="General MIDI instrument, by name or 0..127")
    endings = ",".join(ending.removeprefix(".") for ending in WRITERS)
    add("--format", default="mid", metavar="LIST", help=f"of: {endings}")
    add("--output", type=Path, default=Path("generated"), metavar="FOLDER", help="for the files")
    _add_output_options(parser, quiet="print the names of the files alone")
    return parser


def _add_output_options(parser: Parser, quiet: str) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quiet", action="store_true", help=quiet)
    how.add_argument("--json", action="store_true", help="print one JSON object alone")
    parser.add_argument("--verbose", action="store_true", help="show TensorFlow's own messages")


def add_run(parser: Parser) -> None:
    """Add the option that names a run, to a program that reads one."""
    about = "a run folder, its name in tb_logs, or: pretrained; else the newest"
    parser.add_argument("--run", help=about)


def add_sampling(parser: Parser) -> None:
    """Add how pieces are written, to a program that writes some to look at them."""
    add = parser.add_argument
    temperature = "of new pieces; the run's own when left out"
    add("--temperature", type=real(0, HOTTEST), metavar="T", help=temperature)
    add("--seed", type=whole(0, HIGHEST_SEED), default=0, metavar="N", help="of new pieces")


def number_of(name: str) -> Callable[[str], int]:
    """Return the `type` of an option that is a setting, a whole number, with the same bounds.

    Example:
        >>> number_of("epochs")("3")
        3
    """
    kind = SETTINGS[name]
    return whole(kind.low, kind.high)


def setting(name: str):
    """Return what makes `--set` of another program's value.

    Example:
        >>> setting("batch_size")("64")
        ['--set', 'batch_size=64']
    """
    return lambda value: ["--set", f"{name}={value}"]


def melody_primer(text: str) -> list[str]:
    """Return the primer that Magenta writes as a list of a melody's events.

    Args:
        text: such as "[60, -2, 62, -1]": a pitch begins, -2 goes on, -1 ends the note.

    Example:
        >>> melody_primer("[60, -2, 62, -1]")
        ['--primer', '60 _ 62 r']
    """
    events = re.split(r"[\s,]+", text.strip(" []()"))
    return ["--primer", " ".join(MAGENTA_EVENTS.get(event, event) for event in events)]


TRAIN_SPELLINGS: Spellings = {
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

GENERATE_SPELLINGS: Spellings = {
    "--num-steps": "--length",
    "--max-length": "--length",
    "--num-return-sequences": "--num-outputs",
    "--primer-midi": "--primer",
    "--prompt": "--primer",
    "--primer-melody": melody_primer,
    "--primer-pitches": melody_primer,
    "--qpm": "--tempo",
    "--output-dir": "--output",
    "--run-dir": "--run",
    "--model-name-or-path": "--run",
    "--k": "--top-k",
    "--p": "--top-p",
}

TRAIN_EXAMPLES = """\
examples:
  python train.py --model folk
  python train.py --model gru --corpus jsb --run-name gru-jsb
  python train.py --model cello --data-dir my_midi_files --set model.units=64

Underscores do for dashes. Also read: --num_train_epochs, --dataset_name,
--learning_rate, --batch_size, --weight_decay, --resume_from_checkpoint.
"""

GENERATE_EXAMPLES = """\
examples:
  python generate.py --temperature 0.8 --format mid,png
  python generate.py --model folk --num-outputs 5 --bars 16 --seed 7
  python generate.py --run pretrained --primer beginning.mid --top-p 0.9

Underscores do for dashes. Also read: --num_steps, --max_length, --prompt,
--primer_midi, --primer_melody, --primer_pitches, --num_return_sequences, --qpm,
--output_dir, --run_dir, --model_name_or_path, --k, --p.
"""
