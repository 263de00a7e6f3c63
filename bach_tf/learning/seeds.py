"""Random generators of our own, which leave the caller's alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def weights_drawn_from(seed: int) -> Iterator[None]:
    """Let the weights and the dropout of models made in the block depend on the seed alone.

    Keras seeds what it is not given a seed for with Python's `random`. Its own
    `keras.utils.set_random_seed` would leave the caller's generators, those of NumPy and
    TensorFlow among them, at our seed.

    Args:
        seed: of what is made in the block.

    Example:
        >>> random.seed(1)
        >>> with weights_drawn_from(0):
        ...     drawn = random.random()
        >>> round(random.random(), 4) == round(random.Random(1).random(), 4)
        True
    """
    import keras  # noqa: F401 - draws numbers itself when it is first imported

    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
