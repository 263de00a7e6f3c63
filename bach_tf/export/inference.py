"""Preparing a model for export, and checking that an export computes the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bach_tf.codecs.base import START
from bach_tf.learning.runs import Run
from bach_tf.models import MODELS, NextTokenModel
from bach_tf.models.architectures import Dropout

TOLERANCE = 1e-4  # in a logit
CHECKED_LENGTHS = (2, 37)  # not whole steps of any codec, nor lengths seen by a converter


def without_dropout(run: Run) -> NextTokenModel:
    """Return a copy of a run's model with every dropout rate set to 0.

    Keras draws dropout masks of recurrent layers even when they are not used, and increments
    their seed. Formats without variables cannot represent that.

    Args:
        run: a trained run.

    Example:
        >>> without_dropout(run).get_config()["dropout"]  # doctest: +SKIP
        0.0
    """
    names = MODELS[run.preset.model.architecture].named(Dropout)
    return copied(run.model, **dict.fromkeys(names, 0.0))


def copied(model: NextTokenModel, **changes: Any) -> NextTokenModel:
    """Return a copy of a model with its weights, without its training state.

    A freshly trained model has its optimiser, loss and metrics attached, some of which are our own
    classes: programs without them could not load it.

    Args:
        model: a model with weights.
        **changes: arguments of its class to change.
    """
    copy = type(model)(**model.get_config() | changes)
    copy(np.zeros((1, 2), np.int32))  # creates the weights
    copy.set_weights(model.get_weights())
    return copy


def check_logits(
    model: NextTokenModel,
    logits_of: Callable[[np.ndarray], np.ndarray],
    vocab_size: int,
    batch_size: int = 1,
    tolerance: float = TOLERANCE,
) -> float:
    """Return the largest difference between the logits of an exported model and of Keras.

    Args:
        model: the model that was exported.
        logits_of: runs the export: ids int32 `(B, T)` to logits `(B, T, V)`.
        vocab_size: number of ids.
        batch_size: rows per batch.
        tolerance: maximum difference of a logit.

    Raises:
        ValueError: if they differ by more than that.
    """
    largest = 0.0
    for ids in _checked_ids(model, vocab_size, batch_size):
        expected = np.asarray(model(ids, training=False))
        difference = np.abs(logits_of(ids) - expected).max()
        if not difference <= tolerance:
            raise ValueError(
                f"Expected logits within {tolerance:g} of Keras, got a difference of "
                f"{difference:.2g} (ids {ids.shape})."
            )
        largest = max(largest, float(difference))
    return largest


def _checked_ids(model: NextTokenModel, vocab_size: int, batch_size: int) -> Iterator[np.ndarray]:
    """Yield ids int32 `(B, T)` to compare: random ones, and a piece from the model's memory.

    Random notes retrieve almost nothing from a memory.
    """
    numbers = np.random.default_rng(0)
    for length in CHECKED_LENGTHS:
        yield numbers.integers(1, vocab_size, (batch_size, length), np.int32)
    memory = getattr(model, "memory", None)
    if memory is not None and memory.pieces:
        piece = np.concatenate([[START], memory.pieces[0].reshape(-1)]).astype(np.int32)
        yield np.tile(piece, (batch_size, 1))


def first_line(message: object) -> str:
    """Return the first line of a message; those of converters may have thousands."""
    return str(message).strip().partition("\n")[0]
