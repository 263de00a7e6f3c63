"""From a preset and its corpus to codec, memory and windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora import CORPORA, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale.shards import is_sharded, read_shards
from bach_tf.learning.windows import Pieces, Windowing, load_split
from bach_tf.models import MODELS
from bach_tf.recipes import Preset


def prepare_corpus(preset: Preset) -> Path:
    """Return the prepared folder of a preset's corpus; a user's own corpus is validated first.

    Raises:
        ValueError: if the corpus is unknown, unreadable or invalid.
    """
    corpus = choose(CORPORA, preset.music.corpus, "corpus")
    data_dir = None if preset.music.data_dir is None else Path(preset.music.data_dir)
    if data_dir is not None and is_sharded(data_dir):
        read_shards(data_dir).check_music(preset.music)
        return data_dir
    if corpus.validate and data_dir is not None and data_dir.is_dir():
        corpus.validate(data_dir)
    return corpus.prepare(data_dir)


def make_codec(preset: Preset, corpus: Path) -> Codec:
    """Return the preset's codec, fitted to the training split and its transpositions.

    Shards have one already, fitted to theirs.

    Raises:
        ValueError: if the codec is unknown or cannot encode the pieces, or windows of shards are to
            be split.
    """
    if is_sharded(corpus):
        if preset.training.split != "pieces":
            raise ValueError(f"Shards are split by pieces. Received: split={preset.training.split}")
        return read_shards(corpus).codec
    splits = SPLITS if preset.training.split == "windows" else ["train"]
    scores = [score for split in splits for score in read_split(corpus, split)]
    codec = choose(CODECS, preset.music.codec, "codec")
    return codec.fit(scores, transpose=preset.music.transpose, **preset.music.encoding)


def make_memory(preset: Preset, codec: Codec, corpus: Path) -> str:
    """Return the training split as a serialised memory; "" if the preset has none.

    Raises:
        ValueError: if windows are split, because held-out windows would leak into the memory.
    """
    if not preset.model.settings.get("memory"):
        return ""
    if preset.training.split != "pieces":
        raise ValueError(
            "A memory of the training split needs split=pieces, because held-out windows would "
            f"be part of it. Received: split={preset.training.split}"
        )
    if is_sharded(corpus):
        raise ValueError(
            f"{corpus} is a prepared folder of shards, and a memory of a corpus of any size does "
            "not fit in this process. Add: --set model.memory=False"
        )
    from bach_tf.models.memory import Memory

    pieces = load_split(corpus, "train", codec).arrays()
    return Memory([ids[1:-1].reshape(-1, len(codec.may_follow)) for ids in pieces]).to_text()


def in_other_pieces(memory: str) -> list[np.ndarray] | None:
    """Return what a memory of the training split retrieves for its own steps, piece by piece.

    Args:
        memory: a serialised `Memory`; "" for none.

    Returns:
        for each piece, int32 `(T + 1, 4, 3)` retrieved from the other pieces, see
        `Memory.in_other_pieces`; `None` without a memory.
    """
    if not memory:
        return None
    from bach_tf.models.memory import remembered

    return remembered(memory).in_other_pieces()


def in_this_memory(memory: str, pieces: Pieces, tokens_per_step: int) -> list[np.ndarray] | None:
    """Return what a memory retrieves for each step of pieces that are not part of it.

    Args:
        memory: a serialised `Memory`; "" for none.
        pieces: the pieces.
        tokens_per_step: tokens per step of the codec.

    Returns:
        for each piece, int32 `(T + 1, 4, 3)`; `None` without a memory.
    """
    if not memory:
        return None
    from bach_tf.models.memory import remembered

    return remembered(memory).found_for(
        [ids[1:-1].reshape(-1, tokens_per_step) for ids in pieces.arrays()]
    )


def make_windowing(preset: Preset) -> Windowing:
    """Return a preset's windowing.

    Raises:
        ValueError: if window, stride, batch size or transposition is invalid.
    """
    return Windowing(
        window=preset.music.window,
        stride=preset.music.stride,
        batch_size=preset.training.batch_size,
        transpose=preset.music.transpose,
        epoch_batches=preset.training.epoch_batches,
    )


def check_model(preset: Preset, codec: Codec) -> None:
    """Raise `ValueError` if the model does not fit the codec's steps or the stride.

    Each window must start at a multiple of the position embedding's period.
    """
    tokens = len(codec.may_follow)
    wanted = choose(MODELS, preset.model.architecture, "model").tokens_per_step
    if wanted not in (None, tokens):
        raise ValueError(
            f"The model {preset.model.architecture!r} expects {wanted} tokens per step, one per "
            f"voice. Received: the codec {preset.music.codec!r} with {tokens} tokens per step. "
            "Choose another --model or --corpus."
        )
    order = preset.model.settings.get("order")
    if order is not None and list(order) != list(getattr(codec, "order", ())):
        raise ValueError(
            "`model.order` must equal the codec's order of voices, `encoding.order`. Received: "
            f"{list(order)} and {getattr(codec, 'order', None)}"
        )
    stride, period = preset.music.stride * tokens, preset.model.period
    if stride % period:
        raise ValueError(
            "`stride` in tokens must be a multiple of `model.period`. Received: "
            f"stride={preset.music.stride} ({stride} tokens) and model.period={period}. "
            "Choose another stride, or a period that divides it."
        )
