"""A decoder-only transformer with relative self-attention."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.layers import (
    Dropout,
    Embedding,
    LayerNormalization,
    Moment,
    RelativeAttention,
)
from bach_tf.models.steps import TokenRules


class Transformer(NextTokenModel):
    """The Music Transformer of Huang et al. 2018 (arXiv 1809.04281).

    Each layer attends to at most `context` tokens, so that the cost of a token does not depend
    on its position; stacked layers see `layers * context` tokens. Each block normalises the
    inputs of its attention and of its feed-forward part (Xiong et al. 2020, arXiv 2002.04745),
    which allows training without a long warm-up.

    Args:
        vocab_size: size of the vocabulary, including padding.
        layers: number of blocks.
        units: width of the model.
        heads: number of attention heads, which share the width.
        feed_forward: width of the hidden layer of each block.
        context: tokens that a layer attends to, including the current one.
        period: period of the position embedding in tokens, such as a step or a bar; 1 for none.
            Training windows must start at multiples of the period.
        dropout: dropout rate of the embeddings and of the outputs of each part.
        attention_dropout: dropout rate of the attention weights.
        rules: voice of each token of a step, to add the scores of `TokenRules`; `None` for none.

    Raises:
        ValueError: if the width is not a multiple of `heads`, or the order of the voices is not a
            permutation.

    Example:
        >>> model = Transformer(vocab_size=61, layers=2, units=32, heads=4, feed_forward=64)
        >>> tuple(model(ops.zeros((2, 8), "int32")).shape)
        (2, 8, 61)
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        layers: int = 5,
        units: int = 256,
        heads: int = 8,
        feed_forward: int = 1024,
        context: int = 512,
        period: int = 1,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        rules: Sequence[int] | None = None,
    ):
        super().__init__()
        self.period = period
        self.embedding = Embedding(vocab_size, units)
        self.place = Embedding(period, units)
        self.dropout = Dropout(dropout)
        self.blocks = [
            Block(heads, context, feed_forward, dropout, attention_dropout) for _ in range(layers)
        ]
        self.norm = LayerNormalization(epsilon=1e-5)
        self.logits = keras.layers.Dense(vocab_size)
        self.rules = None if rules is None else TokenRules(vocab_size, rules)

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        self.embedding.build(ids_shape)
        self.place.build(ids_shape[1:])
        for layer in (*self.blocks, self.norm, self.logits):
            layer.build((*ids_shape, self.embedding.output_dim))
        if self.rules is not None:
            self.rules.build(ids_shape)

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        steps = ops.arange(ops.shape(ids)[1], dtype="int32") % self.period  # (T,)
        x = self.dropout(self.embedding(ids) + self.place(steps), training=training)  # (B, T, U)
        for block in self.blocks:
            x = block(x, training=training)
        logits = self.logits(self.norm(x))  # (B, T, V)
        return logits if self.rules is None else logits + self.rules(ids)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        caches = tuple(block.attention.initial_state(batch_size) for block in self.blocks)
        written = () if self.rules is None else self.rules.initial_state(batch_size)
        return ops.zeros((batch_size,), "int32"), caches, written

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        position, caches, written = state
        x, new_caches = self.embedding(ids) + self.place(position % self.period), []  # (B, U)
        moment, caches = self.blocks[0].attention.moment(position[0], caches)
        for block, cache in zip(self.blocks, caches):
            x, cache = block.step(x, moment, cache)
            new_caches.append(cache)
        logits = self.logits(self.norm(x))
        if self.rules is not None:
            scores, written = self.rules.step(ids, position[0], written)
            logits = logits + scores
        return logits, (position + 1, tuple(new_caches), written)

    def undecayed(self) -> list[keras.Variable]:  # noqa: D102
        return [] if self.rules is None else self.rules.trainable_weights


class Block(keras.layers.Layer):
    """Attention and a feed-forward part, each with a residual connection.

    Args:
        heads: number of attention heads.
        context: tokens that it attends to.
        feed_forward: width of the hidden layer.
        dropout: dropout rate of the outputs of each part.
        attention_dropout: dropout rate of the attention weights.
    """

    def __init__(
        self,
        heads: int,
        context: int,
        feed_forward: int,
        dropout: float,
        attention_dropout: float,
    ):
        super().__init__()
        self.attention = RelativeAttention(heads, context=context, dropout=attention_dropout)
        self.norms = [LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.dropouts = [Dropout(dropout) for _ in range(2)]
        self.hidden = keras.layers.Dense(feed_forward, activation="relu")

    def build(self, input_shape: Shape) -> None:
        """Create the weights for inputs `(B, T, U)`."""
        self.out = keras.layers.Dense(input_shape[-1])
        self.attention.build(input_shape)
        for norm in self.norms:
            norm.build(input_shape)
        self.hidden.build(input_shape)
        self.out.build((*input_shape[:-1], self.hidden.units))

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the outputs `(B, T, U)` for inputs `(B, T, U)`."""
        attended = self.attention(self.norms[0](x), training=training)
        x = x + self.dropouts[0](attended, training=training)
        return x + self.dropouts[1](self._feed_forward(x), training=training)

    def step(self, x: Tensor, moment: Moment, cache: State) -> tuple[Tensor, State]:
        """Return the output `(B, U)` for the input `(B, U)` at a position, and the new cache."""
        attended, cache = self.attention.step(self.norms[0](x), moment, cache)
        x = x + attended
        return x + self._feed_forward(x), cache

    def _feed_forward(self, x):
        return self.out(self.hidden(self.norms[1](x)))
