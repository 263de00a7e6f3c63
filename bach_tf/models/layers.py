"""Layers that process a whole window or one token at a time, with the same weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from bach_tf.models import cpu
from bach_tf.models.base import Shape, State, Tensor

UNSEEN = -1e9  # added to the scores of tokens that are not seen
QUERIES = 64  # that attend at a time: fewer are as fast, and more operations


class Dropout(keras.layers.Dropout):
    """Keras' dropout, implemented as a product with a mask of zeros and ones.

    Keras selects between values and zeros, which is several times slower in TensorFlow.

    Args:
        rate: fraction of the values set to 0; the others are scaled up accordingly.
        options: other options of Keras' layer.

    Raises:
        ValueError: if the rate is not in `[0, 1)`.

    Example:
        >>> tuple(Dropout(0.5)(ops.ones((2, 3)), training=True).shape)
        (2, 3)
    """

    def __init__(self, rate: float, **options: Any):
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Received: {rate}")
        super().__init__(rate, **options)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the inputs with some values set to 0; unchanged without training."""
        if not training or self.rate == 0:
            return x
        shape = ops.shape(x)
        wanted = self.noise_shape or shape
        shape = [own if size is None else size for own, size in zip(shape, wanted)]
        kept = ops.cast(_kept(shape, self.rate, self.seed_generator), x.dtype)
        return x * (kept / (1 - self.rate))


def _kept(shape, rate: float, seed_generator):
    """Return a mask that keeps a fraction of `1 - rate`: bool of the given shape."""
    if cpu.enabled():
        from bach_tf.models.cpu.dropout import kept

        return kept(shape, rate, seed_generator)
    return keras.random.uniform(shape, seed=seed_generator) >= rate


class MovedNotes(keras.layers.Layer):
    """Transpose random notes by a few semitones, as noise on the inputs in training.

    Args:
        rate: fraction of the notes to move.
        lowest: the first id of a pitch; pitches are in order.
        vocab_size: size of the vocabulary, in which pitches come last.
        semitones: largest move, up or down.

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
        """Return the ids, with some pitches moved in training: int32 of the same shape."""
        if not training or not self.rate:
            return ids
        # One random number decides both whether a note is moved and how far.
        ways = 2 * self.semitones + 1
        drawn = keras.random.uniform(ops.shape(ids), seed=self.seed_generator)
        jump = ops.cast(drawn * (ways / self.rate), "int32") - self.semitones
        jump = ops.where((drawn < self.rate) & (ids >= self.lowest), jump, 0)
        return ops.where(jump != 0, ops.clip(ids + jump, self.lowest, self.highest), ids)


def taken(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Return the slices of a tensor at the given indices, which must not be negative.

    With TensorFlow this is a single operation, while `ops.take` is ten: models that write token by
    token compile and run faster.

    Example:
        >>> int(taken(ops.convert_to_tensor([5, 6, 7]), 2))
        7
    """
    if cpu.enabled():
        from bach_tf.models.cpu import gathering

        return gathering.taken(x, indices, axis)
    return ops.take(x, indices, axis=axis)


class Embedding(keras.layers.Embedding):
    """Keras' embedding, of ids that are never negative.

    Example:
        >>> tuple(Embedding(5, 3)(ops.zeros((2, 4), "int32")).shape)
        (2, 4, 3)
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Return the vectors `(..., D)` of ids int32 `(...)`."""
        return ops.cast(taken(self.embeddings, inputs), self.compute_dtype)


class LayerNormalization(keras.layers.LayerNormalization):
    """Keras' layer normalization over the last axis, with half the operations.

    Example:
        >>> float(ops.max(LayerNormalization()(ops.convert_to_tensor([[1.0, 3.0]])))) < 1
        True
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Return the vectors with mean 0 and variance 1, scaled and shifted as learned."""
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        return centred * (ops.rsqrt(variance + self.epsilon) * self.gamma) + self.beta


def gelu(x: Tensor) -> Tensor:
    """Return `0.5 x (1 + tanh(c (x + 0.044715 x^3)))`, computed with fewer operations.

    Source: D. Hendrycks and K. Gimpel 2016 (arXiv 1606.08415), the approximation with tanh.
    """
    twice = 2 * math.sqrt(2 / math.pi)
    return x * ops.sigmoid(x * (twice + twice * 0.044715 * ops.square(x)))


