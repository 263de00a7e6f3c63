"""Models of the next token, written in Keras alone.

`MODELS` names them. A test holds each to the contract of `NextTokenModel`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.layers import CausalConv


class NextTokenModel(keras.Model):
    """Ids in, logits of the next id out; causal.

    `call` reads whole windows; `step` reads one token and gives the same logits, at a cost
    that does not grow with the number of tokens before it. Both use the same weights.
    """

    @abstractmethod
    def call(self, ids, training: bool = False):
        """Return the logits of the id after each of `ids`.

        Args:
            ids: int32 `(B, T)`.
            training: whether dropout is on.

        Returns:
            float32 `(B, T, V)`.
        """

    @abstractmethod
    def initial_state(self, batch_size: int):
        """Return the state before the first token: any nest of tensors with `B` rows."""

    @abstractmethod
    def step(self, ids, state):
        """Read one token.

        Args:
            ids: int32 `(B,)`.
            state: of the tokens before.

        Returns:
            logits float32 `(B, V)` of the id that follows, and the new state.
        """


class StackedGRU(NextTokenModel):
    """Gated recurrent units, one layer on the other; every step predicts the next.

    Source: the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15, and
    K. Cho et al. 2014 (arXiv 1406.1078) for the unit.

    Args:
        vocab_size: number of ids, padding included.
        units: of each layer; twice the vocabulary when `None`.
        layers: how many.
        input_dropout: share of a layer's inputs left out, the same ones at every step of a
            window (Gal and Ghahramani 2016, arXiv 1512.05287).
        recurrent_dropout: likewise for the state. An epoch then takes 1.6 times as long on a CPU.
        dropout: share of the last layer's outputs left out before the softmax layer.
        l2: weight of the squared kernels in the loss.
        layer_norm: whether to normalise between the layers.

    Example:
        >>> model = StackedGRU(vocab_size=61, units=32)
        >>> tuple(model(ops.zeros((2, 8), "int32")).shape)
        (2, 8, 61)
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        units: int | None = None,
        layers: int = 3,
        input_dropout: float = 0.3,
        recurrent_dropout: float = 0.0,
        dropout: float = 0.2,
        l2: float = 0.0,
        layer_norm: bool = False,
    ):
        super().__init__()
        units = units or 2 * vocab_size
        regularizer = keras.regularizers.L2(l2) if l2 else None
        # Unit variance, as the recurrent kernels expect: the default of 0.05 learns far slower.
        self.embedding = keras.layers.Embedding(
            vocab_size, units, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.recurrent = [
            keras.layers.GRU(
                units,
                return_sequences=True,
                dropout=input_dropout,
                recurrent_dropout=recurrent_dropout,
                kernel_regularizer=regularizer,
                recurrent_regularizer=regularizer,
            )
            for _ in range(layers)
        ]
        self.norms = [keras.layers.LayerNormalization() for _ in range(layers if layer_norm else 0)]
        self.dropout = keras.layers.Dropout(dropout)
        self.logits = keras.layers.Dense(vocab_size, kernel_regularizer=regularizer)

    def call(self, ids, training: bool = False):  # noqa: D102
        x = self.embedding(ids)  # (B, T, U)
        for number, layer in enumerate(self.recurrent):
            x = self._norm(number, layer(x, training=training))
        return self.logits(self.dropout(x, training=training))  # (B, T, V)

    def initial_state(self, batch_size: int):  # noqa: D102
        return tuple(ops.zeros((batch_size, layer.units)) for layer in self.recurrent)

    def step(self, ids, state):  # noqa: D102
        x = self.embedding(ids)  # (B, U)
        new_state = []
        for number, (layer, hidden) in enumerate(zip(self.recurrent, state)):
            hidden, _ = layer.cell(x, hidden)
            new_state.append(hidden)
            x = self._norm(number, hidden)
        return self.logits(x), tuple(new_state)

    def _norm(self, number: int, x):
        return self.norms[number](x) if self.norms else x


class ConvLSTM(NextTokenModel):
    """Dilated causal convolutions, as in WaveNet, under one LSTM.

    Source: the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15: each
    convolution is followed by ReLU and batch normalisation.

    Args:
        vocab_size: number of ids, padding included.
        embedding: numbers that stand for an id.
        filters: channels of each convolution; the dilations are 1, 2, 4 and so on.
        kernel_size: taps of each convolution.
        units: of the LSTM.
        dropout: share of the LSTM's inputs and of its outputs left out.

    Example:
        >>> model = ConvLSTM(vocab_size=61, units=32)
        >>> tuple(model(ops.zeros((2, 8), "int32")).shape)
        (2, 8, 61)
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        embedding: int = 5,
        filters: Sequence[int] = (32, 48, 64, 96),
        kernel_size: int = 2,
        units: int = 256,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = keras.layers.Embedding(vocab_size, embedding)
        self.convolutions = [
            CausalConv(channels, kernel_size=kernel_size, dilation=2**number)
            for number, channels in enumerate(filters)
        ]
        self.norms = [keras.layers.BatchNormalization() for _ in filters]
        self.dropout_in = keras.layers.Dropout(dropout)
        self.recurrent = keras.layers.LSTM(units, return_sequences=True)
        self.dropout_out = keras.layers.Dropout(dropout)
        self.logits = keras.layers.Dense(vocab_size)

    def call(self, ids, training: bool = False):  # noqa: D102
        x = self.embedding(ids)  # (B, T, E)
        for convolution, norm in zip(self.convolutions, self.norms):
            x = norm(ops.relu(convolution(x)), training=training)  # (B, T, F)
        x = self.recurrent(self.dropout_in(x, training=training))  # (B, T, U)
        return self.logits(self.dropout_out(x, training=training))  # (B, T, V)

    def initial_state(self, batch_size: int):  # noqa: D102
        inputs = tuple(layer.initial_state(batch_size) for layer in self.convolutions)
        zeros = ops.zeros((batch_size, self.recurrent.units))
        return inputs, (zeros, zeros)

    def step(self, ids, state):  # noqa: D102
        inputs, hidden = state
        x, new_inputs = self.embedding(ids), []  # (B, E)
        for convolution, norm, before in zip(self.convolutions, self.norms, inputs):
            x, after = convolution.step(x, before)
            x = norm(ops.relu(x)[:, None], training=False)[:, 0]  # (B, F)
            new_inputs.append(after)
        x, hidden = self.recurrent.cell(x, hidden)  # (B, U)
        return self.logits(x), (tuple(new_inputs), tuple(hidden))


MODELS = {"gru": StackedGRU, "wavenet": ConvLSTM}
