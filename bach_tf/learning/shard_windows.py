"""Windows of a corpus in shards, as a stream in memory that does not grow. No TensorFlow.

A few shards are open at a time, and the next window is drawn from those that remain in them: the
open shards are the buffer in which windows are shuffled. The order is a function of the seed and
the number of the pass: a run that is resumed, as ever at the start of an epoch, goes on with the
same windows, also in the middle of a pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from bach_tf.codecs import PAD
from bach_tf.corpora.scale.shards import ShardFile, Shards
from bach_tf.learning.windows import (
    Pieces,
    Windowing,
    allowed_shifts,
    in_tokens,
    part_of,
    window_starts,
)

OPEN = 4  # shards that are in memory together


class ShardWindows:
    """The training windows of a folder of shards, or of one worker's share of them.

    Each pass transposes every piece by a new random shift that keeps it within the vocabulary, and
    has every window once.

    Args:
        shards: the folder.
        windowing: sizes and shifts; the batch size is that of all workers together.
        seed: determines order and shifts.
        worker: number of this worker, from 0.
        workers: how many read the folder together, each its own shards.

    Raises:
        ValueError: if there are no pieces, or fewer shards or windows of a batch than workers.

    Example:
        >>> windows = ShardWindows(shards, windowing, seed=0)  # doctest: +SKIP
        >>> next(windows.in_pass(0)).shape  # doctest: +SKIP
        (193,)
    """

    def __init__(
        self, shards: Shards, windowing: Windowing, *, seed: int, worker: int = 0, workers: int = 1
    ):
        self.shards, self.windowing, self.seed = shards, windowing, seed
        self._worker, self._workers = worker, workers
        self.files = shards.of_worker("train", worker, workers)
        self.length, self.stride = in_tokens(windowing, shards.codec)
        shares = [shards.of_worker("train", each, workers) for each in range(workers)]
        counts = [sum(map(self._windows_in, share)) for share in shares]
        self.windows = counts[worker]
        if not min(counts):
            raise ValueError(
                f"Expected at least one piece for each worker in {shards.folder}. Received: none. "
                "Prepare the corpus with fewer shards."
            )
        sizes = _sizes(windowing.batch_size, workers)
        self.size = sizes[worker]  # of the part of a batch that this worker has
        # Workers take the same number of steps: those that have more leave the rest of a pass.
        steps = min(windows // size for windows, size in zip(counts, sizes))
        self.batches = -(-self.windows // self.size) if workers == 1 else max(1, steps)
        self.table = shards.codec.transposition(windowing.shifts)  # (S, V)

    def in_pass(self, number: int) -> Iterator[np.ndarray]:
        """Yield the windows of a pass: ids int32 `(T + 1,)`, padded at the end of a piece.

        Args:
            number: of the pass, from 0.

        Raises:
            ValueError: if a shard is missing or damaged; the message names it.
        """
        draw = np.random.default_rng([self.seed, number])
        waiting = [self.files[place] for place in draw.permutation(len(self.files))]
        opened: list[_OpenShard] = []
        while waiting or opened:
            while waiting and len(opened) < OPEN:
                opened.append(self._open(waiting.pop(), number))
                opened = [shard for shard in opened if shard.left]
            if not opened:
                return
            left = np.array([shard.left for shard in opened])
            chosen = opened[int(draw.choice(left.size, p=left / left.sum()))]
            yield chosen.next()
            if not chosen.left:
                opened.remove(chosen)

    def batch_windows(self, number: int, first: int = 0) -> Iterator[np.ndarray]:
        """Yield the batches of a pass: ids int32 `(B, T + 1)`; the last may be smaller.

        Args:
            number: of the pass, from 0.
            first: number of the first batch. Those before are read and left out.

        Raises:
            ValueError: as for `in_pass`.
        """
        windows = islice(self.in_pass(number), first * self.size, None)
        for _ in range(first, self.batches):
            yield np.stack(list(islice(windows, self.size)))

    def _windows_in(self, file: ShardFile) -> int:
        return windows_in(self.shards.lengths(file), self.length, self.stride)

    def _open(self, file: ShardFile, number: int) -> _OpenShard:
        # The number of a shard among those of all workers, so that no two have the same shifts.
        shard = self._worker + self._workers * self.files.index(file)
        draw = np.random.default_rng([self.seed, number, shard])
        return _OpenShard(self, file, draw)


def _sizes(batch_size: int, workers: int) -> list[int]:
    """Return how many windows of a batch each worker has."""
    if batch_size < workers:
        raise ValueError(
            f"`batch_size` must be at least {workers}, so that each of {workers} workers has a "
            f"window of every batch. Received: {batch_size}"
        )
    parts = (part_of(batch_size, worker, workers) for worker in range(workers))
    return [last - first for first, last in parts]


class _OpenShard:
    """A shard in memory, and the windows of it that are still to come in a pass."""

    def __init__(self, windows: ShardWindows, file: ShardFile, draw: np.random.Generator):
        self._length, self._table = windows.length, windows.table
        pieces = Pieces.from_arrays(windows.shards.read(file).arrays())
        self._pieces, self.left = pieces, 0
        if not len(pieces):
            return
        self._starts, self._piece = window_starts(pieces, windows.length, windows.stride)
        allowed = allowed_shifts(pieces, self._table)  # (P, S)
        self._shift = np.where(allowed, draw.random(allowed.shape), -1.0).argmax(axis=1)  # (P,)
        self._order = draw.permutation(self._starts.size)
        self.left = self._starts.size

    def next(self) -> np.ndarray:
        self.left -= 1
        window = self._order[self.left]
        piece, start = self._piece[window], self._starts[window]
        end = min(start + self._length + 1, self._pieces.ends[piece])
        ids = np.full(self._length + 1, PAD, np.int32)
        ids[: end - start] = self._table[self._shift[piece], self._pieces.ids[start:end]]
        return ids


def windows_in(lengths: np.ndarray, length: int, stride: int) -> int:
    """Return the number of windows that `window_starts` finds in pieces.

    Args:
        lengths: tokens of each piece: int `(P,)`.
        length: tokens per window.
        stride: tokens between windows.

    Example:
        >>> windows_in(np.array([5, 6, 10]), 4, 4)
        6
    """
    beyond_first = np.maximum(lengths - 1 - length, 0)
    return int((-(-beyond_first // stride) + 1).sum())