class CausalConv(keras.layers.Layer):
    """A dilated causal convolution, as in WaveNet (van den Oord et al. 2016).

    Args:
        filters: channels of the output.
        kernel_size: number of taps.
        dilation: tokens between taps.

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
        self.reach = (kernel_size - 1) * dilation  # previous tokens in the receptive field

    def build(self, input_shape: Shape) -> None:
        """Create the weights for inputs `(B, T, C)`."""
        self.channels = input_shape[-1]
        self.conv.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """Return the outputs `(B, T, filters)` for inputs `(B, T, C)`."""
        return self.conv(x)

    def initial_state(self, batch_size: int) -> State:
        """Return the inputs before the first, all zeros: `(B, reach, C)`."""
        return ops.zeros((batch_size, self.reach, self.channels))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the output `(B, filters)` for one input `(B, C)`, and the new state."""
        seen = ops.concatenate([state, x[:, None]], axis=1)  # (B, reach + 1, C)
        taps = seen[:, :: self.dilation]  # (B, kernel_size, C)
        out = ops.einsum("bkc,kcf->bf", taps, self.conv.kernel) + self.conv.bias
        return out, seen[:, 1:]


@dataclass(frozen=True)
class Moment:
    """Position of attention that reads one token at a time.

    Args:
        rows: int32 `(B H,)`, where the token is written in caches `(B H room, D)`.
        distances: int32 `(room,)`, which of the learned distances that of each slot is.
        unseen: float32 `(room,)`, 0 for the slots that are seen, `UNSEEN` for the others.
    """

    rows: Tensor
    distances: Tensor
    unseen: Tensor


