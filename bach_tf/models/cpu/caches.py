"""Caches of a compiled loop that are written where they are, and grow with what is in them.

TensorFlow copies a tensor to write a row of it; for a model of six layers and 32 pieces that is 150
MB at every step. In a loop nobody looks at the caches of the step before.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

ROOM = 32  # tokens by which caches grow


def empty(shape: Sequence[int | tf.Tensor], most: int) -> tf.Tensor:
    """Return a cache with room for some tokens: zeros `(B, H, room, D)`.

    Args:
        shape: B, H and D.
        most: tokens that there can be.
    """
    batch, heads, numbers = shape
    # As a tensor of its own, whose size no graph knows; two of zeros would become one.
    room = tf.minimum(ROOM + 0 * tf.convert_to_tensor(batch), most)
    return tf.raw_ops.Empty(
        shape=tf.stack([batch, heads, room, numbers]), dtype=tf.float32, init=True
    )


def with_room(caches: Sequence[tf.Tensor], slot: tf.Tensor, most: int) -> Sequence[tf.Tensor]:
    """Return caches with room for a slot: those themselves, or longer ones.

    Args:
        caches: float32 `(B, H, room, D)` each.
        slot: int32 scalar.
        most: tokens that there can be.
    """
    size = tf.shape(caches[0])[2]
    behind = tf.minimum(ROOM, most - size)

    def longer():
        return [tf.pad(cache, [[0, 0], [0, 0], [0, behind], [0, 0]]) for cache in caches]

    return tf.cond(slot < size, lambda: list(caches), longer)


def written(cache: tf.Tensor, slot: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Return a cache `(B, H, room, D)` with `new`, `(B, H, 1, D)`, written into a slot, in place.

    The tensor that was given is no longer as it was.
    """
    batch, heads, room, numbers = tf.unstack(tf.shape(cache))
    rows = tf.range(batch * heads) * room + slot
    flat = tf.reshape(cache, [-1, numbers])
    flat = tf.raw_ops.InplaceUpdate(x=flat, i=rows, v=tf.reshape(new, [-1, numbers]))
    return tf.ensure_shape(tf.reshape(flat, [batch, heads, room, numbers]), cache.shape)
