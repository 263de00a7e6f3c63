"""From pieces to batches with tf.data: encode, transpose, window, batch.

Pieces are encoded once, by their codec, and kept as one flat array of ids. An epoch is then a
function of the seed and the epoch's number alone: the order of the windows and the shift of
each piece are drawn from them, so that a training which resumes sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    window_starts,
)

PARALLEL = usable_cores()  # elements prepared in parallel, in deterministic order
AHEAD = 2  # batches prepared ahead


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return a dataset with autotuning switched off.

    With TensorFlow 2.16 the thread that tunes an iterator sleeps 10 ms, then 20, 40 and so on up to
    a minute; whoever is done with the iterator often has to wait until it wakes: an epoch of 3
    seconds may so last 5.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class TrainingBatches:
    """Batches of windows of transposed pieces, endless, one epoch after another.

    Each piece is moved by a random shift that keeps it within the vocabulary, drawn afresh in
    every epoch; each window stays within one piece; all windows come once in an epoch, in
    random order. A tail shorter than the window is padded, with weight 0.

    Args:
        pieces: of the training split.
        codec: gives the transposition table and the tokens in a step.
        windowing: sizes and shifts.
        seed: the same seed gives the same batches.
        keep: numbers of the windows to use; all of them when `None`.
        beside: of each piece, an array with a row for each of its steps and one behind, which the
            model is given beside the ids; nothing when `None`.

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
    ):
        if not len(pieces):
            raise ValueError("Expected at least one piece to train on. Received: none")
        self.windowing = windowing
        self.seed = seed
        self.length, stride = in_tokens(windowing, codec)
        starts, piece = window_starts(pieces, self.length, stride)
        if keep is not None:
            starts, piece = starts[keep], piece[keep]
        self.windows = starts.size
        self.steps_per_epoch = -(-self.windows // windowing.batch_size)
        targets = np.minimum(pieces.ends[piece] - starts - 1, self.length)
        self.tokens = int(targets.sum())  # in an epoch, padding left out
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
        """Return endless batches, starting from an epoch.

        Yields inputs int32 `(B, T)`, targets int32 `(B, T)` (the inputs one token on) and
        weights float32 `(B, T)`; `steps_per_epoch` of them are an epoch.
        """
        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return without_tuning(epochs.flat_map(self._epoch).prefetch(AHEAD))

    def _epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(self.windows), seed)  # (W,)
        shift = self._draw_shifts(seed)  # (P,)
        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(self.windowing.batch_size)
            .map(lambda rows: self._cut(rows, shift), num_parallel_calls=PARALLEL)
        )

    def _draw_shifts(self, seed: tf.Tensor) -> tf.Tensor:
        """Return a row of the transposition table for each piece: int64 `(P,)`."""
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
    """What stands beside the steps of windows, cut in the graph."""

    def __init__(self, pieces: Pieces, beside: Beside, tokens_per_step: int, window: int):
        self.tokens, self.window = tokens_per_step, window
        self.first_tokens = tf.constant(pieces.starts)
        self.rows = tf.constant(beside.rows)
        self.starts, self.ends = tf.constant(beside.starts), tf.constant(beside.ends)

    def cut(self, piece: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
        """Return the rows of windows that start at some tokens of pieces: `(B, window, ...)`."""
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
    """Return untransposed pieces, to evaluate each token once.

    Whole pieces, the shortest first, padded to the longest of a batch; or windows of
    `context` steps every half of that, of which the second half counts: so each token has at
    least half the context before it, or all that the piece has.

    Args:
        pieces: not transposed.
        codec: says which ids count.
        batch_size: pieces or windows in a batch.
        context: steps of a window; whole pieces when `None`.

    Yields inputs int32 `(B, T)`, targets int32 `(B, T)` and weights float32 `(B, T)`: 1 for
    the tokens whose likelihood is measured, 0 for padding, the end of the piece, and what an
    earlier window has measured.
    """
    if context is None:
        order = np.argsort(pieces.ends - pieces.starts, kind="stable")
        starts, ends = pieces.starts[order], pieces.ends[order]
        return _measured(pieces, codec, batch_size, starts, ends, np.zeros_like(starts))
    length, half = (steps * len(codec.may_follow) for steps in (context, context // 2))
    starts, piece = window_starts(pieces, length, half)
    first = starts == pieces.starts[piece]
    skipped = np.where(first, 0, length - half)
    # As long as a window and the target behind it, or to the end of the piece.
    ends = np.minimum(starts + length + 1, pieces.ends[piece])
    return _measured(pieces, codec, batch_size, starts, ends, skipped)


def last_step_batches(
    pieces: Pieces, codec: Codec, windowing: Windowing, windows: np.ndarray, batch_size: int = 256
) -> tf.data.Dataset:
    """Return the given windows, with only the last step counted, as some recipes do.

    It is the last token where a step has one, and that of every voice where it has several.

    Args:
        pieces: that were split by window.
        codec: says which ids count.
        windowing: of the windows.
        windows: their numbers, as `split_windows` gives them.
        batch_size: windows in a batch.

    Yields what `evaluation_batches` does.
    """
    length, stride = in_tokens(windowing, codec)
    starts, piece = window_starts(pieces, length, stride)
    starts = starts[windows]
    ends = np.minimum(starts + length + 1, pieces.ends[piece[windows]])
    # Windows begin at steps. A step may have one token alone, the end of a piece.
    tokens_per_step = len(codec.may_follow)
    skipped = (ends - starts - 2) // tokens_per_step * tokens_per_step
    return _measured(pieces, codec, batch_size, starts, ends, skipped)


def _measured(pieces: Pieces, codec, batch_size: int, starts, ends, skipped) -> tf.data.Dataset:
    """Return the ids from each start to its end; the first `skipped` targets do not count."""
    ids = tf.constant(pieces.ids)
    counted = tf.constant(codec.counted, tf.float32)  # (V,)

    def batch(starts, ends, skipped):
        cut = _cut(ids, starts, ends, tf.reduce_max(ends - starts) - 1)  # (B, T + 1)
        targets = cut[:, 1:]
        late = tf.range(tf.shape(targets, tf.int64)[1]) >= skipped[:, None]  # (B, T)
        return _example(cut, tf.gather(counted, targets) * tf.cast(late, tf.float32))

    rows = tf.data.Dataset.from_tensor_slices((starts, ends, skipped))
    return without_tuning(rows.batch(batch_size).map(batch).prefetch(1))


def _cut(ids: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, length) -> tf.Tensor:
    """Return `length + 1` ids from each start, padding from each end on: `(B, length + 1)`."""
    positions = starts[:, None] + tf.range(tf.cast(length, tf.int64) + 1)  # (B, T + 1)
    inside = positions < ends[:, None]
    return tf.where(inside, tf.gather(ids, tf.where(inside, positions, 0)), PAD)


def _example(ids: tf.Tensor, weights: tf.Tensor):
    return ids[:, :-1], ids[:, 1:], weights
