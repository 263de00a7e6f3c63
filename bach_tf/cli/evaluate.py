"""The command: `bach-tf evaluate --run RUN --split test`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf.cli.inputs import read_chorales
from bach_tf.cli.options import add_output_options, add_run, add_sampling
from bach_tf.cli.parser import Parser, whole
from bach_tf.cli.talk import Talk
from bach_tf.composing.options import MOST_PIECES
from bach_tf.corpora import CORPORA, prepare_corpus, read_prepared
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.runs import find_run, load_settings, load_trained_run
from bach_tf.measuring.comparison import compare, format_comparison


def work(args: argparse.Namespace, talk: Talk) -> None:
    """Evaluate a run as requested and print the result.

    As JSON: `run`, `recipe`, `corpus`; then either `split`, `measured` (a description), `measures`
    (see `measuring.evaluation.evaluate`) and `ngrams` (the same for n-gram models, by order); or,
    for new pieces, `columns` (see `measuring.comparison.compare`) for the `generated` pieces, or
    the `pieces` in files, and for each split, and `telling`, the features that give them away.
    """
    if args.corpus is not None:
        choose(CORPORA, args.corpus, "corpus")
    found = find_run(args.run)
    if args.pieces is not None:
        _compare_files(args, found, talk)
        return
    with talk.loading():
        from bach_tf.measuring import evaluation as likelihood
    run = load_trained_run(found)
    corpus = args.corpus or run.preset.music.corpus
    folder = prepare_corpus(run.preset.music, corpus, args.data_dir)
    about = {"run": str(run.folder), "recipe": run.preset.recipe, "corpus": corpus}
    if args.generated is not None:
        how = (args.generated, args.temperature, args.seed)
        comparison = talk.interruptible(lambda: likelihood.compare_generated(run, folder, *how))
        talk.finish({**about, **asdict(comparison)}, [], format_comparison(comparison))
        return
    measures = likelihood.evaluate_run(run, folder, args.split)
    # Split windows would leak into an n-gram model too.
    by_pieces = run.preset.training.split == "pieces"
    ngrams = likelihood.evaluate_ngrams(run, folder, args.split) if by_pieces else {}
    measured = likelihood.describe(run)
    tables = [likelihood.format_measures(measures)]
    tables += [likelihood.format_ngrams(ngrams)] if ngrams else []
    heading = f"{run.folder} on {corpus}, {args.split} split, {measured}"
    about |= {"split": args.split, "measured": measured, "measures": measures, "ngrams": ngrams}
    talk.finish(about, [], "\n".join([heading, *tables]))


def _compare_files(args: argparse.Namespace, run: Path, talk: Talk) -> None:
    """Compare pieces in files with a corpus, without TensorFlow."""
    pieces = read_chorales(args.pieces, args.strict)
    music = load_settings(run)[0].music
    corpus = args.corpus or music.corpus
    folder = prepare_corpus(music, corpus, args.data_dir)
    comparison = compare("pieces", pieces, read_prepared(folder), args.seed)
    talk.finish({"corpus": corpus, **asdict(comparison)}, [], format_comparison(comparison))


def make_parser(program: str) -> Parser:
    """Return the parser for the command's arguments."""
    parser = Parser(
        prog=program,
        usage="%(prog)s [--run RUN] [options]",
        description="Measure the likelihood of a corpus, or compare new pieces with it.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add_run(parser)
    add("--corpus", metavar="NAME", help="default: the run's own")
    add("--data-dir", type=Path, metavar="PATH", help="where the corpus is read from")
    add("--split", default="test", choices=SPLITS, help="split to evaluate (default test)")
    pieces = whole(1, MOST_PIECES)
    instead = parser.add_mutually_exclusive_group()
    new = "compare N newly generated chorales with Bach's"
    instead.add_argument("--generated", type=pieces, metavar="N", help=new)
    files = "compare the chorales in files or folders with Bach's"
    instead.add_argument("--pieces", type=Path, nargs="+", metavar="FILE", help=files)
    add("--strict", action="store_true", help="refuse --pieces with recoverable faults")
    add_sampling(parser)
    add_output_options(parser)
    return parser


EXAMPLES = """\
examples:
  %(prog)s --run gru-jsb --corpus jsb --split test
  %(prog)s --run pretrained --corpus jsb --generated 200
  %(prog)s --corpus jsb --pieces generated/
"""
