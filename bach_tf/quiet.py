"""Silence for programs: what libraries print at start-up and no user can act on."""

import os
import warnings


def silence_libraries(verbose: bool = False) -> None:
    """Silence TensorFlow's start-up lines, and a warning from a package it imports.

    For programs only, before TensorFlow is imported. `TF_CPP_MIN_LOG_LEVEL` is respected.

    Args:
        verbose: leave them all as they are, and have TensorFlow print everything.
    """
    if verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
