"""What a preset makes of its corpus: the codec, the memory and the windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora import CORPORA, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.windows import Pieces, Windowing, load_split
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


def make_memory(preset: Preset, codec: Codec, corpus: Path) -> str:
    """Return the training split as the text of a memory; "" where the preset wants none.

    Raises:
        ValueError: windows are split, so that what is held out would be remembered.
    """
    if not preset.model.settings.get("memory"):
        return ""
    if preset.training.split != "pieces":
        raise ValueError(
            "A memory of the training split needs split=pieces: windows that are held out would "
            f"stand in it. Received: split={preset.training.split}"
        )
    from bach_tf.models.memory import Memory

    pieces = load_split(corpus, "train", codec).arrays()
    return Memory([ids[1:-1].reshape(-1, len(codec.may_follow)) for ids in pieces]).to_text()


def in_other_pieces(memory: str) -> list[np.ndarray] | None:
    """Return what a memory of the training split holds for each of its steps, itself left out.

    Args:
        memory: the text of a `Memory`; "" for none.

    Returns:
        of each piece, int32 `(T + 1, 4, 3)`, as `Memory.in_other_pieces` does; `None` for none.
    """
    if not memory:
        return None
    from bach_tf.models.memory import remembered

    return remembered(memory).in_other_pieces()


def in_this_memory(memory: str, pieces: Pieces, tokens_per_step: int) -> list[np.ndarray] | None:
    """Return what a memory holds for each step of pieces that are not in it.

    Args:
        memory: the text of a `Memory`; "" for none.
        pieces: of another split.
        tokens_per_step: of the codec.

    Returns:
        of each piece, int32 `(T + 1, 4, 3)`; `None` without a memory.
    """
    if not memory:
        return None
    from bach_tf.models.memory import remembered

    return remembered(memory).found_for(
        [ids[1:-1].reshape(-1, tokens_per_step) for ids in pieces.arrays()]
    )


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
    order = preset.model.settings.get("order")
    if order is not None and list(order) != list(getattr(codec, "order", ())):
        raise ValueError(
            "`model.order` must be the order of the codec's voices, `encoding.order`. Received: "
            f"{list(order)} and {getattr(codec, 'order', None)}"
        )
    stride, period = preset.music.stride * tokens, preset.model.period
    if stride % period:
        raise ValueError(
            "`stride` must be a multiple of `model.period` in tokens. Received: "
            f"stride={preset.music.stride}, which are {stride} tokens, and model.period={period}. "
            "Choose another stride, or a period that divides it."
        )
