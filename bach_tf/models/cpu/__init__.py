"""Faster implementations in TensorFlow for CPUs, with the same results.

The models are written in `keras.ops` and run on every backend of Keras. If the backend is
TensorFlow, they use the recurrent layers and the random numbers of dropout of this package in
training, and update caches in place in sampling loops. `use(False)`, or `BACH_TF_CPU=0` in the
environment, disables all of this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import keras

_switch = {"on": os.environ.get("BACH_TF_CPU", "1") != "0", "loop": False}


def use(on: bool) -> None:
    """Enable or disable these implementations for all functions traced from now on."""
    _switch["on"] = on


def enabled() -> bool:
    """Return whether the models use these implementations."""
    return _switch["on"] and keras.backend.backend() == "tensorflow"


@contextmanager
def tracing_a_loop() -> Iterator[None]:
    """Declare that each traced state is used by `step` only once and may be updated in place."""
    before, _switch["loop"] = _switch["loop"], True
    try:
        yield
    finally:
        _switch["loop"] = before


def in_place() -> bool:
    """Return whether the function traced now may update a state in place."""
    return enabled() and _switch["loop"]
