"""Caches for a compiled sampling loop that are updated in place and grow with their content.

TensorFlow copies a tensor to update one row; for a model of six layers and 32 pieces this is
150 MB at each step. A loop does not use the caches of the previous step again.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

ROOM = 32  # tokens; caches grow by this many


def empty(shape: Sequence[int | tf.Tensor], most: int) -> tf.Tensor:
    """Return an empty cache with room for some tokens: zeros `(B, H, room, D)`.

    Args:
        shape: B, H and D.
        most: maximum number of tokens.
    """
    batch, heads, numbers = shape
    # A separate tensor of dynamic size; two tensors of zeros would be merged into one.
    room = tf.minimum(ROOM + 0 * tf.convert_to_tensor(batch), most)
    return tf.raw_ops.Empty(
        shape=tf.stack([batch, heads, room, numbers]), dtype=tf.float32, init=True
    )


def with_room(caches: Sequence[tf.Tensor], slot: tf.Tensor, most: int) -> Sequence[tf.Tensor]:
    """Return caches with room for a slot: the given ones, or longer copies.

    Args:
        caches: float32 `(B, H, room, D)` each.
        slot: int32 scalar.
        most: maximum number of tokens.
    """
    size = tf.shape(caches[0])[2]
    behind = tf.minimum(ROOM, most - size)

    def longer():
        return [tf.pad(cache, [[0, 0], [0, 0], [0, behind], [0, 0]]) for cache in caches]

    return tf.cond(slot < size, lambda: list(caches), longer)


def written(cache: tf.Tensor, rows: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Write `new`, `(B, H, D)`, to rows of a cache `(B, H, room, D)` in place; return it.

    The given tensor is modified.

    Args:
        cache: float32 `(B, H, room, D)`.
        rows: int32 `(B H,)`, indices into the cache as `(B H room, D)`.
        new: float32 `(B, H, D)`.
    """
    numbers = cache.shape[-1]
    flat = tf.reshape(cache, [-1, numbers])
    flat = tf.raw_ops.InplaceUpdate(x=flat, i=rows, v=tf.reshape(new, [-1, numbers]))
    return tf.ensure_shape(tf.reshape(flat, tf.shape(cache)), cache.shape)
