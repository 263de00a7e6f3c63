"""TensorFlow's own gather, one operation: that of Keras tests for negative indices first."""

from __future__ import annotations

import tensorflow as tf


def taken(x: tf.Tensor, indices: tf.Tensor, axis: int) -> tf.Tensor:
    """Return what stands at some indices along an axis.

    Args:
        x: of any shape.
        indices: int32, none of them negative.
        axis: along which they count.
    """
    return tf.gather(x, indices, axis=axis)
