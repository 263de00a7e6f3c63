"""The random numbers of dropout."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


def kept(
    shape: Sequence[int | tf.Tensor], rate: float, seed_generator: keras.random.SeedGenerator
) -> tf.Tensor:
    """Return which numbers of a shape are kept: bool, true for a fraction of `1 - rate`.

    Four chances of 16 bits are cut from each number drawn: drawing them takes the time.

    Args:
        shape: of the result, ints or scalar tensors.
        rate: fraction of the numbers left out.
        seed_generator: Keras' `SeedGenerator`.
    """
    size = tf.math.reduce_prod(tf.stack(shape))
    drawn = tf.random.stateless_uniform(
        ((size + 3) // 4,), seed_generator.next(), minval=None, maxval=None, dtype=tf.int64
    )
    chances = tf.reshape(tf.bitcast(drawn, tf.int16), (-1,))[:size]
    return tf.reshape(chances, shape) >= round(rate * 2**16) - 2**15
