"""The file in a run folder that holds what its model looks things up in: the training split."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from bach_tf._basics.replacing import replaced

MEMORY, NOTES = "memory.npz", "notes"  # the file, and the array in it


def write_memory(path: Path, memory: str) -> None:
    """Write the text of a memory as notes, atomically.

    Args:
        path: of the file.
        memory: the text of a `Memory`.
    """
    from bach_tf.models.memory import Memory

    content = io.BytesIO()
    np.savez_compressed(content, **{NOTES: Memory.from_text(memory).to_notes()})
    with replaced(path) as scratch:
        scratch.write_bytes(content.getbuffer())


def read_memory(path: Path) -> str:
    """Return the text of a memory.

    Args:
        path: of a file of `write_memory`. Nothing in it is executed.

    Raises:
        ValueError: there is none, or it holds something else than notes.
    """
    from bach_tf.models.memory import Memory

    try:
        # NumPy leaves a damaged file open that it has opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            notes = arrays[NOTES]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected the memory of this run, got: {error}") from None
    if notes.dtype != np.uint8 or notes.ndim != 2 or notes.shape[1] != Memory.VOICES:
        raise ValueError(
            f"{path}: expected uint8 notes of four voices, got {notes.dtype} of shape {notes.shape}"
        )
    return Memory.from_notes(notes).to_text()
