"""The random numbers of dropout."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


def kept(
    shape: Sequence[int | tf.Tensor], rate: float, seed_generator: keras.random.SeedGenerator
) -> tf.Tensor:
    """Return a mask that keeps a fraction of `1 - rate`: bool of the given shape.

    Each 64-bit random number is split into four of 16 bits, since drawing is the slow part.

    Args:
        shape: shape of the mask, ints or scalar tensors.
        rate: dropout rate.
        seed_generator: Keras' `SeedGenerator`.
    """
    size = tf.math.reduce_prod(tf.stack(shape))
    drawn = tf.random.stateless_uniform(
        ((size + 3) // 4,), seed_generator.next(), minval=None, maxval=None, dtype=tf.int64
    )
    chances = tf.reshape(tf.bitcast(drawn, tf.int16), (-1,))[:size]
    return tf.reshape(chances, shape) >= round(rate * 2**16) - 2**15
