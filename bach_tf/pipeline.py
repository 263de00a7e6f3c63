"""From pieces to batches with tf.data: parse, encode, transpose, window, batch.

Pieces are parsed and encoded once and kept as one flat array of ids. An epoch is then a
function of the seed and the epoch's number alone: the order of the windows and the shift of
each piece are drawn from them, so that a training which resumes sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.codecs import PAD, SatbCodec
from bach_tf.corpora.grid_csv import VOICES
from bach_tf.corpora.prepared import piece_paths


@dataclass(frozen=True, eq=False)
class Pieces:
    """The ids of several pieces, one after the other.

    Args:
        ids: int32 `(N,)`, all tokens of all pieces.
        starts: int64 `(P,)`, where in `ids` each piece begins.
        ends: int64 `(P,)`, where it has ended.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Pieces:
        """Return the pieces of id arrays `(T,)`, one array a piece."""
        ends = np.cumsum([len(array) for array in arrays], dtype=np.int64)
        starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        ids = np.concatenate(arrays) if len(arrays) else np.zeros(0)
        return cls(ids.astype(np.int32), starts[: len(arrays)], ends)

    def __len__(self) -> int:
        """Return the number of pieces."""
        return self.ends.size


def load_split(folder: Path, split: str, codec) -> Pieces:
    """Return the pieces of one split of a prepared corpus.

    Raises:
        ValueError: a pitch that the codec has no id for.
    """
    return load_grids(piece_paths(folder, split), codec)


def load_grids(paths: Sequence[Path], codec: SatbCodec) -> Pieces:
    """Parse and encode chorale grids in the graph.

    Args:
        paths: files of a prepared corpus, which are known to be sound.
        codec: covers all their pitches.

    Raises:
        ValueError: a pitch that has no id.
    """
    dataset = (
        tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
        .map(parse_grid, num_parallel_calls=tf.data.AUTOTUNE)
        .map(lambda grid: encode_grid(grid, codec), num_parallel_calls=tf.data.AUTOTUNE)
    )
    arrays = list(dataset.as_numpy_iterator())
    for path, ids in zip(paths, arrays):
        if (ids == PAD).any():
            raise ValueError(
                f"{path.name}: expected pitches in {codec.lowest}..{codec.highest}, what the "
                "codec of this run covers, got others. Train a new run on this corpus."
            )
    return Pieces.from_arrays(arrays)


def parse_grid(path: tf.Tensor) -> tf.Tensor:
    """Return the grid of a CSV file: int32 `(T, 4)`."""
    lines = tf.strings.split(tf.io.read_file(path), "\n")[1:]
    lines = tf.boolean_mask(lines, tf.strings.length(lines) > 0)
    columns = tf.io.decode_csv(lines, [tf.constant([], tf.int32)] * len(VOICES))
    return tf.stack(columns, axis=1)  # (T, 4)


