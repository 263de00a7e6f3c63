"""The command: `bach-tf export --run RUN --format saved_model,litert,onnx,keras`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bach_tf.cli.options import add_output_options, add_run
from bach_tf.cli.parser import Parser
from bach_tf.cli.talk import Talk
from bach_tf.export import EXPORTED, FORMATS, check_formats, folder_for
from bach_tf.export.sums import check_sums
from bach_tf.learning.runs import find_run, load_trained_run


def work(args: argparse.Namespace, talk: Talk) -> None:
    """Export a run as requested and print what was written.

    As JSON: `run`, the new `folder`, `formats` (a description of each), and `sizes` (bytes of each
    file and folder in it).
    """
    if args.check:
        _check(args.check, talk)
        return
    formats = check_formats(args.format)
    found = find_run(args.run)
    folder = folder_for(found, args.output, args.name)
    with talk.loading():
        from bach_tf.export import exporting
    run = load_trained_run(found)
    notes = exporting.export_run(run, formats, output=args.output, name=args.name)
    for name, note in notes.items():
        talk.say(f"{name}: {note}")
    sizes = dict(exporting.sizes(folder))
    files = (f"{name} {size / 1000:.0f} kB" for name, size in sizes.items())
    record = {"run": str(run.folder), "folder": str(folder), "formats": notes, "sizes": sizes}
    talk.finish(record, [str(folder)], f"{folder}, from {run.folder}: {', '.join(files)}")


def _check(folder: Path, talk: Talk) -> None:
    """Check that no file of an export is damaged; as JSON the `folder` and number of `files`."""
    files = check_sums(folder)
    talk.finish(
        {"folder": str(folder), "files": files},
        [str(folder)],
        f"{folder}: {files} files, as they were exported",
    )


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [--run RUN] [options]",
        description="Export a trained run to formats that do not need bach_tf.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add_run(parser)
    add("--format", default="saved_model", metavar="LIST", help=f"any of: {', '.join(FORMATS)}")
    where = f"parent folder (default {EXPORTED})"
    add("--output", type=Path, default=EXPORTED, metavar="FOLDER", help=where)
    add("--name", help="name of the new folder in it (default: the run's)")
    about = "check that no file of an export is damaged, instead of exporting"
    add("--check", type=Path, metavar="FOLDER", help=about)
    add_output_options(parser, quiet="print only the folder")
    return parser


EXAMPLES = """\
examples:
  %(prog)s --run tb_logs/gru-jsb --format saved_model,onnx
  %(prog)s --run pretrained --format keras --name chorales
  %(prog)s --check exported/chorales
"""
