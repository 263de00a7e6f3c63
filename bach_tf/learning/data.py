"""The data that a preset is trained and evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf._basics.choices import choose
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora import CORPORA, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.pipeline import (
    Pieces,
    TrainingBatches,
    Windowing,
    evaluation_batches,
    last_step_batches,
    load_all,
    load_split,
    split_windows,
)
from bach_tf.models import MODELS
from bach_tf.recipes import Preset


def prepare_corpus(preset: Preset) -> Path:
    """Return the prepared folder of a preset's corpus; a user's own is validated first.

    Raises:
        ValueError: an unknown corpus, or one that cannot be read or is not sound.
    """
    corpus = choose(CORPORA, preset.music.corpus, "corpus")
    data_dir = None if preset.music.data_dir is None else Path(preset.music.data_dir)
    if corpus.validate and data_dir is not None and data_dir.is_dir():
        corpus.validate(data_dir)
    return corpus.prepare(data_dir)


def make_codec(preset: Preset, corpus: Path) -> Codec:
    """Return the preset's codec, fitted to the training split and its transpositions.

    Raises:
        ValueError: an unknown codec, or pieces that it cannot hold.
    """
    splits = SPLITS if preset.training.split == "windows" else ["train"]
    scores = [score for split in splits for score in read_split(corpus, split)]
    codec = choose(CODECS, preset.music.codec, "codec")
    return codec.fit(scores, transpose=preset.music.transpose, **preset.music.encoding)


def make_windowing(preset: Preset) -> Windowing:
    """Return how a preset's training pieces become batches.

    Raises:
        ValueError: a window, stride, batch or transposition that cannot be.
    """
    return Windowing(
        window=preset.music.window,
        stride=preset.music.stride,
        batch_size=preset.training.batch_size,
        transpose=preset.music.transpose,
    )


def check_model(preset: Preset, codec: Codec) -> None:
    """Raise `ValueError` where a model does not fit the codec's steps or the stride.

    A window must begin where the position embedding is that of the beginning of a piece.
    """
    tokens = len(codec.may_follow)
    wanted = choose(MODELS, preset.model.architecture, "model").tokens_per_step
    if wanted not in (None, tokens):
        raise ValueError(
            f"The model {preset.model.architecture!r} reads steps of {wanted} tokens, those of "
            f"four voices. Received: the codec {preset.music.codec!r}, whose steps have {tokens}. "
            "Choose another --model or another --corpus."
        )
    stride, period = preset.music.stride * tokens, preset.model.period
    if stride % period:
        raise ValueError(
            "`stride` must be a multiple of `model.period` in tokens. Received: "
            f"stride={preset.music.stride}, which are {stride} tokens, and model.period={period}. "
            "Choose another stride, or a period that divides it."
        )


def make_batches(
    preset: Preset, pieces: Pieces, codec: Codec, keep: np.ndarray | None = None
) -> TrainingBatches:
    """Return the training batches that a preset asks for, of all windows or of some.

    Raises:
        ValueError: no piece, or as `make_windowing`.
    """
    return TrainingBatches(
        pieces, codec, make_windowing(preset), seed=preset.training.seed, keep=keep
    )


def measured_batches(preset: Preset, codec: Codec, corpus: Path, split: str) -> tf.data.Dataset:
    """Return the batches of an evaluation: pieces of a split, or windows where those are split.

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


def training_batches(preset: Preset, codec: Codec, corpus: Path) -> TrainingBatches:
    """Return the batches of the training split of a prepared corpus.

    Raises:
        ValueError: as `make_batches`, or a piece that the codec cannot hold.
    """
    if preset.training.split == "windows":
        pieces = load_all(corpus, codec)
        windows = split_windows(pieces, codec, make_windowing(preset), preset.training.seed)
        return make_batches(preset, pieces, codec, windows["train"])
    return make_batches(preset, load_split(corpus, "train", codec), codec)
