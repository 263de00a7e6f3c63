"""From a corpus to a trained run: the pipeline, fitting, checkpoints and run folders.

Training code is imported lazily: programs that only open a run, such as generation, import
`bach_tf.learning.runs` and nothing that fits a model.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_HOMES = {
    "make_batches": "batches",
    "make_codec": "data",
    "measured_batches": "batches",
    "prepare_corpus": "data",
    "training_batches": "batches",
    "start_from": "fine_tuning",
    "follow": "workers.following",
    "joined": "workers.joining",
    "lead": "workers.following",
    "settings_of": "workers.following",
    "Outcome": "outcome",
    "fit": "fitting",
    "read_outcome": "outcome",
    "resume_run": "fitting",
    "start_run": "starting",
    "train": "fitting",
    "rate_of_epoch": "rates",
}
# Also defined in `on_jax`, for programs without TensorFlow.
_WITH_JAX = {"joined", "resume_run", "start_from", "start_run", "train"}


def uses_jax() -> bool:
    """Return whether runs are trained with JAX, as chosen by `KERAS_BACKEND=jax`."""
    return os.environ.get("KERAS_BACKEND") == "jax"


def __getattr__(name: str) -> Any:
    """Return a public name of the room (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if uses_jax():
        _check_jax()
        home = "on_jax" if name in _WITH_JAX else home
    return getattr(import_module(f"{__name__}.{home}"), name)


def _check_jax() -> None:
    """Raise `ValueError` if JAX is missing: Keras would fail with a traceback."""
    if find_spec("jax") is None:
        raise ValueError(
            "KERAS_BACKEND=jax trains with JAX, which is not installed: pip install jax, or "
            "pip install 'jax[cuda13]' for an NVIDIA GPU. Unset KERAS_BACKEND to train with "
            "TensorFlow."
        )


__all__ = sorted([*_HOMES, "uses_jax"])
