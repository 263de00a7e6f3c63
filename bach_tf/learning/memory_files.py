"""The file in a run folder with the memory of its model: the training split."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bach_tf._basics.replacing import replaced

MEMORY, NOTES = "memory.npz", "notes"  # the file, and its array


def write_memory(path: Path, memory: str) -> None:
    """Write a serialised memory to a file, atomically.

    Args:
        path: the file.
        memory: a serialised `Memory`.
    """
    from bach_tf.models.memory import Memory

    content = io.BytesIO()
    np.savez_compressed(content, **{NOTES: Memory.from_text(memory).to_notes()})
    with replaced(path) as scratch:
        scratch.write_bytes(content.getbuffer())


def read_memory(path: Path) -> str:
    """Read a serialised memory from a file.

    Args:
        path: a file written by `write_memory`. Nothing in it is executed.

    Raises:
        ValueError: if it is missing or has other content.
    """
    from bach_tf.models.memory import Memory

    try:
        # NumPy does not close a damaged file that it has opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            notes = arrays[NOTES]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected the memory of this run, got: {error}") from None
    if notes.dtype != np.uint8 or notes.ndim != 2 or notes.shape[1] != Memory.VOICES:
        raise ValueError(
            f"{path}: expected uint8 notes of four voices, got {notes.dtype} of shape {notes.shape}"
        )
    return Memory.from_notes(notes).to_text()
