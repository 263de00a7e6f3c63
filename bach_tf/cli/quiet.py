"""Starting programs quickly and without messages of libraries that users cannot act on."""

import importlib.abc
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from bach_tf._basics import process

SILENT = "3"  # for TF_CPP_MIN_LOG_LEVEL: not even errors
# Keras uses matplotlib for galleries of images and pandas for tables; TensorFlow asks Google's
# cloud for machines. All do without them if they are not installed, which saves a quarter of the
# import time.
UNUSED = ("googleapiclient", "matplotlib", "pandas")


def silence_libraries(verbose: bool = False) -> None:
    """Silence TensorFlow's start-up messages, and a warning of a package it imports.

    For programs only, before TensorFlow is imported. `TF_CPP_MIN_LOG_LEVEL` is respected.

    Args:
        verbose: print everything, including all of TensorFlow's messages.
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
    """Silences what TensorFlow prints while it is imported.

    Version 2.21 prints what it finds on the machine before it reads `TF_CPP_MIN_LOG_LEVEL`.
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

    For programs only, before anything else imports TensorFlow. The packages can be imported
    afterwards, and those imported before are left alone.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # importing a `None` raises `ImportError`
    try:
        for name in ("tensorflow", "keras"):
            importlib.import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]
