"""Layers that read a whole window or one token at a time, with the same weights."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from bach_tf.models import cpu
from bach_tf.models.base import Shape, State, Tensor

QUERIES = 64  # that attend at a time: fewer are as fast, and more operations


class Dropout(keras.layers.Dropout):
    """Keras' dropout, as a product with zeros and ones.

    Keras selects between numbers and zeros, which takes TensorFlow several times as long.

    Args:
        rate: fraction of the numbers left out; the others are raised by as much.
        options: those of Keras' layer.

    Raises:
        ValueError: a rate that leaves nothing, or is none.

    Example:
        >>> tuple(Dropout(0.5)(ops.ones((2, 3)), training=True).shape)
        (2, 3)
    """

    def __init__(self, rate: float, **options: Any):
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Received: {rate}")
        super().__init__(rate, **options)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the inputs with some of the numbers at 0; as they are without training."""
        if not training or self.rate == 0:
            return x
        shape = ops.shape(x)
        wanted = self.noise_shape or shape
        shape = [own if size is None else size for own, size in zip(shape, wanted)]
        kept = ops.cast(_kept(shape, self.rate, self.seed_generator), x.dtype)
        return x * (kept / (1 - self.rate))


def _kept(shape, rate: float, seed_generator):
    """Return which numbers of a shape are kept: bool, true for a fraction of `1 - rate`."""
    if cpu.enabled():
        from bach_tf.models.cpu.dropout import kept

        return kept(shape, rate, seed_generator)
    return keras.random.uniform(shape, seed=seed_generator) >= rate


