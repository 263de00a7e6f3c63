"""What a piece of four voices has done before: how long notes are held, and what it repeats.

All of it is counted, not learned, so a model need not find out from a few hundred pieces how to
count or how to copy. Everything here sees the steps before the present one, and of the present one
the voices above.
"""

from __future__ import annotations

from keras import ops

from bach_tf.models.base import Tensor

LONGEST = 32  # steps: longer runs count as this long
FARTHEST = 1 << 12  # above all that is counted here: what weighs it goes first


def held_lengths(chords: Tensor) -> Tensor:
    """Return how many steps each voice has held its note, this one included.

    Args:
        chords: int32 `(B, N, 4)`, the ids of each step.

    Returns:
        int32 `(B, N, 4)`, 1 to `LONGEST`.
    """
    same = ops.equal(chords[:, 1:], chords[:, :-1])
    same = ops.pad(ops.cast(same, "int32"), ((0, 0), (1, 0), (0, 0)))
    return ops.minimum(run_lengths(same) + 1, LONGEST)


def run_lengths(same: Tensor) -> Tensor:
    """Return how many ones in a row end at each position, along the second axis.

    Args:
        same: int32 `(B, N, ...)` of zeros and ones.

    Returns:
        int32 of the same shape, at most `LONGEST`.
    """
    runs, reach = same, 1
    while reach < LONGEST:
        # Whoever has `reach` in a row adds what its neighbour of so many steps ago has.
        runs = runs + ops.where(runs == reach, behind(runs, reach), 0)
        reach *= 2
    return runs


def behind(x: Tensor, steps: int) -> Tensor:
    """Return `(B, N, ...)` moved so many steps on, zeros at the beginning."""
    length = ops.shape(x)[1]
    padding = ((0, 0), (steps, 0), *((0, 0) for _ in x.shape[2:]))
    return ops.pad(x, padding)[:, :length]


def lagged(chords: Tensor, lags: Tensor) -> Tensor:
    """Return the step that lies each of the lags back, zeros before the first: `(B, N, D, 4)`.

    Args:
        chords: int32 `(B, N, 4)`.
        lags: int32 `(D,)`, in steps, the largest last.
    """
    reach = int(lags[-1])
    positions = ops.subtract(ops.arange(ops.shape(chords)[1])[:, None] + reach, lags)  # (N, D)
    return ops.take(ops.pad(chords, ((0, 0), (reach, 0), (0, 0))), positions, axis=1)


def matches(chords: Tensor, earlier: Tensor) -> Tensor:
    """Return in which voices a step equals the earlier ones: int32 `(B, N, D, 5)`, the last in all.

    Args:
        chords: int32 `(B, N, 4)`.
        earlier: int32 `(B, N, D, 4)`, as `lagged` gives it; zeros equal nothing.
    """
    same = ops.cast((chords[:, :, None] == earlier) & (earlier > 0), "int32")
    return ops.concatenate([same, ops.min(same, axis=-1, keepdims=True)], axis=-1)


def propose(
    chords: Tensor, earlier: Tensor, runs: Tensor, lags: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the notes that followed where the piece has been alike before.

    Two notes for each voice: what followed the longest passage in which all voices did what they
    have done just now, those above in the present step included; and the longest in which the
    voice itself did. Of equally long ones the nearest counts. A passage is no longer than the lag:
    a figure of two beats that goes round and round is not a line that is sung again.

    Args:
        chords: int32 `(B, N, 4)`, of each step; a voice sees those above it.
        earlier: int32 `(B, N, D, 4)`, the steps some lags back.
        runs: int32 `(B, N, D, 5)`, how many steps up to the last one were alike at each lag, in
            each voice and in all.
        lags: int32 `(D,)`, in steps.

    Returns:
        ids int32 `(B, N, 4, 2)`; the lengths of the passages, 0 to `LONGEST`: int32
        `(B, N, 4, 2)`; and which of the lags it is, int32 `(B, N, 4, 2)`.
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
