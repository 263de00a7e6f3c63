"""The pieces of a split as ids, and windows over them. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bach_tf.codecs import PAD, Codec
from bach_tf.corpora import piece_paths, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale.shards import is_sharded, read_shards
from bach_tf.score import Score

WINDOW_FRACTIONS = (0.7, 0.15, 0.15)  # of each split, if windows are split


@dataclass(frozen=True, eq=False)
class Pieces:
    """The ids of several pieces, concatenated.

    Args:
        ids: int32 `(N,)`, all tokens of all pieces.
        starts: int64 `(P,)`, the index in `ids` of each piece's first token.
        ends: int64 `(P,)`, the index after its last token.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Pieces:
        """Concatenate id arrays `(T,)`, one per piece."""
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
    """Return the pieces of one split of a prepared corpus, in memory.

    Raises:
        ValueError: if the codec cannot encode a piece; the message names its file.
    """
    if is_sharded(folder):
        shards = read_shards(folder)
        shards.check_codec(codec)
        return Pieces.from_arrays(shards.load(split)[1])
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
        window: steps per window. A step has as many tokens as the codec's period: four for four
            voices, one for a melody.
        stride: steps between the starts of consecutive windows; at most `window`.
        batch_size: windows per batch.
        transpose: lowest and highest shift, in semitones.
        epoch_batches: batches per epoch; 0 for as many as have every window once.

    Raises:
        ValueError: if a size is below 1, windows leave gaps, or shifts are in the wrong order.
    """

    window: int
    stride: int
    batch_size: int
    transpose: tuple[int, int] = (0, 0)
    epoch_batches: int = 0

    def __post_init__(self):
        for name in ("window", "stride", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")
        if self.stride > self.window:
            raise ValueError(
                "`stride` must be at most `window`, or tokens between windows are never "
                f"seen. Received: stride={self.stride}, window={self.window}"
            )
        if not self.transpose[0] <= 0 <= self.transpose[1]:
            raise ValueError(
                f"`transpose` must be (low, high) around 0. Received: {self.transpose}"
            )

    def begins(self, epoch: int, batches: int) -> tuple[int, int]:
        """Return the pass through all windows in which an epoch begins, and the batch in it.

        Args:
            epoch: its number, from 0.
            batches: per pass.

        Example:
            >>> Windowing(window=8, stride=8, batch_size=4, epoch_batches=3).begins(4, batches=5)
            (2, 2)
        """
        return divmod(epoch * (self.epoch_batches or batches), batches)

    @property
    def shifts(self) -> range:
        """The allowed transpositions, in semitones."""
        return range(self.transpose[0], self.transpose[1] + 1)


class Beside:
    """Additional inputs for the steps of pieces: one row per step and one after the last.

    Args:
        pieces: the training split.
        rows: for each piece an array `(steps + 1, ...)`.
        tokens_per_step: tokens per step of the codec.

    Raises:
        ValueError: if the number of rows does not match the steps.
    """

    def __init__(self, pieces: Pieces, rows: Sequence[np.ndarray], tokens_per_step: int):
        lengths = (pieces.ends - pieces.starts - 2) // tokens_per_step + 1
        if [len(part) for part in rows] != lengths.tolist():
            raise ValueError(
                "Expected a row for each step of the training split. The memory of this run is of "
                "other pieces: the corpus has changed since the run was created."
            )
        self.rows = np.concatenate(rows)
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths


def split_windows(
    pieces: Pieces, codec: Codec, windowing: Windowing, seed: int
) -> dict[str, np.ndarray]:
    """Assign the windows of all pieces to splits at random, as some recipes do.

    This leaks: most tokens of a held-out window also occur in training windows. It exists only for
    comparison with figures measured in the same way.

    Returns:
        the indices of the windows of each split.
    """
    starts, _ = window_starts(pieces, *in_tokens(windowing, codec))
    order = np.random.default_rng(seed).permutation(starts.size)
    bounds = np.cumsum(np.multiply(WINDOW_FRACTIONS[:-1], starts.size).astype(int))
    return {split: np.sort(part) for split, part in zip(SPLITS, np.split(order, bounds))}


def in_tokens(windowing: Windowing, codec: Codec) -> tuple[int, int]:
    """Return length and stride of the windows in tokens."""
    tokens_per_step = len(codec.may_follow)
    return windowing.window * tokens_per_step, windowing.stride * tokens_per_step


def part_of(size: Any, part: Any, parts: int) -> tuple[Any, Any]:
    """Return where one of several parts of almost equal sizes begins and ends.

    Args:
        size: number of rows; an integer, or a tensor of one.
        part: counted from 0, likewise.
        parts: how many.

    Example:
        >>> [part_of(5, part, 3) for part in range(3)]
        [(0, 1), (1, 3), (3, 5)]
    """
    return size * part // parts, size * (part + 1) // parts


def window_starts(pieces: Pieces, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first token and the piece of each window, int64 `(W,)` each.

    The last window of a piece is the first one that reaches its last target.
    """
    starts, piece = [], []
    for number, (start, end) in enumerate(zip(pieces.starts, pieces.ends)):
        beyond_first = max(end - start - 1 - length, 0)
        offsets = np.arange(-(-beyond_first // stride) + 1) * stride
        starts.append(start + offsets)
        piece.append(np.full(offsets.size, number))
    return np.concatenate(starts).astype(np.int64), np.concatenate(piece).astype(np.int64)


def allowed_shifts(pieces: Pieces, table: np.ndarray) -> np.ndarray:
    """Return which shifts keep each piece in the vocabulary: bool `(P, S)`."""
    present = np.zeros((len(pieces), table.shape[1]), bool)  # (P, V)
    for row, start, end in zip(present, pieces.starts, pieces.ends):
        row[pieces.ids[start:end]] = True
    leaves = (table == PAD) & (np.arange(table.shape[1]) != PAD)  # (S, V)
    return ~(present[:, None] & leaves).any(axis=2)
