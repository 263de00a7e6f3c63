"""The command: `bach-tf validate FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bach_tf.cli.options import add_output_options
from bach_tf.cli.parser import Parser
from bach_tf.cli.talk import Talk
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.validation import format_report, validate_corpus
from bach_tf.formats.grid_csv import HEADER, HIGHEST_PITCH, LOWEST_PITCH


def work(args: argparse.Namespace, talk: Talk) -> int:
    """Print the report of a corpus; return the exit status.

    As JSON: `ok`, and the fields of `corpora.validation.Report`.

    Returns:
        0 if the corpus is valid, otherwise 1.
    """
    report = validate_corpus(args.path, args.report)
    record = {"ok": report.ok, **vars(report)}
    talk.finish(record, [str(report.report_path)], format_report(report))
    return 0 if report.ok else 1


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s FOLDER [--report DIR]",
        description=f"""\
Check a folder of chorale grids: CSV files {",".join(HEADER)}, one piece
each; 4 pitches (0 or {LOWEST_PITCH}..{HIGHEST_PITCH}) in every row.""",
        epilog=EXAMPLES,
    )
    folders = f"a folder with {', '.join(SPLITS)}, or with CSV files"
    parser.add_argument("path", type=Path, metavar="FOLDER", help=folders)
    where = "folder for report.txt and the statistics (default: in the cache)"
    parser.add_argument("--report", type=Path, metavar="DIR", help=where)
    add_output_options(parser, quiet="print only the name of the report")
    return parser


EXAMPLES = """\
examples:
  %(prog)s my_chorales
  %(prog)s my_chorales --report my_report
"""
