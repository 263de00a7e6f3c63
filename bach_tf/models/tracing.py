"""Create eager tensors while a graph may be traced; Keras has no function for this."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import keras


def outside_of_graphs() -> AbstractContextManager:
    """Return a context in which tensors are created outside any graph being traced."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    if backend == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    return nullcontext()
