"""What all formats write: the model of a run as it is used, and whether they have written it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bach_tf.learning.runs import Run
from bach_tf.models import MODELS, NextTokenModel
from bach_tf.models.architectures import Dropout

TOLERANCE = 1e-4  # of a logit
CHECKED_LENGTHS = (2, 37)  # whole steps of no codec, nor what a converter has been shown


def without_dropout(run: Run) -> NextTokenModel:
    """Return a copy of a run's model with every dropout rate set to 0.

    Keras draws the masks of a recurrent layer's dropout even where it does not use them, and
    counts the seed up. A format that holds no variables cannot hold that.

    Args:
        run: a trained one.

    Example:
        >>> without_dropout(run).get_config()["dropout"]  # doctest: +SKIP
        0.0
    """
    names = MODELS[run.preset.model.architecture].named(Dropout)
    return copied(run.model, **dict.fromkeys(names, 0.0))


def copied(model: NextTokenModel, **changes: Any) -> NextTokenModel:
    """Return a copy of a model with its weights, and nothing of its training.

    A model that has just been trained holds its optimizer, its loss and its metrics, which are
    ours: a program without them could not load it.

    Args:
        model: with weights.
        **changes: arguments of its class that are to be others.
    """
    copy = type(model)(**model.get_config() | changes)
    copy(np.zeros((1, 2), np.int32))  # makes the weights
    copy.set_weights(model.get_weights())
    return copy


def check_logits(
    model: NextTokenModel,
    logits_of: Callable[[np.ndarray], np.ndarray],
    vocab_size: int,
    batch_size: int = 1,
    tolerance: float = TOLERANCE,
) -> float:
    """Return by how much the logits of an exported model differ from those of Keras at most.

    Args:
        model: that was exported.
        logits_of: runs what was exported: ids int32 `(B, T)` to logits `(B, T, V)`.
        vocab_size: number of ids.
        batch_size: rows that are given at a time.
        tolerance: of a logit.

    Raises:
        ValueError: they differ by more than that.
    """
    numbers = np.random.default_rng(0)
    largest = 0.0
    for length in CHECKED_LENGTHS:
        ids = numbers.integers(1, vocab_size, (batch_size, length), np.int32)
        expected = np.asarray(model(ids, training=False))
        difference = np.abs(logits_of(ids) - expected).max()
        if not difference <= tolerance:
            raise ValueError(
                f"Expected the logits of Keras within {tolerance:g}, got some that differ by "
                f"{difference:.2g} from them (ids {ids.shape})."
            )
        largest = max(largest, float(difference))
    return largest


def refuse_memory(model: NextTokenModel, format_name: str) -> None:
    """Raise `ValueError` for a model that looks things up in other pieces.

    Its contexts are hashes, whole numbers modulo 2^32. As the converters write them, other contexts
    are found in ONNX Runtime, and LiteRT's interpreter ends the process.

    Args:
        model: to be exported.
        format_name: as people write it.

    Raises:
        ValueError: it has a memory.
    """
    if getattr(model, "memory", None) is not None:
        raise ValueError(
            f"{format_name} cannot hold the memory of other pieces that this model looks things up "
            "in. Export it as saved_model or keras, or train one with --set model.memory=false."
        )


def first_line(message: object) -> str:
    """Return the first line of a message, which a converter's may have thousands of."""
    return str(message).strip().partition("\n")[0]
