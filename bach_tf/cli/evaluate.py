"""The command: `python -m bach_tf.cli.evaluate --run RUN --split test`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.process import begin
from bach_tf.cli.options import add_run, add_sampling
from bach_tf.cli.parser import Parser, whole
from bach_tf.cli.quiet import silence_libraries
from bach_tf.cli.talk import Talk, run_program
from bach_tf.corpora import CORPORA
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.runs import find_run, load_trained_run

PROGRAM = "python -m bach_tf.cli.evaluate"
MOST_PIECES = 10_000  # that are compared with the corpus


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = evaluation_parser().parse_args(argv)
    silence_libraries()
    return run_program(PROGRAM, measure, args)


def measure(args: argparse.Namespace, talk: Talk) -> None:
    """Measure a run as the arguments ask, and print what came out."""
    if args.corpus is not None:
        choose(CORPORA, args.corpus, "corpus")
    found = find_run(args.run)
    with talk.loading():
        from bach_tf.measuring import evaluation as likelihood
    run = load_trained_run(found)
    corpus, data_dir = args.corpus or run.preset.music.corpus, args.data_dir
    if data_dir is None and corpus == run.preset.music.corpus and run.preset.music.data_dir:
        data_dir = Path(run.preset.music.data_dir)
    folder = choose(CORPORA, corpus, "corpus")(data_dir)
    if args.generated is not None:
        how = (args.generated, args.temperature, args.seed)
        talk.say(talk.interruptible(lambda: likelihood.compare_generated(run, folder, *how)))
        return
    measures = likelihood.evaluate_run(run, folder, args.split)
    # Split windows would leak into an n-gram model too: it would know them by heart.
    by_pieces = run.preset.training.split == "pieces"
    ngrams = likelihood.evaluate_ngrams(run, folder, args.split) if by_pieces else {}
    talk.say(f"{run.folder} on {corpus}, {args.split} split, {likelihood.describe(run)}")
    talk.say(likelihood.format_measures(measures))
    if ngrams:
        talk.say(likelihood.format_ngrams(ngrams))


def evaluation_parser() -> Parser:
    """Return what reads the command line."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--run RUN] [options]",
        description="Measure the likelihood of a corpus, or compare new pieces with it.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add_run(parser)
    add("--corpus", metavar="NAME", help="when left out, the one the run was trained on")
    add("--data-dir", type=Path, metavar="PATH", help="where the corpus is read from")
    add("--split", default="test", choices=SPLITS, help="that is measured (default test)")
    pieces = whole(1, MOST_PIECES)
    add("--generated", type=pieces, metavar="N", help="instead: N new chorales beside the corpus")
    add_sampling(parser)
    return parser


EXAMPLES = """\
examples:
  python -m bach_tf.cli.evaluate --run gru-jsb --corpus jsb --split test
  python -m bach_tf.cli.evaluate --run pretrained --corpus jsb --generated 200
"""

if __name__ == "__main__":
    begin()
    sys.exit(main())
