"""Cached indexes of large memories, since building one takes about a second at each start."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bach_tf.corpora.preparation.prepared import cache_dir
from bach_tf.models.memory_index import Index

FOLDER = "indexes"
VERSION = 3  # increase whenever the index of the same notes changes
LARGE = 10_000  # steps; a smaller index is built faster than read
ARRAYS = ("starts", "checks", "answers", "width")


def kept_index(notes: np.ndarray, make: Callable[[], Index]) -> Index:
    """Return the index of a memory from the cache folder; build and store it if it is missing.

    A damaged file is replaced; a read-only folder is ignored.

    Args:
        notes: uint8 `(M, 4)`, the whole content of the memory.
        make: builds the index.
    """
    if len(notes) < LARGE:
        return make()
    digest = hashlib.sha256(notes.tobytes()).hexdigest()
    path = cache_dir() / FOLDER / f"{digest[:32]}-{VERSION}.npz"
    index = _read(path)
    if index is None:
        index = make()
        with contextlib.suppress(OSError):
            _write(path, index)
    return index


def _read(path: Path) -> Index | None:
    """Return the index in a file, `None` without a valid file; the archive has checksums."""
    try:
        # Opened here, because NumPy does not close a damaged file that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            tables = {name: arrays[name] for name in ARRAYS}
            return Index(**tables | {"width": int(tables["width"])})
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, index: Index) -> None:
    """Write an index atomically, since several processes may write it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{name: getattr(index, name) for name in ARRAYS})
        scratch.chmod(0o644)  # mkstemp creates private files
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
