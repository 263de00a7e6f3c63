"""The command line of what measures a run of four voices on the pieces of a split."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.corpora import CORPORA
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.runs import Run, find_run, load_trained_run
from bach_tf.learning.windows import load_split


def report(
    program: str,
    about: str,
    argv: list[str] | None,
    text_of: Callable[[Run, list[np.ndarray]], str],
) -> int:
    """Print what is measured; return the exit status.

    Args:
        program: its name, for messages.
        about: a line for the help.
        argv: arguments; those of the command line when `None`.
        text_of: takes the run and the pieces, ids `(1 + 4 T + 1,)` each.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--run", help="a run of four voices; the newest when left out")
    parser.add_argument("--corpus", default="jsb", help="of four voices")
    parser.add_argument("--data-dir", type=Path, help="where the corpus is read from")
    parser.add_argument("--split", default="valid", choices=SPLITS)
    args = parser.parse_args(argv)
    try:
        run = load_trained_run(find_run(args.run))
        corpus = choose(CORPORA, args.corpus, "corpus").prepare(args.data_dir)
        text = text_of(run, load_split(corpus, args.split, run.codec).arrays())
    except (ValueError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    print(f"{run.folder} on {args.corpus}, {args.split} split\n\n{text}")
    return 0
