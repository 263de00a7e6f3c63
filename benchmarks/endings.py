"""How likely a run of four voices is to end a piece that it has just begun.

    python -m benchmarks.endings --run RUN

Of new pieces at temperature 1, which are not allowed to end and keep no rules: the probability that
they had ended after at most so many steps, on average. A model whose training windows begin shortly
before the end of a piece expects one at once.
"""

from __future__ import annotations

import argparse
import sys

from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.composing.sampling import Sampler
from bach_tf.learning.runs import Run, find_run, load_trained_run

STEPS = (8, 16, 32, 64)
PIECES = 256


def measure(run: Run, pieces: int) -> list[float]:
    """Return the probability of an end after at most each of `STEPS`.

    Args:
        run: of four voices.
        pieces: how many new ones.

    Raises:
        ValueError: a run of something else.
    """
    codec = run.codec
    if not isinstance(codec, SatbCodec):
        raise ValueError(f"Expected a run of four voices. Received: {run.folder}")
    length = codec.tokens_in(max(STEPS))
    ids = Sampler(run.model, codec).sample(
        [codec.START], length=length, min_length=length, temperature=1, seed=0, num_outputs=pieces
    )
    parts = np.array_split(ids, -(-pieces // 32))
    ends = np.concatenate([ends_after_steps(run, part) for part in parts])
    return [1 - float(np.prod(1 - ends[:, :steps], axis=1).mean()) for steps in STEPS]


def ends_after_steps(run: Run, ids: np.ndarray) -> np.ndarray:
    """Return the probability of an end after each step of pieces that go on: `(N, T)`.

    Args:
        run: of four voices.
        ids: `(N, 1 + 4 T)`.
    """
    voices = len(run.codec.may_follow)
    logits = run.model(tf.constant(ids), training=False).numpy()[:, voices::voices]  # (N, T, V)
    logits = np.where(run.codec.may_follow[0], logits, -np.inf)
    return tf.nn.softmax(logits).numpy()[..., run.codec.END]


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="a run of four voices; the newest when left out")
    args = parser.parse_args(argv)
    try:
        run = load_trained_run(find_run(args.run))
        chances = measure(run, PIECES)
    except (ValueError, OSError) as error:
        print(f"endings: {error}", file=sys.stderr)
        return 2
    print(f"{run.folder}: {PIECES} new pieces\n\n| steps | ended |\n| --- | --- |")
    for steps, chance in zip(STEPS, chances):
        print(f"| {steps} | {100 * chance:.2f} % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
