"""How many new pieces quote a training piece, so that the rule "quotation" samples them again.

    python -m benchmarks.quotations
    python -m benchmarks.quotations --pieces 200 --bars 16

New pieces are sampled with the default rules of the run except "quotation", and those with a
quotation longer than two bars are counted.
"""

from __future__ import annotations

import argparse
import sys

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.composing.generation import generate_batches
from bach_tf.composing.options import OPTIONS, QUOTATION, check_quotation, resolve_options
from bach_tf.composing.quotations import Quotations
from bach_tf.formats.grid_csv import VOICES
from bach_tf.learning.runs import SHIPPED, Run, find_run, load_trained_run
from benchmarks.machine import describe_machine


def quoting(run: Run, pieces: int, bars: int) -> int:
    """Return how many new pieces have a quotation that is too long.

    Args:
        run: a run with a memory.
        pieces: number of new pieces.
        bars: their length.

    Raises:
        ValueError: if the run has no memory.
    """
    check_quotation(run.preset, QUOTATION)
    asked = dict.fromkeys(OPTIONS) | {"top_k": 0, "top_p": 1.0, "seed": 0}
    options = resolve_options(
        run.preset.music, run.codec, {**asked, "bars": bars, "num_outputs": pieces}
    )
    options["rules"] = [name for name in options["rules"] if name != QUOTATION]
    quotations = Quotations(run.model.memory.pieces)
    batches = generate_batches(run, **options)
    return sum(quotations.found_in(_steps(ids)) for batch in batches for ids in batch)


def _steps(ids: np.ndarray) -> np.ndarray:
    """Return the notes of a piece: ids `(T, 4)`."""
    music = ids[ids >= SatbCodec.SILENT]
    return music[: len(music) // len(VOICES) * len(VOICES)].reshape(-1, len(VOICES))


def main(argv: list[str] | None = None) -> int:
    """Print the count; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.quotations", description=_about())
    parser.add_argument("--run", default=SHIPPED, help="a run with a memory")
    parser.add_argument("--pieces", type=int, default=50)
    parser.add_argument("--bars", type=int, default=16)
    args = parser.parse_args(argv)
    try:
        found = quoting(load_trained_run(find_run(args.run)), args.pieces, args.bars)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    print(describe_machine())
    print(
        f"{found} of {args.pieces} pieces of {args.bars} bars ({100 * found / args.pieces:.1f} %) "
        "quote more than two bars, and would be sampled again"
    )
    return 0


def _about() -> str:
    return (__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
