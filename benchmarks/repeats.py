"""What a model of four voices pays where a chorale repeats itself.

    python -m benchmarks.repeats --run RUN --corpus jsb --split valid

A step repeats as many steps as, up to the one before it, equal those some beats back, in all four
voices. Where many do, a model that looks them up need not pay for the next one: beside the nats a
token stands how often the step does go on as it did before.
"""

from __future__ import annotations

import sys

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.learning.runs import Run
from bach_tf.models import repeats
from benchmarks.on_a_split import report

LAGS = np.arange(4, 193, 4, dtype=np.int32)  # steps
BOUNDS = (0, 1, 4, 8, 16, repeats.LONGEST)


def measure(run: Run, pieces: list[np.ndarray]) -> np.ndarray:
    """Return a row for each step of all pieces: repeated steps, nats of its tokens, goes on.

    Args:
        run: of four voices.
        pieces: ids `(1 + 4 T + 1,)` each.

    Returns:
        float64 `(N, 3)`.
    """

    @tf.function(reduce_retracing=True)
    def nats_of(ids):
        logits = run.model(ids[:, :-1], training=False)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits)

    rows = []
    for ids in pieces:
        nats = nats_of(tf.constant(ids[None]))[0, :-1].numpy().reshape(-1, 4)
        lengths, follows = repeated(ids[1:-1].reshape(1, -1, 4))
        rows.append(np.stack([lengths, nats.sum(axis=1), follows], axis=1))
    return np.concatenate(rows).astype(np.float64)


def repeated(chords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many steps each step repeats, and whether the repetition continues: `(N,)`.

    Args:
        chords: int32 `(1, N, 4)`.
    """
    earlier = repeats.lagged(chords, LAGS)
    runs = repeats.run_lengths(repeats.matches(chords, earlier))
    before = np.asarray(repeats.behind(runs, 1))[0, ..., -1]  # (N, D)
    nearest = before.argmax(axis=1)
    steps = np.arange(len(nearest))
    goes_on = (np.asarray(earlier)[0, steps, nearest] == chords[0]).all(axis=1)
    return before.max(axis=1), goes_on


def format_table(rows: np.ndarray) -> str:
    """Return a line for each range of lengths, and one for all."""
    lines = ["| steps repeated | steps | nats per token | share of the loss | repeat continues |"]
    lines.append("| --- | --- | --- | --- | --- |")
    lengths, nats, goes_on = rows.T
    total = nats.sum()
    for low, high in zip(BOUNDS, (*BOUNDS[1:], np.inf)):
        here = (lengths >= low) & (lengths < high)
        if here.any():
            name = f"{low} or more" if high == np.inf else f"{low} to {high - 1}"
            name = str(low) if high == low + 1 else name
            lines.append(
                f"| {name} | {here.sum():,} | {nats[here].mean() / 4:.3f} "
                f"| {nats[here].sum() / total:.1%} | {goes_on[here].mean():.1%} |"
            )
    lines.append(f"| all | {len(rows):,} | {nats.mean() / 4:.3f} | 100 % | {goes_on.mean():.1%} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    return report(
        "repeats",
        __doc__.splitlines()[0],
        argv,
        lambda run, pieces: format_table(measure(run, pieces)),
    )


if __name__ == "__main__":
    sys.exit(main())
