"""Repetition within a piece of four voices: durations of held notes, and repeated passages.

These features are counted, not learned, so that a model need not learn counting and copying from a
few hundred pieces. Each depends only on the previous steps and on the voices above in the current
step.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from bach_tf.models.base import Tensor
from bach_tf.models.layers import taken

LONGEST = 32  # steps; longer runs count as this long
FARTHEST = 1 << 12  # exceeds every count here, so that it dominates a comparison


def held_lengths(chords: Tensor) -> Tensor:
    """Return how many steps each voice has held its note, including the current one.

    Args:
        chords: int32 `(B, N, 4)`, the ids of each step.

    Returns:
        int32 `(B, N, 4)`, 1 to `LONGEST`.
    """
    same = ops.equal(chords[:, 1:], chords[:, :-1])
    same = ops.pad(ops.cast(same, "int32"), ((0, 0), (1, 0), (0, 0)))
    return ops.minimum(run_lengths(same) + 1, LONGEST)


def run_lengths(same: Tensor) -> Tensor:
    """Return the length of the run of ones that ends at each position of the second axis.

    Args:
        same: int32 `(B, N, ...)` of zeros and ones.

    Returns:
        int32 of the same shape, at most `LONGEST`.
    """
    runs, reach = same, 1
    while reach < LONGEST:
        # A run of length `reach` adds the run that ends where it starts.
        runs = runs + ops.where(runs == reach, behind(runs, reach), 0)
        reach *= 2
    return runs


def behind(x: Tensor, steps: int) -> Tensor:
    """Shift `(B, N, ...)` by a number of steps, with zeros at the beginning."""
    length = ops.shape(x)[1]
    padding = ((0, 0), (steps, 0), *((0, 0) for _ in x.shape[2:]))
    return ops.pad(x, padding)[:, :length]


def lagged(chords: Tensor, lags: Tensor) -> Tensor:
    """Return the steps at each of the lags, with zeros before the first: `(B, N, D, 4)`.

    Args:
        chords: int32 `(B, N, 4)`.
        lags: int32 `(D,)`, in steps, the largest last.
    """
    reach = int(lags[-1])
    positions = ops.subtract(ops.arange(ops.shape(chords)[1])[:, None] + reach, lags)  # (N, D)
    return taken(ops.pad(chords, ((0, 0), (reach, 0), (0, 0))), positions, axis=1)


def matches(chords: Tensor, earlier: Tensor) -> Tensor:
    """Return which voices of a step equal the earlier ones: int32 `(B, N, D, 5)`, the last for all.

    Args:
        chords: int32 `(B, N, 4)`.
        earlier: int32 `(B, N, D, 4)`, the result of `lagged`; zeros never match.
    """
    same = ops.cast((chords[:, :, None] == earlier) & (earlier > 0), "int32")
    return ops.concatenate([same, ops.min(same, axis=-1, keepdims=True)], axis=-1)


def propose(
    chords: Tensor, earlier: Tensor, runs: Tensor, lags: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the notes that followed earlier occurrences of the preceding passage.

    Each voice has two proposals: the continuation of the longest earlier passage that matches in
    all voices, including those above in the current step; and of the longest that matches in the
    voice itself. The nearest of equally long passages counts. A passage is no longer than its lag:
    a repeated figure of two beats is not the repeat of a line.

    Args:
        chords: int32 `(B, N, 4)`, of each step; a voice sees those above it.
        earlier: int32 `(B, N, D, 4)`, the steps at each lag.
        runs: int32 `(B, N, D, 5)`, number of matching steps up to the last one at each lag, in
            each voice and in all.
        lags: int32 `(D,)`, in steps.

    Returns:
        the ids, the lengths of the passages (0 to `LONGEST`) and the indices of their lags: int32
        `(B, N, 4, 2)` each.
    """
    same = ops.cast(chords[:, :, None] == earlier, "int32")  # (B, N, D, 4)
    soprano, alto, tenor, _ = ops.unstack(same, 4, axis=-1)
    two = soprano * alto
    above = ops.stack([ops.ones_like(two), soprano, two, two * tenor], axis=-1)
    runs = ops.minimum(runs, lags[:, None])
    own, together = runs[..., :4], runs[..., 4:]  # (B, N, D, 4) and (B, N, D, 1)
    alike = ops.sum(own, axis=-1, keepdims=True)  # less than FARTHEST
    jointly = above * (together + 1)
    scores = ops.stack([jointly * FARTHEST + alike, own * FARTHEST + jointly], axis=-1)
    best = ops.argmax(scores, axis=2)[:, :, None]  # (B, N, 1, 4, 2)
    lengths = ops.stack([above * together, own], axis=-1)  # (B, N, D, 4, 2)
    ids = ops.broadcast_to(ops.expand_dims(earlier, -1), ops.shape(lengths))
    return (
        ops.take_along_axis(ids, best, axis=2)[:, :, 0],
        ops.take_along_axis(lengths, best, axis=2)[:, :, 0],
        ops.cast(best[:, :, 0], "int32"),
    )


def propose_next(
    voice: Tensor, chord: Tensor, earlier: Tensor, runs: Tensor, lags: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `propose` does, for one voice of one step.

    Args:
        voice: which one, int32 scalar.
        chord: int32 `(B, 4)`, the step as far as it is written.
        earlier: int32 `(B, D, 4)`, the steps some lags back.
        runs: int32 `(B, D, 5)`, how many steps up to the last one were alike at each lag.
        lags: int32 `(D,)`, in steps.

    Returns:
        ids, lengths and lags, int32 `(B, 2)` each.
    """
    counts = len(lags)
    unknown = np.arange(chord.shape[1]) >= voice
    agree = ops.all((ops.expand_dims(chord, 1) == earlier) | unknown, axis=-1)  # (B, D)
    runs = ops.minimum(runs, lags[:, None])
    own = taken(runs, voice, axis=2)
    alike, together = ops.sum(runs[:, :, :-1], axis=-1), runs[:, :, -1]
    jointly = ops.where(agree, together + 1, 0)
    weights = ops.stack([jointly, own], axis=1)  # (B, 2, D)
    scores = weights * FARTHEST + ops.stack([alike, jointly], axis=1)
    best = ops.cast(ops.argmax(scores, axis=-1), "int32")  # (B, 2)
    weight = ops.max(scores, axis=-1) // FARTHEST
    lengths = ops.maximum(weight - np.array([1, 0], np.int32), 0)
    rows = ops.expand_dims(ops.arange(ops.shape(chord)[0], dtype="int32") * counts, -1)
    notes = ops.reshape(taken(earlier, voice, axis=2), (-1,))
    return taken(notes, rows + best), lengths, best
