"""Options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable

from bach_tf.cli.parser import Parser, real, whole
from bach_tf.composing.options import MOST_TUNES
from bach_tf.corpora.music import HOTTEST
from bach_tf.recipes import SETTINGS
from bach_tf.recipes.tables import SEEDS


def add_output_options(
    parser: Parser, quiet: str | None = None, *, uses_tensorflow: bool = True
) -> None:
    """Add the options for output.

    Args:
        parser: the command's parser.
        quiet: help text of `--quiet`; `None` for no such option.
        uses_tensorflow: whether the command can print messages of TensorFlow.
    """
    how = parser.add_mutually_exclusive_group()
    if quiet is not None:
        how.add_argument("--quiet", action="store_true", help=quiet)
    how.add_argument("--json", action="store_true", help="print a single JSON object")
    if uses_tensorflow:
        parser.add_argument("--verbose", action="store_true", help="show TensorFlow's own messages")


def add_reading(parser: Parser, whose: str) -> None:
    """Add the options of files that hold repeats or several tunes.

    Args:
        parser: of a program that reads pieces.
        whose: of which pieces, for the help.
    """
    add = parser.add_argument
    add("--unfold", action="store_true", help=f"play out the repeats of {whose}")
    add("--tune", type=whole(0, MOST_TUNES), metavar="N", help="number of the tune in a tune book")


def add_run(parser: Parser) -> None:
    """Add the option `--run`."""
    about = "a run folder, its name in tb_logs, or: pretrained (default: the newest)"
    parser.add_argument("--run", help=about)


def add_sampling(parser: Parser) -> None:
    """Add the sampling options of commands that generate pieces for comparison."""
    add = parser.add_argument
    temperature = "of new pieces (default: the run's)"
    add("--temperature", type=real(0, HOTTEST), metavar="T", help=temperature)
    add("--seed", type=whole(0, SEEDS), default=0, metavar="N", help="of new pieces (default 0)")


def number_of(name: str) -> Callable[[str], int]:
    """Return the `type` of an option for an integer setting, with the bounds of the setting.

    Example:
        >>> number_of("epochs")("3")
        3
    """
    kind = SETTINGS[name]
    return whole(kind.low, kind.high)
