"""Batches for training and evaluation, as tf.data pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.corpora.scale.shards import is_sharded, read_shards
from bach_tf.learning.data import in_other_pieces, in_this_memory, make_memory, make_windowing
from bach_tf.learning.pipeline import WHOLE, TrainingBatches, evaluation_batches, last_step_batches
from bach_tf.learning.shard_batches import ShardBatches, shard_evaluation_batches
from bach_tf.learning.windows import Pieces, load_all, load_split, split_windows
from bach_tf.recipes import Preset


def make_batches(
    preset: Preset,
    pieces: Pieces,
    codec: Codec,
    keep: np.ndarray | None = None,
    beside: Sequence[np.ndarray] | None = None,
    part: tuple[int, int] = WHOLE,
) -> TrainingBatches:
    """Return a preset's training batches, of all windows or those in `keep`.

    Raises:
        ValueError: if there are no pieces, or as for `make_windowing`.
    """
    windowing, seed = make_windowing(preset), preset.training.seed
    return TrainingBatches(pieces, codec, windowing, seed=seed, keep=keep, beside=beside, part=part)


def measured_batches(preset: Preset, codec: Codec, corpus: Path, split: str) -> tf.data.Dataset:
    """Return the evaluation batches of a split: whole pieces, or windows if windows were split.

    Raises:
        ValueError: if the split is empty, or the codec cannot encode a piece.
    """
    if is_sharded(corpus):
        shards, size = read_shards(corpus), preset.training.evaluation_batch
        shards.check_codec(codec)
        return shard_evaluation_batches(shards, split, size, preset.music.context)
    if preset.training.split == "windows":
        pieces, windowing = load_all(corpus, codec), make_windowing(preset)
        windows = split_windows(pieces, codec, windowing, preset.training.seed)[split]
        return last_step_batches(pieces, codec, windowing, windows)
    pieces = load_split(corpus, split, codec)
    if not len(pieces):
        raise ValueError(f"Expected at least one piece in the split {split!r}. Received: none")
    return evaluation_batches(pieces, codec, preset.training.evaluation_batch, preset.music.context)


def training_batches(
    preset: Preset,
    codec: Codec,
    corpus: Path,
    memory: str = "",
    *,
    worker: int = 0,
    workers: int = 1,
) -> TrainingBatches | ShardBatches:
    """Return the batches of the training split of a prepared corpus.

    With a memory, the batches include what it retrieves for each step; pieces that are part of
    the memory are excluded from their own retrieval.

    Args:
        preset: the settings.
        codec: of the run.
        corpus: the prepared folder.
        memory: of the run.
        worker: number of this worker, from 0. Each reads its own shards of a folder of shards, and
            otherwise its part of the windows of each batch.
        workers: how many train together.

    Raises:
        ValueError: as for `make_batches`, or if the codec cannot encode a piece.
    """
    if is_sharded(corpus):
        shards, windowing = read_shards(corpus), make_windowing(preset)
        shards.check_codec(codec)
        mine = {"seed": preset.training.seed, "worker": worker, "workers": workers}
        return ShardBatches(shards, windowing, **mine)
    part = worker, workers
    if preset.training.split == "windows":
        pieces = load_all(corpus, codec)
        windows = split_windows(pieces, codec, make_windowing(preset), preset.training.seed)
        return make_batches(preset, pieces, codec, windows["train"], part=part)
    pieces = load_split(corpus, "train", codec)
    if memory and memory != make_memory(preset, codec, corpus):  # that of the initial run
        beside = in_this_memory(memory, pieces, len(codec.may_follow))
    else:
        beside = in_other_pieces(memory)
    return make_batches(preset, pieces, codec, beside=beside, part=part)