def encode_grid(grid: tf.Tensor, codec: SatbCodec) -> tf.Tensor:
    """Return what `codec.encode` returns for the same piece: int32 `(1 + 4 T + 1,)`."""
    ids = tf.reshape(tf.gather(codec.pitch_ids, grid), [-1])  # (4 T,)
    return tf.concat([[codec.START], ids, [codec.END]], axis=0)


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How pieces become training batches.

    Args:
        window: steps in a window. A step is as many tokens as the codec's period: four for
            four voices, one elsewhere.
        shift: steps from the start of a window to the start of the next; at most `window`.
        batch_size: windows in a batch.
        transpose: the lowest and the highest shift, in semitones.

    Raises:
        ValueError: a size below 1, a gap between windows, or shifts in the wrong order.
    """

    window: int
    shift: int
    batch_size: int
    transpose: tuple[int, int] = (0, 0)

    def __post_init__(self):
        for name in ("window", "shift", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        if self.shift > self.window:
            raise ValueError(
                "`shift` must be at most `window`, or tokens between the windows are never "
                f"seen. Received: shift={self.shift}, window={self.window}"
            )
        if not self.transpose[0] <= 0 <= self.transpose[1]:
            raise ValueError(
                f"`transpose` must be (low, high) around 0. Received: {self.transpose}"
            )

    @property
    def shifts(self) -> range:
        """The semitones a piece may be moved by."""
        return range(self.transpose[0], self.transpose[1] + 1)


class TrainingBatches:
    """Batches of windows of transposed pieces, without end, one epoch after another.

    Each piece is moved by a random shift that keeps it within the vocabulary, drawn afresh in
    every epoch; each window stays within one piece; all windows come once in an epoch, in
    random order. A tail shorter than the window is padded, with weight 0.

    Args:
        pieces: of the training split.
        codec: gives the transposition table and the tokens in a step.
        windowing: sizes and shifts.
        seed: the same seed gives the same batches.

    Example:
        >>> batches = TrainingBatches(pieces, codec, windowing, seed=0)  # doctest: +SKIP
        >>> inputs, targets, weights = next(iter(batches.dataset()))  # doctest: +SKIP
    """

    def __init__(self, pieces: Pieces, codec, windowing: Windowing, *, seed: int):
        if not len(pieces):
            raise ValueError("Expected at least one piece to train on. Received: none")
        tokens_per_step = len(codec.may_follow)
        self.windowing = windowing
        self.seed = seed
        self.length = windowing.window * tokens_per_step
        starts, piece = _window_starts(pieces, self.length, windowing.shift * tokens_per_step)
        self.windows = starts.size
        self.steps_per_epoch = -(-self.windows // windowing.batch_size)
        self._ids = tf.constant(pieces.ids)  # (N,)
        self._starts = tf.constant(starts)  # (W,)
        self._piece = tf.constant(piece)  # (W,)
        self._ends = tf.constant(pieces.ends)  # (P,)
        table = codec.transposition(windowing.shifts)  # (S, V)
        self._table = tf.constant(table)
        self._allowed = tf.constant(_allowed_shifts(pieces, table))  # (P, S)

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """Return the batches from an epoch on, without end.

        Yields inputs int32 `(B, T)`, targets int32 `(B, T)` (the inputs one token on) and
        weights float32 `(B, T)`; `steps_per_epoch` of them are an epoch.
        """
        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return epochs.flat_map(self._epoch).prefetch(tf.data.AUTOTUNE)

    def _epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.constant(self.seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(self.windows), seed)  # (W,)
        shift = self._draw_shifts(seed)  # (P,)
        return (
            tf.data.Dataset.from_tensor_slices(order)
            .batch(self.windowing.batch_size)
            .map(lambda rows: self._cut(rows, shift), num_parallel_calls=tf.data.AUTOTUNE)
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
        return _example(ids, tf.cast(ids[:, 1:] != PAD, tf.float32))


def evaluation_batches(pieces: Pieces, codec, batch_size: int = 32) -> tf.data.Dataset:
    """Return whole pieces as they are, the shortest first, padded to the longest of a batch.

    Yields inputs int32 `(B, T)`, targets int32 `(B, T)` and weights float32 `(B, T)`: 1 for
    the tokens whose likelihood is measured, 0 for padding and the end of the piece.
    """
    order = np.argsort(pieces.ends - pieces.starts, kind="stable")
    ids = tf.constant(pieces.ids)
    counted = tf.constant(codec.counted, tf.float32)  # (V,)

    def whole(starts, ends):
        batch = _cut(ids, starts, ends, tf.reduce_max(ends - starts) - 1)  # (B, T + 1)
        return _example(batch, tf.gather(counted, batch[:, 1:]))

    bounds = (pieces.starts[order], pieces.ends[order])
    return tf.data.Dataset.from_tensor_slices(bounds).batch(batch_size).map(whole).prefetch(1)


def _cut(ids: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, length) -> tf.Tensor:
    """Return `length + 1` ids from each start, padding from each end on: `(B, length + 1)`."""
    positions = starts[:, None] + tf.range(tf.cast(length, tf.int64) + 1)  # (B, T + 1)
    inside = positions < ends[:, None]
    return tf.where(inside, tf.gather(ids, tf.where(inside, positions, 0)), PAD)


def _example(ids: tf.Tensor, weights: tf.Tensor):
    return ids[:, :-1], ids[:, 1:], weights


def _window_starts(pieces: Pieces, length: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first token and the piece of each window, int64 `(W,)` both.

    The last window of a piece is the first one that reaches its last target.
    """
    starts, piece = [], []
    for number, (start, end) in enumerate(zip(pieces.starts, pieces.ends)):
        beyond_first = max(end - start - 1 - length, 0)
        offsets = np.arange(-(-beyond_first // shift) + 1) * shift
        starts.append(start + offsets)
        piece.append(np.full(offsets.size, number))
    return np.concatenate(starts).astype(np.int64), np.concatenate(piece).astype(np.int64)


def _allowed_shifts(pieces: Pieces, table: np.ndarray) -> np.ndarray:
    """Return which shifts keep each piece in the vocabulary: bool `(P, S)`."""
    present = np.zeros((len(pieces), table.shape[1]), bool)  # (P, V)
    for row, start, end in zip(present, pieces.starts, pieces.ends):
        row[pieces.ids[start:end]] = True
    leaves = (table == PAD) & (np.arange(table.shape[1]) != PAD)  # (S, V)
    return ~(present[:, None] & leaves).any(axis=2)
