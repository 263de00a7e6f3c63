"""What a preset is trained on and measured with, as batches of tf.data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.learning.data import in_other_pieces, in_this_memory, make_memory, make_windowing
from bach_tf.learning.pipeline import TrainingBatches, evaluation_batches, last_step_batches
from bach_tf.learning.windows import Pieces, load_all, load_split, split_windows
from bach_tf.recipes import Preset


def make_batches(
    preset: Preset,
    pieces: Pieces,
    codec: Codec,
    keep: np.ndarray | None = None,
    beside: Sequence[np.ndarray] | None = None,
) -> TrainingBatches:
    """Return the training batches that a preset asks for, of all windows or of some.

    Raises:
        ValueError: no piece, or as `make_windowing`.
    """
    return TrainingBatches(
        pieces, codec, make_windowing(preset), seed=preset.training.seed, keep=keep, beside=beside
    )


def measured_batches(preset: Preset, codec: Codec, corpus: Path, split: str) -> tf.data.Dataset:
    """Return what a run is measured with: pieces of a split, or windows where those are split.

    Raises:
        ValueError: nothing to measure, or a piece that the codec cannot hold.
    """
    if preset.training.split == "windows":
        pieces, windowing = load_all(corpus, codec), make_windowing(preset)
        windows = split_windows(pieces, codec, windowing, preset.training.seed)[split]
        return last_step_batches(pieces, codec, windowing, windows)
    pieces = load_split(corpus, split, codec)
    if not len(pieces):
        raise ValueError(f"Expected at least one piece in the split {split!r}. Received: none")
    return evaluation_batches(pieces, codec, preset.training.evaluation_batch, preset.music.context)


def training_batches(
    preset: Preset, codec: Codec, corpus: Path, memory: str = ""
) -> TrainingBatches:
    """Return the batches of the training split of a prepared corpus.

    With the text of a memory they come with what it holds for them: if it is of these pieces, of
    all others.

    Raises:
        ValueError: as `make_batches`, or a piece that the codec cannot hold.
    """
    if preset.training.split == "windows":
        pieces = load_all(corpus, codec)
        windows = split_windows(pieces, codec, make_windowing(preset), preset.training.seed)
        return make_batches(preset, pieces, codec, windows["train"])
    pieces = load_split(corpus, "train", codec)
    if memory and memory != make_memory(preset, codec, corpus):  # of the run that it started from
        beside = in_this_memory(memory, pieces, len(codec.may_follow))
    else:
        beside = in_other_pieces(memory)
    return make_batches(preset, pieces, codec, beside=beside)
