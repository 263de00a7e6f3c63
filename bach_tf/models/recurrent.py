"""Stacked recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.layers import Dropout
from bach_tf.models.recurrence import GRU, LSTM
from bach_tf.models.steps import TokenRules


class StackedGRU(NextTokenModel):
    """Stacked layers of gated recurrent units; each step predicts the next token.

    Source: the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15, and
    K. Cho et al. 2014 (arXiv 1406.1078) for the unit.

    Args:
        vocab_size: size of the vocabulary, including padding.
        units: units of each layer; by default, twice the size of the vocabulary.
        layers: number of layers.
        input_dropout: dropout rate of the inputs of each layer, with the same mask at every step of
            a window (Gal and Ghahramani 2016, arXiv 1512.05287).
        recurrent_dropout: the same for the state. An epoch then takes 1.6 times as long on a CPU.
        dropout: dropout rate of the outputs of the last layer, before the softmax layer.
        l2: weight of the L2 penalty on the kernels.
        layer_norm: whether to apply layer normalisation after each layer.
        period: period of the position embedding in tokens, such as a step or a bar; 1 for none.
            Training windows must start at multiples of the period.
        rules: voice of each token of a step, to add the scores of `TokenRules`; `None` for none.

    Raises:
        ValueError: if the order of the voices is not a permutation.

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
        period: int = 1,
        rules: Sequence[int] | None = None,
    ):
        super().__init__()
        units = units or 2 * vocab_size
        regularizer = keras.regularizers.L2(l2) if l2 else None
        # Unit variance, as the recurrent kernels expect; Keras' default of 0.05 learns far slower.
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.embedding = keras.layers.Embedding(vocab_size, units, embeddings_initializer=normal)
        self.period = period
        self.place = None
        if period > 1:
            normal = keras.initializers.RandomNormal(stddev=1.0)
            self.place = keras.layers.Embedding(period, units, embeddings_initializer=normal)
        self.recurrent = [
            GRU(
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
        self.dropout = Dropout(dropout)
        self.logits = keras.layers.Dense(vocab_size, kernel_regularizer=regularizer)
        self.rules = None if rules is None else TokenRules(vocab_size, rules)

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        for layer in (self.embedding, self.place, self.rules):
            if layer is not None:
                layer.build(ids_shape)
        outputs = (*ids_shape, self.embedding.output_dim)
        for layer in (*self.recurrent, *self.norms, self.logits):  # all of one width
            layer.build(outputs)

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        x = self._read(ids, ops.arange(ops.shape(ids)[1], dtype="int32"))  # (B, T, U)
        for number, layer in enumerate(self.recurrent):
            x = self._norm(number, layer(x, training=training))
        logits = self.logits(self.dropout(x, training=training))  # (B, T, V)
        return logits if self.rules is None else logits + self.rules(ids)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        before = tuple(ops.zeros((batch_size, layer.units)) for layer in self.recurrent)
        written = () if self.rules is None else self.rules.initial_state(batch_size)
        return ops.zeros((batch_size,), "int32"), before, written

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        position, before, written = state
        x, after = self._read(ids, position), []  # (B, U)
        for number, (layer, hidden) in enumerate(zip(self.recurrent, before)):
            hidden, _ = layer.cell(x, hidden)
            after.append(hidden)
            x = self._norm(number, hidden)
        logits = self.logits(x)
        if self.rules is not None:
            scores, written = self.rules.step(ids, position[0], written)
            logits = logits + scores
        return logits, (position + 1, tuple(after), written)

    def undecayed(self) -> list[keras.Variable]:  # noqa: D102
        return [] if self.rules is None else self.rules.trainable_weights

    def _read(self, ids, positions):
        """Return the embeddings of ids `(..., U)` at the given positions."""
        x = self.embedding(ids)
        return x if self.place is None else x + self.place(positions % self.period)

    def _norm(self, number: int, x):
        return self.norms[number](x) if self.norms else x


class StackedLSTM(NextTokenModel):
    """Stacked long short-term memory layers, followed by dense layers.

    Four recipes use it: folk tunes (V. Velardo, "Generating melodies with LSTM networks"), the
    cello suites and Mozart's sonatas (public tutorials on next-note prediction), and expressive
    piano (Oore et al. 2018, arXiv 1808.03715). Source of the unit: Hochreiter and Schmidhuber 1997.

    Args:
        vocab_size: size of the vocabulary, including padding.
        embedding: size of the token embedding.
        units: units of each recurrent layer.
        layers: number of recurrent layers.
        dense: sizes of the ReLU layers between the last LSTM and the softmax layer.
        dropout: dropout rate of the outputs of each LSTM.
        batch_norm: whether to apply batch normalisation to the outputs of the last LSTM and of each
            dense layer.

    Example:
        >>> model = StackedLSTM(vocab_size=61, embedding=16, units=32)
        >>> tuple(model(ops.zeros((2, 8), "int32")).shape)
        (2, 8, 61)
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        embedding: int = 64,
        units: int = 256,
        layers: int = 1,
        dense: Sequence[int] = (),
        dropout: float = 0.0,
        batch_norm: bool = False,
    ):
        super().__init__()
        self.embedding = keras.layers.Embedding(
            vocab_size,
            embedding,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.recurrent = [LSTM(units, return_sequences=True) for _ in range(layers)]
        self.dropouts = [Dropout(dropout) for _ in range(layers)]
        self.dense = [keras.layers.Dense(size) for size in dense]
        norms = 1 + len(dense) if batch_norm else 0
        self.norms = [keras.layers.BatchNormalization() for _ in range(norms)]
        self.logits = keras.layers.Dense(vocab_size)

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        self.embedding.build(ids_shape)
        width = self.embedding.output_dim
        for layer in self.recurrent:
            layer.build((*ids_shape, width))
            width = layer.units
        widths = [width, *(dense.units for dense in self.dense)]
        for norm, width in zip(self.norms, widths):
            norm.build((*ids_shape, width))
        for dense, width in zip((*self.dense, self.logits), widths):
            dense.build((*ids_shape, width))

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        x = self.embedding(ids)  # (B, T, E)
        for layer, dropout in zip(self.recurrent, self.dropouts):
            x = dropout(layer(x), training=training)  # (B, T, U)
        return self._head(x, training=training)  # (B, T, V)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        zeros = [ops.zeros((batch_size, layer.units)) for layer in self.recurrent]
        return tuple((zero, zero) for zero in zeros)

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        x, new_state = self.embedding(ids), []  # (B, E)
        for layer, hidden in zip(self.recurrent, state):
            x, hidden = layer.cell(x, hidden)  # (B, U)
            new_state.append(tuple(hidden))
        return self._head(x[:, None], training=False)[:, 0], tuple(new_state)

    def _head(self, x, training: bool):
        """Return the logits `(B, T, V)` for the outputs `(B, T, U)` of the last LSTM."""
        x = self._norm(0, x, training)
        for number, dense in enumerate(self.dense, start=1):
            x = self._norm(number, ops.relu(dense(x)), training)
        return self.logits(x)

    def _norm(self, number: int, x, training: bool):
        return self.norms[number](x, training=training) if self.norms else x