class MovedNotes(keras.layers.Layer):
    """Move some of the notes by a few semitones, so that a model does not trust each one it reads.

    Args:
        rate: share of the notes that are moved.
        lowest: the first id of a pitch; pitches stand in order.
        vocab_size: number of ids, of which pitches are the last.
        semitones: by how many at most, up or down.

    Example:
        >>> MovedNotes(0.0, lowest=4, vocab_size=20)(ops.ones((1, 2, 4), "int32")).shape[1]
        2
    """

    def __init__(self, rate: float, lowest: int, vocab_size: int, semitones: int = 4):
        super().__init__()
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` must be in 0..1. Received: {rate}")
        self.rate, self.lowest, self.highest = rate, lowest, vocab_size - 1
        self.semitones = semitones
        self.seed_generator = keras.random.SeedGenerator() if rate else None

    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        """Return the ids, in training with some pitches moved: int32 of their shape."""
        if not training or not self.rate:
            return ids
        # One number for both: the share that is moved is dealt out to the distances.
        ways = 2 * self.semitones + 1
        drawn = keras.random.uniform(ops.shape(ids), seed=self.seed_generator)
        jump = ops.cast(drawn * (ways / self.rate), "int32") - self.semitones
        jump = ops.where((drawn < self.rate) & (ids >= self.lowest), jump, 0)
        return ops.where(jump != 0, ops.clip(ids + jump, self.lowest, self.highest), ids)


def gelu(x: Tensor) -> Tensor:
    """Return `0.5 x (1 + tanh(c (x + 0.044715 x^3)))`, with fewer operations than are written here.

    Source: D. Hendrycks and K. Gimpel 2016 (arXiv 1606.08415), the approximation with tanh.
    """
    twice = 2 * math.sqrt(2 / math.pi)
    return x * ops.sigmoid(x * (twice + twice * 0.044715 * ops.square(x)))


class CausalConv(keras.layers.Layer):
    """A dilated convolution that sees nothing later: WaveNet's (van den Oord et al. 2016).

    Args:
        filters: channels of the output.
        kernel_size: taps.
        dilation: tokens from one tap to the next.

    Example:
        >>> tuple(CausalConv(8, kernel_size=2, dilation=4)(ops.zeros((1, 10, 3))).shape)
        (1, 10, 8)
    """

    def __init__(self, filters: int, *, kernel_size: int, dilation: int):
        super().__init__()
        self.conv = keras.layers.Conv1D(
            filters, kernel_size, padding="causal", dilation_rate=dilation
        )
        self.dilation = dilation
        self.reach = (kernel_size - 1) * dilation  # tokens before the present one that it sees

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs `(B, T, C)`."""
        self.channels = input_shape[-1]
        self.conv.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """Return the outputs `(B, T, filters)` of inputs `(B, T, C)`."""
        return self.conv(x)

    def initial_state(self, batch_size: int) -> State:
        """Return the inputs before the first one, zeros: `(B, reach, C)`."""
        return ops.zeros((batch_size, self.reach, self.channels))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the output `(B, filters)` of one input `(B, C)`, and the state after it."""
        seen = ops.concatenate([state, x[:, None]], axis=1)  # (B, reach + 1, C)
        taps = seen[:, :: self.dilation]  # (B, kernel_size, C)
        out = ops.einsum("bkc,kcf->bf", taps, self.conv.kernel) + self.conv.bias
        return out, seen[:, 1:]


class RelativeAttention(keras.layers.Layer):
    """Causal attention of several heads that knows how far back each token is.

    To each score is added the product of the query with a learned vector for the distance, by
    the memory-efficient "skewing" of Huang et al. 2018 (arXiv 1809.04281): the products with
    all distances are one matrix, whose rows are then moved into place. A token sees the last
    `context` tokens. A longer sequence is cut into blocks of `context` queries, each with its own
    keys and those of the block before, so that the cost grows with the length alone.

    Args:
        heads: they share the width of the input.
        context: tokens that a token sees, itself included.
        dropout: fraction of the attention left out.

    Raises:
        ValueError: a width that the heads cannot share.

    Example:
        >>> layer = RelativeAttention(2, context=16)
        >>> tuple(layer(ops.zeros((1, 10, 8))).shape)
        (1, 10, 8)
    """

    def __init__(self, heads: int, *, context: int, dropout: float = 0.0):
        super().__init__()
        self.heads = heads
        self.context = context
        self.dropout = Dropout(dropout)

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs `(B, T, U)`."""
        units = input_shape[-1]
        if units % self.heads:
            raise ValueError(
                f"`units` must be a multiple of `heads`. Received: units={units}, "
                f"heads={self.heads}"
            )
        self.units, self.head_units = units, units // self.heads
        self.project = keras.layers.Dense(3 * units, use_bias=False)
        self.project.build(input_shape)
        self.out = keras.layers.Dense(units)
        self.out.build(input_shape)
        # The last row is the present token, the first one the furthest.
        self.distances = self.add_weight(
            shape=(self.heads, self.context, self.head_units),
            initializer=keras.initializers.RandomNormal(stddev=self.head_units**-0.5),
            name="distances",
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the outputs `(B, T, U)` of inputs `(B, T, U)`."""
        length = ops.shape(x)[1]
        query, key, value = self._split(self.project(x))  # (B, H, T, D) each
        if isinstance(length, int) and length <= self.context:
            out = self._attend(query, key, value, training)
        else:
            out = self._attend_in_blocks(query, key, value, training)
        out = ops.reshape(ops.transpose(out, (0, 2, 1, 3)), (-1, length, self.units))
        return self.out(out)  # (B, T, U)

    def initial_state(self, batch_size: int) -> State:
        """Return empty caches of keys and values: `(B, H, context, D)` each.

        The token at a position stands at the remainder of its division by the context.
        """
        if cpu.in_place():
            from bach_tf.models.cpu import caches

            sizes = (batch_size, self.heads, self.head_units)
            return caches.empty(sizes, self.context), caches.empty(sizes, self.context)
        shape = (batch_size, self.heads, self.context, self.head_units)
        return ops.zeros(shape), ops.zeros(shape)

    def step(self, x: Tensor, position: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the output `(B, U)` of the input `(B, U)` at a position, and the new caches."""
        query, key, value = self._split(self.project(x)[:, None])  # (B, H, 1, D) each
        # A token is written over the oldest one: to move all the others would take longer than
        # to attend to them.
        slot, write = position % self.context, _written
        if cpu.in_place():
            from bach_tf.models.cpu import caches

            state, write = caches.with_room(state, slot, self.context), caches.written
        keys, values = (write(old, slot, new) for old, new in zip(state, (key, value)))
        room = ops.arange(ops.shape(keys)[2], dtype="int32")
        ages = (slot - room) % self.context  # of the tokens in the caches
        distances = ops.take(self.distances, self.context - 1 - ages, axis=1)  # (H, room, D)
        of_distances = _products(ops.moveaxis(query[:, :, 0], 0, 1), distances)  # (H, B, room)
        scores = _products(query, keys) + ops.moveaxis(of_distances, 1, 0)[:, :, None]
        out = self._weighted(scores, ages <= position, values, training=False)  # (B, H, 1, D)
        return self.out(ops.reshape(out, (-1, self.units))), (keys, values)

    def _split(self, projected):
        """Return query, key and value, `(B, H, T, D)` each, of `(B, T, 3 U)`."""
        length = ops.shape(projected)[1]
        parts = ops.reshape(projected, (-1, length, 3, self.heads, self.head_units))
        query, key, value = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)
        return query * self.head_units**-0.5, key, value

    def _attend(self, query, key, value, training: bool):
        """Attend from all tokens to all before them, of `(B, H, T, D)` with `T <= context`.

        Some queries at a time, to no later key: of 256 tokens this leaves out three eighths.
        """
        length = ops.shape(query)[2]
        queries, keys, values = (_parts(x, length) for x in (query, key, value))
        outputs = []
        for number, part in enumerate(queries, start=1):
            key, value = (_joined(x[:number]) for x in (keys, values))
            last = np.arange(key.shape[2])
            seen = last[-part.shape[2] :, None] >= last
            scores = _products(part, key) + self._skewed(part, key.shape[2])
            outputs.append(self._weighted(scores, seen, value, training))
        return _joined(outputs)

    def _attend_in_blocks(self, query, key, value, training: bool):
        """Attend within `context`, of `(B, H, T, D)` with any `T`."""
        size, length = self.context, ops.shape(query)[2]
        blocks = (length + size - 1) // size
        behind = blocks * size - length
        query = ops.pad(query, ((0, 0), (0, 0), (0, behind), (0, 0)))
        shape = (-1, self.heads, blocks, size, self.head_units)
        query = ops.reshape(query, shape)  # (B, H, N, C, D)
        key, value = (self._pairs_of_blocks(x, behind, shape) for x in (key, value))
        scores = _products(query, key) + self._skewed(query, 2 * size)  # (B, H, N, C, 2C)
        query_place = ops.arange(size)[:, None] + size
        key_place = ops.arange(2 * size)
        seen = (key_place <= query_place) & (key_place > query_place - size)  # (C, 2C)
        # The first block has none before it.
        exists = (ops.arange(blocks)[:, None] > 0) | (key_place >= size)  # (N, 2C)
        out = self._weighted(scores, seen & exists[:, None], value, training)
        out = ops.reshape(out, (-1, self.heads, blocks * size, self.head_units))
        return out[:, :, :length]

    def _pairs_of_blocks(self, x, behind, shape):
        """Return each block with the one before it: `(B, H, N, 2C, D)` of `(B, H, T, D)`."""
        x = ops.pad(x, ((0, 0), (0, 0), (self.context, behind), (0, 0)))
        before = ops.reshape(x[:, :, : -self.context], shape)
        here = ops.reshape(x[:, :, self.context :], shape)
        return ops.concatenate([before, here], axis=3)

    def _skewed(self, query, keys):
        """Return the scores of the distances, `(..., Q, keys)` of queries `(..., Q, D)`.

        The last query stands at the last key. Scores beyond `context` and of later keys are
        arbitrary: they are masked.
        """
        *outer, length, _ = ops.shape(query)
        known = self.distances
        if keys < self.context:
            known = ops.split(known, [self.context - keys], axis=1)[1]
        if len(outer) == 3:
            known = ops.expand_dims(known, 1)  # the same for all blocks
        scores = _products(query, known)  # (..., Q, the distances)
        missing = keys - known.shape[-2] + 1
        scores = ops.pad(scores, [(0, 0)] * (len(outer) + 1) + [(missing, 0)])  # (..., Q, keys+1)
        # Row by row one less: behind the first Q numbers, rows of `keys` stand shifted by one.
        # Cut as rows, since the gradient of a slice takes as long as all else here.
        rows = ops.reshape(scores, (-1, *outer[1:], keys + 1, length))
        return ops.reshape(ops.split(rows, [1], axis=-2)[1], (-1, *outer[1:], length, keys))

    def _weighted(self, scores, seen, value, training: bool):
        """Return the values weighted by the scores of the keys that are seen."""
        scores = scores + ops.where(seen, 0.0, -1e9)
        weights = self.dropout(ops.softmax(scores, axis=-1), training=training)
        return ops.matmul(weights, value)


def _written(cache, slot, new):
    """Return a cache `(B, H, context, D)` with `new`, `(B, H, 1, D)`, written into a slot."""
    batch, heads, _, numbers = ops.shape(cache)
    rows = ops.reshape(ops.arange(batch * heads), (-1, 1))
    indices = ops.concatenate([rows, ops.full_like(rows, slot)], axis=1)  # (B H, 2)
    flat = ops.reshape(cache, (-1, cache.shape[2], numbers))
    flat = ops.scatter_update(flat, indices, ops.reshape(new, (-1, numbers)))
    return ops.reshape(flat, (-1, heads, cache.shape[2], numbers))


def _products(queries, keys):
    """Return the products of all queries `(..., Q, D)` with all keys `(..., K, D)`."""
    return ops.matmul(queries, ops.swapaxes(keys, -1, -2))


def _parts(x, length: int) -> list:
    """Return `x`, `(B, H, T, D)`, in parts of `QUERIES`."""
    begins = list(range(QUERIES, length, QUERIES))
    return ops.split(x, begins, axis=2) if begins else [x]


def _joined(parts):
    """Return parts `(B, H, Q, D)` one behind the other."""
    return ops.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
