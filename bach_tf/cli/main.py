"""`bach-tf COMMAND`: finds the command and imports only its module."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from bach_tf._basics.process import begin

if TYPE_CHECKING:
    from bach_tf.cli.parser import Parser

PROGRAM = "bach-tf"
HARMONIZE = "--harmonize"  # of `generate`, where people look for it
# Each is a module here, with `make_parser(program) -> Parser` and `work(args, talk) -> status`.
COMMANDS = {
    "train": "train a model on a corpus",
    "generate": "write new pieces with a trained run",
    "harmonize": "write the missing voices of a melody or a piece, or some bars anew",
    "evaluate": "measure the likelihood of a corpus, or compare new pieces with it",
    "studio": "write, hear and harmonize music in the browser",
    "render": "convert pieces to sound, sheet music and pictures",
    "plot": "plot learning curves and histograms of pieces beside the corpus",
    "export": "export a trained run to formats that do not need bach_tf",
    "prepare": "encode a corpus of any size into shards, with Apache Beam",
    "validate": "check a folder of chorale grids",
}


def run(command: str | None = None) -> int:
    """Run the program of this process; return its exit status.

    Args:
        command: for a script of its own, `python COMMAND.py`; by default the first argument.
    """
    begin()  # before any slow import
    if command is None:
        return main()
    return run_command(command, None, f"python {command}.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bach-tf`; return its exit status.

    Args:
        argv: the command and its arguments; those of the process by default.
    """
    first, *arguments = (sys.argv[1:] if argv is None else argv) or [""]
    if first in COMMANDS:
        return run_command(first, arguments, f"{PROGRAM} {first}")
    parser = _parser()
    if not first or first.startswith("-"):
        parser.parse_args([first] if first else [])  # exits after --help and --version
        parser.error("expected a command")
    from bach_tf._basics.choices import choose

    try:
        choose(COMMANDS, first, "command")
    except ValueError as error:
        parser.error(str(error))


def run_command(command: str, arguments: Sequence[str] | None, program: str) -> int:
    """Run a command; return its exit status.

    Args:
        command: one of `COMMANDS`.
        arguments: those after the command; those of the process by default.
        program: how the command was called, for help and messages.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    command, arguments = _meant(command, arguments)
    module = import_module(f"bach_tf.cli.{command}")
    args = module.make_parser(program).parse_args(arguments)
    from bach_tf.cli.quiet import silence_libraries
    from bach_tf.cli.talk import run_program

    silence_libraries(getattr(args, "verbose", False))
    return run_program(program, module.work, args)


def _meant(command: str, arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the command that is meant: `generate --harmonize FILE` is `harmonize FILE`."""
    if command != "generate":
        return command, arguments
    for place, argument in enumerate(arguments):
        name, equals, file = argument.partition("=")
        if name.replace("_", "-") == HARMONIZE:
            rest = [*arguments[:place], *arguments[place + 1 :]]
            return "harmonize", [*([file] if equals else []), *rest]
    return command, arguments


def _parser() -> Parser:
    from bach_tf import __version__
    from bach_tf.cli.parser import Parser

    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {about}" for name, about in COMMANDS.items())
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND [options]",
        description="Learn a style of written music, and write new pieces in it.",
        epilog=f"commands:\n{listed}\n\nOptions of a command: {PROGRAM} COMMAND --help",
    )
    version = f"bach_tf {__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    return parser
