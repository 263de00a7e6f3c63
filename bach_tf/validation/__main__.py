"""The command: `python -m bach_tf.validation FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf.corpora.grid_csv import EXPECTED_ROW, HEADER
from bach_tf.corpora.prepared import SPLITS
from bach_tf.quiet import silence_libraries
from bach_tf.validation import format_report, validate_corpus


def main(argv: list[str] | None = None) -> int:
    """Validate a corpus from the command line; return the exit status.

    Returns:
        0 when the content is as expected, 1 when not, 2 for a mistake in the arguments.
    """
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.validation",
        description="Check a folder of chorale grids: CSV files "
        f"{','.join(HEADER)}, one piece each; {EXPECTED_ROW} in every row.",
        epilog="example: python -m bach_tf.validation my_chorales --report my_report",
    )
    parser.add_argument("path", type=Path, help=f"with folders {', '.join(SPLITS)}, or CSV files")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="where to write report.txt and the statistics (default: a folder of the cache)",
    )
    arguments = parser.parse_args(argv)
    silence_libraries()
    try:
        report = validate_corpus(arguments.path, arguments.report)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    print(format_report(report))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
