"""TensorFlow's gather, a single operation; Keras's also handles negative indices."""

from __future__ import annotations

import tensorflow as tf


def taken(x: tf.Tensor, indices: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the slices of a tensor at the given indices.

    Args:
        x: tensor of any shape.
        indices: int32, not negative.
        axis: the axis to index.
    """
    return tf.gather(x, indices, axis=axis)
