"""Batches of a corpus in shards, as tf.data pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.codecs import PAD
from bach_tf.corpora.scale.shards import Shards, is_sharded, read_shards
from bach_tf.learning.pipeline import AHEAD, batches_of_parts, measured_parts, without_tuning
from bach_tf.learning.shard_windows import ShardWindows, windows_in
from bach_tf.learning.windows import Pieces, Windowing

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
SIGNATURE = tuple(tf.TensorSpec((None, None), kind) for kind in (tf.int32, tf.int32, tf.float32))
GROUP = tuple(tf.TensorSpec((None,), kind) for kind in (tf.int32, tf.int64, tf.int64, tf.int64))


class ShardBatches:
    """An endless sequence of batches of windows, pass after pass, as `TrainingBatches`.

    Args:
        shards: the folder.
        windowing: sizes and shifts.
        seed: determines the batches.
        worker: number of this worker, from 0.
        workers: how many train together, each on its own shards and as many batches.

    Raises:
        ValueError: as for `ShardWindows`.

    Example:
        >>> batches = ShardBatches(shards, windowing, seed=0)  # doctest: +SKIP
        >>> inputs, targets, weights = next(iter(batches.dataset()))  # doctest: +SKIP
    """

    def __init__(
        self, shards: Shards, windowing: Windowing, *, seed: int, worker: int = 0, workers: int = 1
    ):
        self._stream = ShardWindows(shards, windowing, seed=seed, worker=worker, workers=workers)
        self.windowing, self.seed = windowing, seed
        self.windows = self._stream.windows
        self.steps_per_epoch = windowing.epoch_batches or self._stream.batches

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """Return endless batches, beginning with an epoch.

        Args:
            first_epoch: number of the epoch, from 0.

        Yields the same as `TrainingBatches.dataset`.
        """

        def batches() -> Iterator[Batch]:
            first, done = self.windowing.begins(first_epoch, self._stream.batches)
            for number in count(first):
                for ids in self._stream.batch_windows(number, done if number == first else 0):
                    yield ids[:, :-1], ids[:, 1:], (ids[:, 1:] != PAD).astype(np.float32)

        found = tf.data.Dataset.from_generator(batches, output_signature=SIGNATURE)
        return without_tuning(found.prefetch(AHEAD))


def shard_evaluation_batches(
    shards: Shards, split: str, batch_size: int = 32, context: int | None = None
) -> tf.data.Dataset:
    """Return batches of untransposed pieces that count each token once, one shard at a time.

    Args:
        shards: the folder.
        split: one of `SPLITS`.
        batch_size: pieces or windows per batch.
        context: steps per window; by default whole pieces.

    Yields the same as `evaluation_batches`.

    Raises:
        ValueError: if the split is empty.
    """
    files = [file for file in shards.of(split) if file.pieces]
    if not files:
        raise ValueError(f"Expected at least one piece in the split {split!r}. Received: none")

    def groups() -> Iterator[tuple[np.ndarray, ...]]:
        # No tf.data in here: a generator has one of its threads and must not wait for others.
        for file in files:
            pieces = Pieces.from_arrays(shards.read(file).arrays())
            yield pieces.ids, *measured_parts(pieces, shards.codec, context)

    def batches(ids: tf.Tensor, *parts: tf.Tensor) -> tf.data.Dataset:
        return batches_of_parts(ids, parts, shards.codec, batch_size)

    found = tf.data.Dataset.from_generator(groups, output_signature=GROUP).flat_map(batches)
    tokens = len(shards.codec.may_follow)
    counts = [_measured_in(shards.lengths(file), context and context * tokens) for file in files]
    total = sum(-(-count // batch_size) for count in counts)
    # Known in advance, or Keras would take the end of the data for a mistake.
    return without_tuning(found.apply(tf.data.experimental.assert_cardinality(total)).prefetch(1))


@contextmanager
def damage_named(corpus: Path) -> Iterator[None]:
    """Name a shard that turns out to be missing or damaged while batches of it are read.

    tf.data wraps what a reader raises within its own traceback.

    Args:
        corpus: a prepared folder, of shards or not.

    Raises:
        ValueError: in place of the error of TensorFlow.
    """
    try:
        yield
    except tf.errors.OpError:
        if is_sharded(corpus):
            read_shards(corpus).check_files()
        raise


def _measured_in(lengths: np.ndarray, context: int | None) -> int:
    """Return the number of pieces of a shard, or of their windows of so many tokens."""
    if context is None:
        return lengths.size
    return windows_in(lengths, context, context // 2)
