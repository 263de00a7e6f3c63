"""Optimizers that presets can name."""

from __future__ import annotations

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Keras' Adam with one fused operation per variable instead of a dozen; results are equal.

    Each TensorFlow operation reads and writes whole tensors; a fused one needs a single pass
    over memory.

    Source: D. Kingma and J. Ba 2015 (arXiv 1412.6980).

    Example:
        >>> isinstance(Adam(1e-3, global_clipnorm=1.0), keras.optimizers.Adam)
        True
    """

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Update a variable and its moment estimates with a gradient of the same shape."""
        number = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[number].value.handle,
            v=self._velocities[number].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )
