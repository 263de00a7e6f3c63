"""A decoder-only transformer with relative self-attention."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.layers import Dropout, RelativeAttention
from bach_tf.models.steps import TokenRules


class Transformer(NextTokenModel):
    """The Music Transformer of Huang et al. 2018 (arXiv 1809.04281).

    Every layer looks back at most `context` tokens, so that a token costs the same wherever it
    stands; through the layers above one another the model sees `layers * context`. Each block
    normalises before its attention and before its feed-forward part (Xiong et al. 2020, arXiv
    2002.04745), which trains without a long warm-up.

    Args:
        vocab_size: number of ids, padding included.
        layers: how many blocks.
        units: width of the model.
        heads: of the attention; they share the width.
        feed_forward: width of the hidden layer of each block.
        context: tokens that a layer sees, the present one included.
        period: number of tokens after which the position embedding repeats: those of a bar or of
            a step; 1 where positions mean nothing. Training windows must begin at multiples of it.
        dropout: fraction of the embeddings and of each part's outputs left out.
        attention_dropout: fraction of the attention left out.
        rules: which voice each token of a step is, where `TokenRules` score the ids; else `None`.

    Raises:
        ValueError: a width that the heads cannot share, or an order of voices that is none.

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
        self.embedding = keras.layers.Embedding(vocab_size, units)
        self.place = keras.layers.Embedding(period, units)
        self.dropout = Dropout(dropout)
        self.blocks = [
            Block(heads, context, feed_forward, dropout, attention_dropout) for _ in range(layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
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
        for block, cache in zip(self.blocks, caches):
            x, cache = block.step(x, position[0], cache)
            new_caches.append(cache)
        logits = self.logits(self.norm(x))
        if self.rules is not None:
            scores, written = self.rules.step(ids, position[0], written)
            logits = logits + scores
        return logits, (position + 1, tuple(new_caches), written)

    def undecayed(self) -> list[keras.Variable]:  # noqa: D102
        return [] if self.rules is None else self.rules.trainable_weights


class Block(keras.layers.Layer):
    """Attention and a feed-forward part, each added to what comes in.

    Args:
        heads: of the attention.
        context: tokens that it sees.
        feed_forward: width of the hidden layer.
        dropout: fraction of each part's outputs left out.
        attention_dropout: fraction of the attention left out.
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
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.dropouts = [Dropout(dropout) for _ in range(2)]
        self.hidden = keras.layers.Dense(feed_forward, activation="relu")

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs `(B, T, U)`."""
        self.out = keras.layers.Dense(input_shape[-1])
        self.attention.build(input_shape)
        for norm in self.norms:
            norm.build(input_shape)
        self.hidden.build(input_shape)
        self.out.build((*input_shape[:-1], self.hidden.units))

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return outputs `(B, T, U)` of inputs `(B, T, U)`."""
        attended = self.attention(self.norms[0](x), training=training)
        x = x + self.dropouts[0](attended, training=training)
        return x + self.dropouts[1](self._feed_forward(x), training=training)

    def step(self, x: Tensor, position: Tensor, cache: State) -> tuple[Tensor, State]:
        """Return the output `(B, U)` of the input `(B, U)` at a position, and the new cache."""
        attended, cache = self.attention.step(self.norms[0](x), position, cache)
        x = x + attended
        return x + self._feed_forward(x), cache

    def _feed_forward(self, x):
        return self.out(self.hidden(self.norms[1](x)))
