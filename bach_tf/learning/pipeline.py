"""From pieces to batches with tf.data: encode, transpose, window, batch.

Pieces are encoded once, by their codec, and kept as one flat array of ids. An epoch is then a
function of the seed and the epoch's number alone: the order of the windows and the shift of
each piece are drawn from them, so that a training which resumes sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf._basics.cores import usable_cores
from bach_tf.codecs import PAD, Codec
from bach_tf.corpora.preparation.prepared import SPLITS, piece_paths, read_split
from bach_tf.score import Score

PARALLEL = usable_cores()  # elements prepared in parallel, in deterministic order
AHEAD = 2  # batches prepared ahead
WINDOW_FRACTIONS = (0.7, 0.15, 0.15)  # of the windows, where windows are split


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return a dataset with autotuning switched off.

    With TensorFlow 2.16 the thread that tunes an iterator sleeps 10 ms, then 20, 40 and so on up to
    a minute; whoever is done with the iterator often has to wait until it wakes: an epoch of 3
    seconds may so last 5.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


@dataclass(frozen=True, eq=False)
class Pieces:
    """The ids of several pieces, concatenated.

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

    def arrays(self) -> list[np.ndarray]:
        """Return the ids of each piece: int32 `(T,)` each."""
        return [self.ids[start:end] for start, end in zip(self.starts, self.ends)]


def load_split(folder: Path, split: str, codec: Codec) -> Pieces:
    """Return the pieces of one split of a prepared corpus.

    Raises:
        ValueError: a piece that the codec cannot hold; the message names its file.
    """
    paths, scores = piece_paths(folder, split), read_split(folder, split)
    return Pieces.from_arrays([_encode(codec, *piece) for piece in zip(paths, scores)])


def _encode(codec, path: Path, score: Score) -> np.ndarray:
    try:
        return codec.encode(score)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error} Train a new run on this corpus.") from None


def load_all(folder: Path, codec: Codec) -> Pieces:
    """Return the pieces of all splits of a prepared corpus, as `load_split` does."""
    parts = [load_split(folder, split, codec) for split in SPLITS]
    return Pieces.from_arrays([ids for part in parts for ids in part.arrays()])


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How pieces become training batches.

    Args:
        window: steps in a window. A step is as many tokens as the codec's period: four for
            four voices, one elsewhere.
        stride: steps from the start of a window to the start of the next; at most `window`.
        batch_size: windows in a batch.
        transpose: the lowest and the highest shift, in semitones.

    Raises:
        ValueError: a size below 1, a gap between windows, or shifts in the wrong order.
    """

    window: int
    stride: int
    batch_size: int
    transpose: tuple[int, int] = (0, 0)

    def __post_init__(self):
        for name in ("window", "stride", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        if self.stride > self.window:
            raise ValueError(
                "`stride` must be at most `window`, or tokens between the windows are never "
                f"seen. Received: stride={self.stride}, window={self.window}"
            )
        if not self.transpose[0] <= 0 <= self.transpose[1]:
            raise ValueError(
                f"`transpose` must be (low, high) around 0. Received: {self.transpose}"
            )

    @property
    def shifts(self) -> range:
        """The possible transpositions in semitones."""
        return range(self.transpose[0], self.transpose[1] + 1)


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
    ):
        if not len(pieces):
            raise ValueError("Expected at least one piece to train on. Received: none")
        self.windowing = windowing
        self.seed = seed
        self.length, stride = _in_tokens(windowing, codec)
        starts, piece = _window_starts(pieces, self.length, stride)
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
        self._allowed = tf.constant(_allowed_shifts(pieces, table))  # (P, S)

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
        return _example(ids, tf.cast(ids[:, 1:] != PAD, tf.float32))


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
    starts, piece = _window_starts(pieces, length, half)
    first = starts == pieces.starts[piece]
    skipped = np.where(first, 0, length - half)
    # As long as a window and the target behind it, or to the end of the piece.
    ends = np.minimum(starts + length + 1, pieces.ends[piece])
    return _measured(pieces, codec, batch_size, starts, ends, skipped)


def split_windows(
    pieces: Pieces, codec: Codec, windowing: Windowing, seed: int
) -> dict[str, np.ndarray]:
    """Assign the windows of all pieces to splits at random, as some recipes do.

    This is a leak: most tokens of a held-out window stand in windows of the training too. It is
    here to be compared with figures that were measured in the same way.

    Returns:
        the numbers of the windows of each split.
    """
    starts, _ = _window_starts(pieces, *_in_tokens(windowing, codec))
    order = np.random.default_rng(seed).permutation(starts.size)
    bounds = np.cumsum(np.multiply(WINDOW_FRACTIONS[:-1], starts.size).astype(int))
    return {split: np.sort(part) for split, part in zip(SPLITS, np.split(order, bounds))}


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
    length, stride = _in_tokens(windowing, codec)
    starts, piece = _window_starts(pieces, length, stride)
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


def _in_tokens(windowing: Windowing, codec) -> tuple[int, int]:
    """Return the length and the stride of the windows in tokens."""
    tokens_per_step = len(codec.may_follow)
    return windowing.window * tokens_per_step, windowing.stride * tokens_per_step


def _cut(ids: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, length) -> tf.Tensor:
    """Return `length + 1` ids from each start, padding from each end on: `(B, length + 1)`."""
    positions = starts[:, None] + tf.range(tf.cast(length, tf.int64) + 1)  # (B, T + 1)
    inside = positions < ends[:, None]
    return tf.where(inside, tf.gather(ids, tf.where(inside, positions, 0)), PAD)


def _example(ids: tf.Tensor, weights: tf.Tensor):
    return ids[:, :-1], ids[:, 1:], weights


def _window_starts(pieces: Pieces, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first token and the piece of each window, int64 `(W,)` both.

    The last window of a piece is the first one that reaches its last target.
    """
    starts, piece = [], []
    for number, (start, end) in enumerate(zip(pieces.starts, pieces.ends)):
        beyond_first = max(end - start - 1 - length, 0)
        offsets = np.arange(-(-beyond_first // stride) + 1) * stride
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