class RelativeAttention(keras.layers.Layer):
    """Causal multi-head attention with relative positions.

    The product of the query with a learned vector for the distance is added to each score, with
    the memory-efficient "skewing" of Huang et al. 2018 (arXiv 1809.04281): the products with all
    distances form one matrix, whose rows are then shifted. A token attends to the last `context`
    tokens. A longer sequence is split into blocks of `context` queries, each with the keys of its
    own block and the previous one, so that the cost is linear in the length.

    Args:
        heads: number of heads, which share the width of the input.
        context: tokens that a token attends to, including itself.
        dropout: dropout rate of the attention weights.

    Raises:
        ValueError: if the width is not a multiple of `heads`.

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
        """Create the weights for inputs `(B, T, U)`."""
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
        # The last row is the current token, the first row the farthest.
        self.distances = self.add_weight(
            shape=(self.heads, self.context, self.head_units),
            initializer=keras.initializers.RandomNormal(stddev=self.head_units**-0.5),
            name="distances",
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the outputs `(B, T, U)` for inputs `(B, T, U)`."""
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

        A token is stored at its position modulo the context.
        """
        if cpu.in_place():
            from bach_tf.models.cpu import caches

            sizes = (batch_size, self.heads, self.head_units)
            return caches.empty(sizes, self.context), caches.empty(sizes, self.context)
        shape = (batch_size, self.heads, self.context, self.head_units)
        return ops.zeros(shape), ops.zeros(shape)

    def moment(self, position: Tensor, caches: Sequence[State]) -> tuple[Moment, Sequence[State]]:
        """Return what the `step` of all layers needs at a position, and their caches.

        Args:
            position: int32 scalar.
            caches: keys and values of each layer; layers of the same shape.

        Returns:
            the moment, and the caches with room for the token.
        """
        slot = position % self.context
        if cpu.in_place():
            from bach_tf.models.cpu.caches import with_room

            every = with_room([each for pair in caches for each in pair], slot, self.context)
            caches = list(zip(every[::2], every[1::2]))
        batch, _, room, _ = ops.shape(caches[0][0])
        ages = (slot - ops.arange(room, dtype="int32")) % self.context  # of the cached tokens
        moment = Moment(
            ops.arange(batch * self.heads, dtype="int32") * room + slot,
            self.context - 1 - ages,
            ops.where(ages <= position, 0.0, UNSEEN),
        )
        return moment, caches

    def step(self, x: Tensor, moment: Moment, state: State) -> tuple[Tensor, State]:
        """Return the output `(B, U)` for the input `(B, U)` at a position, and the new caches."""
        parts = ops.reshape(self.project(x), (-1, 3, self.heads, self.head_units))
        query, key, value = ops.unstack(parts, 3, axis=1)  # (B, H, D) each
        query = query * self.head_units**-0.5
        # A token is written over the oldest one: to move all the others would take longer than
        # to attend to them.
        keys, values = (_written(old, moment.rows, new) for old, new in zip(state, (key, value)))
        distances = taken(self.distances, moment.distances, axis=1)  # (H, room, D)
        of_distances = _products(ops.transpose(query, (1, 0, 2)), distances)  # (H, B, room)
        of_keys = _products(ops.expand_dims(query, 2), keys)  # (B, H, 1, room)
        scores = of_keys + ops.expand_dims(ops.transpose(of_distances, (1, 0, 2)), 2)
        weights = ops.softmax(scores + moment.unseen, axis=-1)
        out = ops.matmul(weights, values)  # (B, H, 1, D)
        return self.out(ops.reshape(out, (-1, self.units))), (keys, values)

    def _split(self, projected):
        """Split `(B, T, 3 U)` into query, key and value, `(B, H, T, D)` each."""
        length = ops.shape(projected)[1]
        parts = ops.reshape(projected, (-1, length, 3, self.heads, self.head_units))
        query, key, value = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)
        return query * self.head_units**-0.5, key, value

    def _attend(self, query, key, value, training: bool):
        """Attend to all previous tokens, for `(B, H, T, D)` with `T <= context`.

        Queries are processed in groups without the later keys, which saves 3/8 for 256 tokens.
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
        """Attend within `context`, for `(B, H, T, D)` with any `T`."""
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
        # The first block has no previous block.
        exists = (ops.arange(blocks)[:, None] > 0) | (key_place >= size)  # (N, 2C)
        out = self._weighted(scores, seen & exists[:, None], value, training)
        out = ops.reshape(out, (-1, self.heads, blocks * size, self.head_units))
        return out[:, :, :length]

    def _pairs_of_blocks(self, x, behind, shape):
        """Join each block of `(B, H, T, D)` to the previous one: `(B, H, N, 2C, D)`."""
        x = ops.pad(x, ((0, 0), (0, 0), (self.context, behind), (0, 0)))
        before = ops.reshape(x[:, :, : -self.context], shape)
        here = ops.reshape(x[:, :, self.context :], shape)
        return ops.concatenate([before, here], axis=3)

    def _skewed(self, query, keys):
        """Return the scores of the distances, `(..., Q, keys)`, for queries `(..., Q, D)`.

        The last query is at the position of the last key. Scores beyond `context` and of later keys
        are arbitrary, since they are masked.
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
        # After the first Q numbers, rows of length `keys` are shifted by one each. Split by rows,
        # since the gradient of a slice takes as long as everything else here.
        rows = ops.reshape(scores, (-1, *outer[1:], keys + 1, length))
        return ops.reshape(ops.split(rows, [1], axis=-2)[1], (-1, *outer[1:], length, keys))

    def _weighted(self, scores, seen, value, training: bool):
        """Return the values weighted by the scores of the visible keys."""
        scores = scores + ops.where(seen, 0.0, UNSEEN)
        weights = self.dropout(ops.softmax(scores, axis=-1), training=training)
        return ops.matmul(weights, value)


def _written(cache, rows, new):
    """Return a cache `(B, H, room, D)` with `new`, `(B, H, D)`, written into rows `(B H,)`."""
    if cpu.in_place():
        from bach_tf.models.cpu.caches import written

        return written(cache, rows, new)
    numbers = cache.shape[-1]
    flat = ops.reshape(cache, (-1, numbers))
    flat = ops.scatter_update(flat, ops.expand_dims(rows, -1), ops.reshape(new, (-1, numbers)))
    return ops.reshape(flat, (-1, *cache.shape[1:]))


def _products(queries, keys):
    """Return the products of all queries `(..., Q, D)` with all keys `(..., K, D)`."""
    return ops.matmul(queries, ops.swapaxes(keys, -1, -2))


def _parts(x, length: int) -> list:
    """Split `x`, `(B, H, T, D)`, into parts of `QUERIES`."""
    begins = list(range(QUERIES, length, QUERIES))
    return ops.split(x, begins, axis=2) if begins else [x]


def _joined(parts):
    """Concatenate parts `(B, H, Q, D)`."""
    return ops.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]
