"""The command: `bach-tf prepare --data-dir FOLDER`."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from bach_tf.cli.options import add_output_options
from bach_tf.cli.parser import Parser, whole
from bach_tf.cli.talk import Talk
from bach_tf.corpora.scale.preparing import SHARDS, Engine, Report, prepare_shards
from bach_tf.corpora.scale.runners import DIRECT, RUNNERS
from bach_tf.corpora.scale.shards import MANIFEST
from bach_tf.recipes import DEFAULT_MODEL, PRESETS, make_preset

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_SHARDS = 99_999  # which have five digits
MOST_REASONS = 20  # rows of the table


def work(args: argparse.Namespace, talk: Talk) -> None:
    """Prepare a corpus and print what became of its files.

    As JSON: the fields of `corpora.scale.preparing.Report`.

    Raises:
        ValueError: as for `prepare_shards`, or if the pipeline fails.
    """
    preset = make_preset(args.model, None, args.data_dir, args.set)
    output = args.output or f"{preset.recipe}-shards"
    engine = Engine(args.runner, tuple(args.beam), args.processes, not args.no_statistics)
    try:
        with talk.status(f"Preparing {args.data_dir}"):
            report = prepare_shards(
                args.data_dir, preset.music, output, shards=args.shards, engine=engine
            )
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    talk.show(report_table(report))
    model = [] if args.model is None else ["--model", args.model]
    settings = [word for assignment in args.set for word in ("--set", assignment)]
    train = shlex.join([*talk.sibling("train").split(), *model, *settings])
    talk.finish(asdict(report), [report.folder], closing_line(report, train))


def report_table(report: Report) -> RenderableType:
    """Return tables of the splits and of the reasons for which files were left out.

    Args:
        report: as returned by `prepare_shards`.
    """
    from rich.console import Group
    from rich.table import Table

    splits = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("split", "shards", "pieces", "tokens"):
        splits.add_column(name, justify="left" if name == "split" else "right")
    for split, shards in report.splits.items():
        pieces = sum(shard.pieces for shard in shards)
        tokens = sum(shard.tokens for shard in shards)
        splits.add_row(split, f"{len(shards):,}", f"{pieces:,}", f"{tokens:,}")
    if not report.left_out:
        return splits
    reasons = Table(box=None, padding=(0, 2, 0, 0))
    reasons.add_column("left out", justify="right")
    reasons.add_column("reason")
    for reason, count in [*report.left_out.items()][:MOST_REASONS]:
        reasons.add_row(f"{count:,}", reason)
    return Group(splits, "", reasons)


def closing_line(report: Report, train: str) -> str:
    """Return the last lines: the result, its folder and the next command.

    Args:
        report: as returned by `prepare_shards`.
        train: the command that trains.
    """
    left_out = sum(report.left_out.values())
    told = [f"{report.files:,} files in {report.seconds:.0f} s"]
    told += [f"{left_out:,} files or tunes left out, see left_out.csv"] * bool(left_out)
    told += [f"{len(report.skipped):,} skipped, see {MANIFEST}"] * bool(report.skipped)
    told += [f"{report.copies:,} copies, see copies.csv"] * bool(report.copies)
    leaks = ""
    if report.leaks:
        leaks = (
            f"\nWarning: pieces in two splits: {report.leaks:,}, so figures measured on them are "
            "of memorised music: see copies.csv."
        )
    return (
        f"{'; '.join(told)}.{leaks}\nPrepared folder: {report.folder}. "
        f"Next: {train} --data-dir {shlex.quote(report.folder)}"
    )


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s --data-dir FOLDER [options] [-- BEAM OPTIONS]",
        description="""\
Read, check, split and encode files with Apache Beam, into a folder of shards
that training reads as a stream. For corpora of any size, on any machines.""",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    about = "your files: a folder, or a pattern such as 'archive/**/*.mid'"
    add("--data-dir", required=True, metavar="PATH", help=about)
    add("--model", metavar="NAME", help=f"one of: {', '.join(PRESETS)} (default {DEFAULT_MODEL})")
    add("--output", metavar="FOLDER", help="the prepared folder (default MODEL-shards)")
    shards = whole(1, MOST_SHARDS)
    about = f"shards of the training split (default {SHARDS})"
    add("--shards", type=shards, default=SHARDS, metavar="N", help=about)
    add("--runner", default=DIRECT, metavar="NAME", help=f"one of: {', '.join(RUNNERS)}")
    about = "processes of the direct runner (default: one for each core)"
    add("--processes", type=whole(1, 1024), metavar="N", help=about)
    about = "leave out the statistics of TensorFlow Data Validation"
    add("--no-statistics", action="store_true", help=about)
    add(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting of the encoding, as for train; repeatable",
    )  # fmt: skip
    add("beam", nargs="*", metavar="BEAM OPTIONS", help="after --: options of the runner")
    add_output_options(parser, quiet="print only the prepared folder")
    return parser


EXAMPLES = """\
examples:
  %(prog)s --data-dir midi --model performance --shards 64
  %(prog)s --data-dir 'archive/**/*.mid' --model folk --output tunes
  %(prog)s --data-dir midi --runner flink -- --flink_master=host:8081
"""
