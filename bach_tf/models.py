"""Models of the next token, written in Keras alone.

`MODELS` names them. A test holds each to the contract of `NextTokenModel`.
"""

from __future__ import annotations

from abc import abstractmethod

import keras
from keras import ops


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
        recurrent_dropout: likewise for the state. It halves the speed on a CPU.
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


MODELS = {"gru": StackedGRU}
