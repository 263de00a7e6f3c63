"""Tensors that are of no graph, made while one may be traced: Keras has no name for that."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import keras


def outside_of_graphs() -> AbstractContextManager:
    """Return a context in which tensors are of no graph that is being traced."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    if backend == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    return nullcontext()
