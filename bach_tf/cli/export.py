"""The command: `python -m bach_tf.cli.export --run RUN --format saved_model,litert,onnx,keras`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.options import add_run
from bach_tf.cli.parser import Parser
from bach_tf.cli.quiet import silence_libraries
from bach_tf.cli.talk import Talk, run_program
from bach_tf.export import EXPORTED, FORMATS, check_formats, folder_for
from bach_tf.learning.runs import find_run, load_trained_run

PROGRAM = "python -m bach_tf.cli.export"


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status, 2 for a mistake of the user's."""
    args = export_parser().parse_args(argv)
    silence_libraries()
    return run_program(PROGRAM, export, args)


def export(args: argparse.Namespace, talk: Talk) -> None:
    """Export a run as the arguments ask, and print what was written."""
    formats = check_formats(args.format)
    found = find_run(args.run)
    folder = folder_for(found, args.output, args.name)
    with talk.loading():
        from bach_tf.export import exporting
    run = load_trained_run(found)
    notes = exporting.export_run(run, formats, output=args.output, name=args.name)
    for name, note in notes.items():
        talk.say(f"{name}: {note}")
    files = (f"{name} {size / 1000:.0f} kB" for name, size in exporting.sizes(folder))
    talk.say(f"{folder}, from {run.folder}: {', '.join(files)}")


def export_parser() -> Parser:
    """Return what reads the command line."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--run RUN] [options]",
        description="Write a trained run for programs that know nothing of bach_tf.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add_run(parser)
    add("--format", default="saved_model", metavar="LIST", help=f"of: {', '.join(FORMATS)}")
    where = f"the folder (default {EXPORTED})"
    add("--output", type=Path, default=EXPORTED, metavar="FOLDER", help=where)
    add("--name", help="of the folder in it; that of the run by default")
    return parser


EXAMPLES = """\
examples:
  python -m bach_tf.cli.export --run tb_logs/gru-jsb --format saved_model,onnx
  python -m bach_tf.cli.export --run pretrained --format litert --name chorales
"""

if __name__ == "__main__":
    begin()
    sys.exit(main())
