"""The command: `python -m bach_tf.cli.validate FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.parser import Parser
from bach_tf.cli.quiet import silence_libraries
from bach_tf.cli.talk import Talk, run_program
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.validation import format_report, validate_corpus
from bach_tf.formats.grid_csv import HEADER, HIGHEST_PITCH, LOWEST_PITCH

PROGRAM = "python -m bach_tf.cli.validate"


def main(argv: list[str] | None = None) -> int:
    """Validate a corpus from the command line; return the exit status.

    Returns:
        0 when the content is as expected, 1 when not, 2 for a mistake in the arguments.
    """
    args = validation_parser().parse_args(argv)
    silence_libraries()
    return run_program(PROGRAM, validate, args)


def validate(args: argparse.Namespace, talk: Talk) -> int:
    """Print the report of a corpus; return whether its content is not as expected."""
    report = validate_corpus(args.path, args.report)
    talk.say(format_report(report))
    return 0 if report.ok else 1


def validation_parser() -> Parser:
    """Return what reads the command line."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} FOLDER [--report DIR]",
        description=f"""\
Check a folder of chorale grids: CSV files {",".join(HEADER)}, one piece
each; 4 pitches (0 or {LOWEST_PITCH}..{HIGHEST_PITCH}) in every row.""",
        epilog=EXAMPLES,
    )
    folders = f"with folders {', '.join(SPLITS)}, or CSV files"
    parser.add_argument("path", type=Path, metavar="FOLDER", help=folders)
    where = "for report.txt and the statistics (default: a folder of the cache)"
    parser.add_argument("--report", type=Path, metavar="DIR", help=where)
    return parser


EXAMPLES = """\
examples:
  python -m bach_tf.cli.validate my_chorales
  python -m bach_tf.cli.validate my_chorales --report my_report
"""

if __name__ == "__main__":
    begin()
    sys.exit(main())
