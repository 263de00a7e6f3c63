"""Layers that read a whole window or one token at a time, with the same weights."""

from __future__ import annotations

import keras
from keras import ops


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

    def build(self, input_shape):
        """Make the weights for inputs `(B, T, C)`."""
        self.channels = input_shape[-1]
        self.conv.build(input_shape)

    def call(self, x):
        """Return the outputs `(B, T, filters)` of inputs `(B, T, C)`."""
        return self.conv(x)

    def initial_state(self, batch_size: int):
        """Return the inputs before the first one, zeros: `(B, reach, C)`."""
        return ops.zeros((batch_size, self.reach, self.channels))

    def step(self, x, state):
        """Return the output `(B, filters)` of one input `(B, C)`, and the state after it."""
        seen = ops.concatenate([state, x[:, None]], axis=1)  # (B, reach + 1, C)
        taps = seen[:, :: self.dilation]  # (B, kernel_size, C)
        out = ops.einsum("bkc,kcf->bf", taps, self.conv.kernel) + self.conv.bias
        return out, seen[:, 1:]
