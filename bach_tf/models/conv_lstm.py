"""Dilated convolutions followed by an LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.layers import CausalConv, Dropout
from bach_tf.models.recurrence import LSTM
from bach_tf.models.steps import TokenRules


class ConvLSTM(NextTokenModel):
    """Dilated causal convolutions, as in WaveNet, followed by one LSTM.

    Source: the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15: each
    convolution is followed by ReLU and batch normalisation.

    Args:
        vocab_size: size of the vocabulary, including padding.
        embedding: size of the token embedding.
        filters: channels of each convolution; the dilations are 1, 2, 4 and so on.
        kernel_size: taps of each convolution.
        units: units of the LSTM.
        dropout: dropout rate of the inputs and the outputs of the LSTM.
        period: period of the position embedding in tokens, such as a step or a bar; 1 for none. The
            embedding is added to the first convolution, like the conditioning of WaveNet. Training
            windows must start at multiples of the period.
        rules: voice of each token of a step, to add the scores of `TokenRules`; `None` for none.

    Raises:
        ValueError: if the order of the voices is not a permutation.

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
        period: int = 1,
        rules: Sequence[int] | None = None,
    ):
        super().__init__()
        self.period = period
        self.place = keras.layers.Embedding(period, filters[0]) if period > 1 else None
        self.rules = None if rules is None else TokenRules(vocab_size, rules)
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
        for layer in (self.embedding, self.place, self.rules):
            if layer is not None:
                layer.build(ids_shape)
        width = self.embedding.output_dim
        for convolution, norm in zip(self.convolutions, self.norms):
            convolution.build((*ids_shape, width))
            width = convolution.conv.filters
            norm.build((*ids_shape, width))
        self.recurrent.build((*ids_shape, width))
        self.logits.build((*ids_shape, self.recurrent.units))

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        x = self.embedding(ids)  # (B, T, E)
        positions = ops.arange(ops.shape(ids)[1], dtype="int32")
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            x = ops.relu(self._placed(number, convolution(x), positions))
            x = norm(x, training=training)  # (B, T, F)
        x = self.recurrent(self.dropout_in(x, training=training))  # (B, T, U)
        logits = self.logits(self.dropout_out(x, training=training))  # (B, T, V)
        return logits if self.rules is None else logits + self.rules(ids)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        inputs = tuple(layer.initial_state(batch_size) for layer in self.convolutions)
        zeros = ops.zeros((batch_size, self.recurrent.units))
        written = () if self.rules is None else self.rules.initial_state(batch_size)
        return ops.zeros((batch_size,), "int32"), inputs, (zeros, zeros), written

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        position, inputs, hidden, written = state
        x, new_inputs = self.embedding(ids), []  # (B, E)
        layers = zip(self.convolutions, self.norms, inputs)
        for number, (convolution, norm, before) in enumerate(layers):
            x, after = convolution.step(x, before)
            x = ops.relu(self._placed(number, x, position))
            x = norm(x[:, None], training=False)[:, 0]  # (B, F)
            new_inputs.append(after)
        x, hidden = self.recurrent.cell(x, hidden)  # (B, U)
        logits = self.logits(x)
        if self.rules is not None:
            scores, written = self.rules.step(ids, position[0], written)
            logits = logits + scores
        return logits, (position + 1, tuple(new_inputs), tuple(hidden), written)

    def undecayed(self) -> list[keras.Variable]:  # noqa: D102
        return [] if self.rules is None else self.rules.trainable_weights

    def _placed(self, number: int, x, positions):
        """Return the output of a convolution; the first one adds the position embedding."""
        if number or self.place is None:
            return x
        return x + self.place(positions % self.period)
