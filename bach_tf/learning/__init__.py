"""From a corpus to a trained run: the pipeline, fitting, checkpoints and run folders.

Training code is imported when it is first used: a program that only opens a run, such as
generation, imports `bach_tf.learning.runs` and nothing that fits a model.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "make_batches": "batches",
    "make_codec": "data",
    "measured_batches": "batches",
    "prepare_corpus": "data",
    "training_batches": "batches",
    "start_from": "fine_tuning",
    "Outcome": "fitting",
    "fit": "fitting",
    "read_outcome": "fitting",
    "resume_run": "fitting",
    "start_run": "fitting",
    "train": "fitting",
    "rate_of_epoch": "rates",
}


def __getattr__(name: str) -> Any:
    """Return a public name of the room (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = sorted(_HOMES)
