"""From pieces to batches with tf.data: encode, transpose, window, batch.

Pieces are encoded once and kept as one flat array of ids. An epoch depends only on the seed and
its number: they determine the order of the windows and the transposition of each piece, so that
a resumed run sees the same batches as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bach_tf._basics.cores import usable_cores
from bach_tf.codecs import PAD, Codec
from bach_tf.learning.windows import (
    Beside,
    Pieces,
    Windowing,
    allowed_shifts,
    in_tokens,
    part_of,
    window_starts,
)

PARALLEL = usable_cores()  # elements prepared in parallel, in deterministic order
AHEAD = 2  # batches prepared ahead
WHOLE = (0, 1)  # the part of a single worker


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return a dataset with autotuning switched off.

    With TensorFlow 2.16 the thread that tunes an iterator sleeps for 10 ms, 20 ms and so on up to
    a minute, and closing the iterator often waits for it: an epoch of 3 seconds may take 5.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class TrainingBatches:
    """An endless sequence of batches of windows, pass after pass.

    In each pass every piece is transposed by a new random shift that keeps it within the
    vocabulary, and every window occurs once, in random order. Windows stay within one piece;
    those shorter than the window are padded, with weight 0. An epoch is a pass, or
    `epoch_batches` long.

    Args:
        pieces: the training split.
        codec: provides the transposition table and the tokens per step.
        windowing: sizes and shifts.
        seed: determines the batches.
        keep: indices of the windows to use; by default all.
        beside: additional model inputs: for each piece an array with one row per step and one
            after the last; `None` for none.
        part: number of a worker, and of how many. It gets its part of the windows of each batch;
            where none is left for it, one with weights of 0.

    Example:
        >>> batches = TrainingBatches(pieces, codec, windowing, seed=0)  # doctest: +SKIP
        >>> inputs, targets, weights = next(iter(batches.dataset()))  # doctest: +SKIP
    """

    def __init__(
        self,
        pieces: Pieces,
        codec: Codec,
        windowing: Windowing,
        *,
        seed: int,
        keep: np.ndarray | None = None,
        beside: Sequence[np.ndarray] | None = None,
        part: tuple[int, int] = WHOLE,
    ):
        self.part = part
        if not len(pieces):
            raise ValueError("Expected at least one piece to train on. Received: none")
        self.windowing = windowing
        self.seed = seed
        self.length, stride = in_tokens(windowing, codec)
        starts, piece = window_starts(pieces, self.length, stride)
        if keep is not None:
            starts, piece = starts[keep], piece[keep]
        self.windows = starts.size
        self._batches = -(-self.windows // windowing.batch_size)  # per pass
        self.steps_per_epoch = windowing.epoch_batches or self._batches
        targets = np.minimum(pieces.ends[piece] - starts - 1, self.length)
        self.tokens = int(targets.sum())  # per pass, without padding
        self._ids = tf.constant(pieces.ids)  # (N,)
        self._starts = tf.constant(starts)  # (W,)
        self._piece = tf.constant(piece)  # (W,)
        self._ends = tf.constant(pieces.ends)  # (P,)
        table = codec.transposition(windowing.shifts)  # (S, V)
        self._table = tf.constant(table)
        self._allowed = tf.constant(allowed_shifts(pieces, table))  # (P, S)
        self._beside = None
        if beside is not None:
            tokens = len(codec.may_follow)
            rows = Beside(pieces, beside, tokens)
            self._beside = _BesideWindows(pieces, rows, tokens, windowing.window)

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """Return endless batches, beginning with an epoch.

        Yields inputs int32 `(B, T)`, targets int32 `(B, T)` (the inputs shifted by one token) and
        weights float32 `(B, T)`; an epoch has `steps_per_epoch` batches.
        """
        first, done = self.windowing.begins(first_epoch, self._batches)
        passes = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
        return without_tuning(passes.flat_map(self._pass).skip(done).prefetch(AHEAD))

    def _pass(self, number: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        order = tf.random.experimental.stateless_shuffle(tf.range(self.windows), seed)  # (W,)
        shift = self._draw_shifts(seed)  # (P,)
        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(self.windowing.batch_size)
            .map(lambda rows: self._cut_part(rows, shift), num_parallel_calls=PARALLEL)
        )

    def _cut_part(self, rows: tf.Tensor, shift: tf.Tensor):
        if self.part == WHOLE:
            return self._cut(rows, shift)
        first, last = part_of(tf.size(rows), *self.part)
        inputs, targets, weights = self._cut(rows[first : tf.maximum(last, first + 1)], shift)
        return inputs, targets, weights * tf.cast(last > first, tf.float32)

    def _draw_shifts(self, seed: tf.Tensor) -> tf.Tensor:
        """Return the row of the transposition table for each piece: int64 `(P,)`."""
        chance = tf.random.stateless_uniform(self._allowed.shape, seed)  # (P, S)
        return tf.argmax(tf.where(self._allowed, chance, -1.0), axis=1)

    def _cut(self, rows: tf.Tensor, shift: tf.Tensor):
        piece = tf.gather(self._piece, rows)  # (B,)
        starts = tf.gather(self._starts, rows)  # (B,)
        ids = _cut(self._ids, starts, tf.gather(self._ends, piece), self.length)  # (B, T + 1)
        table = tf.gather(self._table, tf.gather(shift, piece))  # (B, V)
        ids = tf.gather(table, ids, batch_dims=1)  # (B, T + 1)
        inputs, *others = _example(ids, tf.cast(ids[:, 1:] != PAD, tf.float32))
        if self._beside is not None:
            inputs = inputs, self._beside.cut(piece, starts)
        return inputs, *others


class _BesideWindows:
    """Additional inputs for the steps of windows, cut in the graph."""

    def __init__(self, pieces: Pieces, beside: Beside, tokens_per_step: int, window: int):
        self.tokens, self.window = tokens_per_step, window
        self.first_tokens = tf.constant(pieces.starts)
        self.rows = tf.constant(beside.rows)
        self.starts, self.ends = tf.constant(beside.starts), tf.constant(beside.ends)

    def cut(self, piece: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
        """Return the rows for windows that begin at the given tokens: `(B, window, ...)`."""
        steps = (starts - tf.gather(self.first_tokens, piece)) // self.tokens
        places = (tf.gather(self.starts, piece) + steps)[:, None] + tf.range(
            tf.constant(self.window, tf.int64)
        )
        inside = places < tf.gather(self.ends, piece)[:, None]
        rows = tf.gather(self.rows, tf.where(inside, places, 0))
        inside = tf.reshape(inside, (-1, self.window, *(1 for _ in self.rows.shape[1:])))
        return tf.where(inside, rows, 0)


def evaluation_batches(
    pieces: Pieces, codec: Codec, batch_size: int = 32, context: int | None = None
) -> tf.data.Dataset:
    """Return batches of untransposed pieces that count each token once.

    These are whole pieces, shortest first, padded to the longest of the batch; or windows of
    `context` steps with half that stride, of which the second half counts, so that each token
    is predicted from at least half the context, or from all that precedes it in the piece.

    Args:
        pieces: the pieces, not transposed.
        codec: determines which ids count.
        batch_size: pieces or windows per batch.
        context: steps per window; by default whole pieces.

    Yields inputs int32 `(B, T)`, targets int32 `(B, T)` and weights float32 `(B, T)`: 1 for
    counted tokens, 0 for padding, the end of the piece, and tokens counted in an earlier window.
    """
    parts = measured_parts(pieces, codec, context)
    return without_tuning(batches_of_parts(pieces.ids, parts, codec, batch_size).prefetch(1))


def measured_parts(
    pieces: Pieces, codec: Codec, context: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `evaluation_batches` measures, in its order.

    Args:
        pieces: the pieces, not transposed.
        codec: determines the tokens per step.
        context: steps per window; `None` for whole pieces.

    Returns:
        of each piece or window, the index of its first token, the index after its last target, and
        how many of its first targets do not count: int64 `(N,)` each.
    """
    if context is None:
        order = np.argsort(pieces.ends - pieces.starts, kind="stable")
        starts, ends = pieces.starts[order], pieces.ends[order]
        return starts, ends, np.zeros_like(starts)
    length, half = (steps * len(codec.may_follow) for steps in (context, context // 2))
    starts, piece = window_starts(pieces, length, half)
    first = starts == pieces.starts[piece]
    # Up to the target after the window, or to the end of the piece.
    ends = np.minimum(starts + length + 1, pieces.ends[piece])
    return starts, ends, np.where(first, 0, length - half)


def last_step_batches(
    pieces: Pieces, codec: Codec, windowing: Windowing, windows: np.ndarray, batch_size: int = 256
) -> tf.data.Dataset:
    """Return batches of the given windows that count only the last step, as in some recipes.

    This is the last token for codecs with one token per step, otherwise that of every voice.

    Args:
        pieces: the pieces, split by window.
        codec: determines which ids count.
        windowing: length and stride of the windows.
        windows: indices of the windows, as returned by `split_windows`.
        batch_size: windows per batch.

    Yields the same as `evaluation_batches`.
    """
    length, stride = in_tokens(windowing, codec)
    starts, piece = window_starts(pieces, length, stride)
    starts = starts[windows]
    ends = np.minimum(starts + length + 1, pieces.ends[piece[windows]])
    # Windows begin at steps. The final step may be a single token, the end of the piece.
    tokens_per_step = len(codec.may_follow)
    skipped = (ends - starts - 2) // tokens_per_step * tokens_per_step
    parts = starts, ends, skipped
    return without_tuning(batches_of_parts(pieces.ids, parts, codec, batch_size).prefetch(1))


def batches_of_parts(
    ids: Any, parts: tuple[Any, ...], codec: Codec, batch_size: int
) -> tf.data.Dataset:
    """Return batches of parts of pieces that count some of their targets.

    Args:
        ids: the tokens of the pieces: int32 `(N,)`.
        parts: of each part, the index of its first token, the index after its last target, and how
            many of its first targets do not count: int64 `(R,)` each.
        codec: determines which ids count.
        batch_size: parts per batch.

    Yields the same as `evaluation_batches`.
    """
    ids, counted = tf.convert_to_tensor(ids), tf.constant(codec.counted, tf.float32)  # (N,), (V,)

    def batch(starts, ends, skipped):
        cut = _cut(ids, starts, ends, tf.reduce_max(ends - starts) - 1)  # (B, T + 1)
        targets = cut[:, 1:]
        late = tf.range(tf.shape(targets, tf.int64)[1]) >= skipped[:, None]  # (B, T)
        return _example(cut, tf.gather(counted, targets) * tf.cast(late, tf.float32))

    return tf.data.Dataset.from_tensor_slices(parts).batch(batch_size).map(batch)


def _cut(ids: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, length) -> tf.Tensor:
    """Return `length + 1` ids from each start, padded after each end: `(B, length + 1)`."""
    positions = starts[:, None] + tf.range(tf.cast(length, tf.int64) + 1)  # (B, T + 1)
    inside = positions < ends[:, None]
    return tf.where(inside, tf.gather(ids, tf.where(inside, positions, 0)), PAD)


def _example(ids: tf.Tensor, weights: tf.Tensor):
    return ids[:, :-1], ids[:, 1:], weights
