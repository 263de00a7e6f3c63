"""How programs start: without what libraries print and no user can act on, and soon."""

import importlib
import os
import sys
import warnings

# Keras draws galleries of images with matplotlib and takes tables of pandas; TensorFlow asks
# Google's cloud for its machines. Each is left out of them in silence where it is not installed,
# and together they are a quarter of the time that the imports take.
UNUSED = ("googleapiclient", "matplotlib", "pandas")


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


def import_tensorflow() -> None:
    """Import TensorFlow and Keras as if the packages in `UNUSED` were not installed.

    For programs only, before anything else imports TensorFlow. Whoever imports one of the packages
    afterwards gets it. What has been imported already is left as it is.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # `None` there is an `ImportError`
    try:
        for name in ("tensorflow", "keras"):
            importlib.import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]
