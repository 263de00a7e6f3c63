"""What TensorFlow's own operations make faster on a CPU, with the same numbers.

The models are written in `keras.ops` and run on every backend of Keras. Where the backend is
TensorFlow, they train with what stands here: the steps of recurrent layers and the random bits of
dropout; and loops that write pieces do not copy their caches. `use(False)`, or `BACH_TF_CPU=0` in
the environment, switches that off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import keras

_switch = {"on": os.environ.get("BACH_TF_CPU", "1") != "0", "loop": False}


def use(on: bool) -> None:
    """Switch what stands here on or off, for all that is traced from now on."""
    _switch["on"] = on


def enabled() -> bool:
    """Return whether the models use what stands here."""
    return _switch["on"] and keras.backend.backend() == "tensorflow"


@contextmanager
def tracing_a_loop() -> Iterator[None]:
    """Say that what is traced hands each state to `step` once: it may be written where it is."""
    before, _switch["loop"] = _switch["loop"], True
    try:
        yield
    finally:
        _switch["loop"] = before


def in_place() -> bool:
    """Return whether what is traced now may write a state where it is."""
    return enabled() and _switch["loop"]
