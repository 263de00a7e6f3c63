"""Keras' recurrent layers, whose training step is our own where that is faster."""

from __future__ import annotations

import keras

from bach_tf.models import cpu
from bach_tf.models.base import State, Tensor


class GRU(keras.layers.GRU):
    """Keras' gated recurrent unit, with a training step of its own on a CPU.

    The weights, their names, the dropout's masks and the numbers are those of Keras (to rounding).
    What is not a plain training step is left to Keras: other backends than TensorFlow, a GPU,
    inference, recurrent dropout, masks, states returned, other activations than the default.

    Source: K. Cho et al. 2014 (arXiv 1406.1078), with the reset behind the product.

    Example:
        >>> tuple(GRU(8, return_sequences=True)(keras.ops.zeros((2, 5, 3)), training=True).shape)
        (2, 5, 8)
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: State, mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, State]:
        """Return the last output, all outputs and the last states, as Keras' method does."""
        if cpu.enabled():
            from bach_tf.models.cpu.recurrence import gru_outputs

            outputs = gru_outputs(self, sequences, initial_state, mask, training)
            if outputs is not None:
                return outputs[:, -1], outputs, []  # no states: they are asked for elsewhere alone
        return super().inner_loop(sequences, initial_state, mask, training=training)


class LSTM(keras.layers.LSTM):
    """Keras' long short-term memory, with a training step of its own on a CPU: see `GRU`.

    Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 1997.

    Example:
        >>> tuple(LSTM(8, return_sequences=True)(keras.ops.zeros((2, 5, 3)), training=True).shape)
        (2, 5, 8)
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: State, mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, State]:
        """Return the last output, all outputs and the last states, as Keras' method does."""
        if cpu.enabled():
            from bach_tf.models.cpu.recurrence import lstm_outputs

            outputs = lstm_outputs(self, sequences, initial_state, mask, training)
            if outputs is not None:
                return outputs[:, -1], outputs, []
        return super().inner_loop(sequences, initial_state, mask, training=training)
