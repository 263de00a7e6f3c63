"""Silence for programs: what libraries print at start-up and no user can act on."""

import os
import warnings


def silence_libraries() -> None:
    """Silence TensorFlow's start-up lines, and a warning from a package it imports.

    For programs only, before TensorFlow is imported. `TF_CPP_MIN_LOG_LEVEL` is respected.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
