"""Models of the next token, written in Keras alone, and what the package knows about each.

`MODELS` maps each name to its `Architecture`. The classes are imported on first use, so that the
settings of a model can be checked without importing Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bach_tf.models.architectures import MODELS, Architecture

_HOMES = {"NextTokenModel": "base"} | {
    entry.home.rpartition(":")[2]: entry.home.partition(":")[0].rpartition(".")[2]
    for entry in MODELS.values()
}


def __getattr__(name: str) -> Any:
    """Import and return a class of this package on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["MODELS", "Architecture", *sorted(_HOMES)]
