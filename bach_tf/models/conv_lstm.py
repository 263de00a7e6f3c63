"""Dilated convolutions under an LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.layers import CausalConv, Dropout
from bach_tf.models.recurrence import LSTM


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
        dropout: fraction of the LSTM's inputs and of its outputs left out.

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
        self.dropout_in = Dropout(dropout)
        self.recurrent = LSTM(units, return_sequences=True)
        self.dropout_out = Dropout(dropout)
        self.logits = keras.layers.Dense(vocab_size)

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        self.embedding.build(ids_shape)
        width = self.embedding.output_dim
        for convolution, norm in zip(self.convolutions, self.norms):
            convolution.build((*ids_shape, width))
            width = convolution.conv.filters
            norm.build((*ids_shape, width))
        self.recurrent.build((*ids_shape, width))
        self.logits.build((*ids_shape, self.recurrent.units))

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        x = self.embedding(ids)  # (B, T, E)
        for convolution, norm in zip(self.convolutions, self.norms):
            x = norm(ops.relu(convolution(x)), training=training)  # (B, T, F)
        x = self.recurrent(self.dropout_in(x, training=training))  # (B, T, U)
        return self.logits(self.dropout_out(x, training=training))  # (B, T, V)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        inputs = tuple(layer.initial_state(batch_size) for layer in self.convolutions)
        zeros = ops.zeros((batch_size, self.recurrent.units))
        return inputs, (zeros, zeros)

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        inputs, hidden = state
        x, new_inputs = self.embedding(ids), []  # (B, E)
        for convolution, norm, before in zip(self.convolutions, self.norms, inputs):
            x, after = convolution.step(x, before)
            x = norm(ops.relu(x)[:, None], training=False)[:, 0]  # (B, F)
            new_inputs.append(after)
        x, hidden = self.recurrent.cell(x, hidden)  # (B, U)
        return self.logits(x), (tuple(new_inputs), tuple(hidden))
