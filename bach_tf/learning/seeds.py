"""Seeds that leave the caller's random generators untouched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def weights_drawn_from(seed: int) -> Iterator[None]:
    """Make initial weights and dropout of models built in the block depend only on the seed.

    Keras draws the seeds it is not given from Python's `random`. Its own
    `keras.utils.set_random_seed` would reseed the caller's generators too, including NumPy's and
    TensorFlow's.

    Args:
        seed: for all models built in the block.

    Example:
        >>> random.seed(1)
        >>> with weights_drawn_from(0):
        ...     drawn = random.random()
        >>> round(random.random(), 4) == round(random.Random(1).random(), 4)
        True
    """
    import keras  # noqa: F401 - draws random numbers when first imported

    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
