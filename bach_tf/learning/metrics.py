"""Training metrics, averaged over all counted tokens.

Keras' own metrics average over each row first, so that batches of long pieces would weigh no
more than those of short ones, and the history would disagree with the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from bach_tf.models.base import Tensor


class TokenMean(keras.metrics.Mean):
    """The weighted mean of a measure over the tokens of all batches.

    Args:
        measure: maps targets `(B, T)` and logits `(B, T, V)` to `(B, T)`.
        name: its name in the history.
    """

    def __init__(self, measure: Callable[[Tensor, Tensor], Tensor], name: str):
        super().__init__(name=name)
        self.measure = measure

    def update_state(
        self, targets: Tensor, logits: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Accumulate a batch: targets `(B, T)`, logits `(B, T, V)` and weights `(B, T)`."""
        values = ops.ravel(self.measure(targets, logits))
        weights = None if sample_weight is None else ops.ravel(sample_weight)
        super().update_state(values, weights)


def nats(targets: Tensor, logits: Tensor) -> Tensor:
    """Return the negative log-likelihood of each target: float32 `(B, T)`."""
    return keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)


def hits(targets: Tensor, logits: Tensor) -> Tensor:
    """Return 1 where a target is the most probable id, else 0: float32 `(B, T)`."""
    return keras.metrics.sparse_categorical_accuracy(targets, logits)
