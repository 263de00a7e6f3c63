"""How programs start: without what libraries print and no user can act on, and soon."""

import importlib.abc
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from bach_tf._basics import process

SILENT = "3"  # of TF_CPP_MIN_LOG_LEVEL: not even errors
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", SILENT)
    wanted = os.environ["TF_CPP_MIN_LOG_LEVEL"] != SILENT
    if not wanted and not any(isinstance(finder, SilentImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, SilentImport())
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")


class SilentImport(importlib.abc.MetaPathFinder):
    """Has TensorFlow imported without what it prints meanwhile.

    Version 2.21 says what it finds on the machine before it reads `TF_CPP_MIN_LOG_LEVEL`.
    """

    def find_spec(  # noqa: D102
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_in_silence(module):
                with process.libraries_silenced():
                    execute(module)

            spec.loader.exec_module = execute_in_silence
        return spec


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
