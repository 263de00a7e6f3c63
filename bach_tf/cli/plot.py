"""The command: `bach-tf plot --run RUN`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bach_tf.cli.options import add_output_options, add_run, add_sampling
from bach_tf.cli.parser import Parser, whole
from bach_tf.cli.talk import Talk
from bach_tf.composing.options import MOST_PIECES
from bach_tf.learning.runs import SHIPPED, Run, find_run, load_trained_run, run_name
from bach_tf.measuring.plots import read_curves, write_distributions, write_training_curve

PIECES = 30
FOLDER = Path("plots")
PACKAGE = Path(__file__).resolve().parents[1]


def work(args: argparse.Namespace, talk: Talk) -> None:
    """Plot what the arguments ask for, and print the names of the files.

    As JSON: `run`; `pieces`, the number of generated ones; `files`, the plots.
    """
    found = find_run(args.run)
    history = read_curves(found)
    with talk.loading():
        from bach_tf.composing import generation  # noqa: F401
    run = load_trained_run(found)
    folder = args.output or folder_of_pictures(found)
    folder.mkdir(parents=True, exist_ok=True)
    name = SHIPPED if run_name(found) == SHIPPED else found.resolve().name
    curve, histograms = folder / "training.png", folder / "distributions.png"
    write_training_curve(history, curve, name)
    talk.say(str(curve))
    splits, generated = talk.interruptible(lambda: both_sides(run, args))
    title = f"{run.preset.music.corpus} corpus, and {args.pieces} new pieces by {name}"
    write_distributions(
        splits, generated, histograms, tempo_qpm=run.preset.music.tempo_qpm, title=title
    )
    talk.say(str(histograms))
    files = [str(curve), str(histograms)]
    talk.finish({"run": str(run.folder), "pieces": args.pieces, "files": files}, files)


def folder_of_pictures(run: Path) -> Path:
    """Return the folder for a run's plots: within the run folder, if it belongs to the user.

    Plots of the shipped weights, and of runs that cannot be written, go to `plots/NAME` in the
    working folder.

    Args:
        run: the run folder.
    """
    shipped = run_name(run) == SHIPPED or PACKAGE in run.resolve().parents
    if shipped or not os.access(run, os.W_OK):
        return FOLDER / (SHIPPED if shipped else run.resolve().name)
    return run / FOLDER


def both_sides(run: Run, args: argparse.Namespace) -> tuple[dict[str, list], list]:
    """Return the pieces of a run's corpus by split, and newly generated ones.

    Those of the corpus pass through the codec, so that its losses are not blamed on the model.
    """
    from bach_tf.composing.generation import generate
    from bach_tf.corpora import read_split
    from bach_tf.learning import prepare_corpus

    preset, codec = run.preset, run.codec
    corpus = prepare_corpus(preset)
    splits = {
        split: [codec.decode(codec.encode(score)) for score in read_split(corpus, split)]
        for split in ("train", "valid")
    }
    generated = generate(
        run,
        length=preset.music.length,
        temperature=preset.music.temperature if args.temperature is None else args.temperature,
        seed=args.seed,
        num_outputs=args.pieces,
        min_length=preset.music.min_length,
    )
    return splits, generated


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [--run RUN] [options]",
        description="Plot how a run learned, and how its pieces differ from its corpus.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add_run(parser)
    pieces = f"number of pieces to generate (default {PIECES})"
    add("--pieces", type=whole(1, MOST_PIECES), default=PIECES, metavar="N", help=pieces)
    add_sampling(parser)
    where = f"default: RUN/{FOLDER}; {FOLDER}/NAME for the shipped weights"
    add("--output", type=Path, metavar="FOLDER", help=where)
    add_output_options(parser, quiet="print only the names of the plots")
    return parser


EXAMPLES = """\
examples:
  %(prog)s --run tb_logs/gru-jsb
  %(prog)s --run pretrained --output pictures
"""
