"""The file in a run folder with the memory of its model: the training split."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from bach_tf._basics.arrays import read_array
from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf._basics.replacing import replaced

MEMORY, NOTES = "memory.npz", "notes"  # the file, and its array
MOST_BYTES = 2**28  # of the array; the 27,000 steps of the chorales take 110 kB


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
        with zipfile.ZipFile(path) as archive:
            notes = read_array(archive, NOTES, MOST_BYTES)
    except Exception as error:  # zipfile and NumPy raise all kinds of errors for flipped bits
        reason = shortened(str(error), LONGEST_LINE) or type(error).__name__
        raise ValueError(f"{path}: expected the memory of this run, got: {reason}") from None
    if notes.dtype != np.uint8 or notes.ndim != 2 or notes.shape[1] != Memory.VOICES:
        raise ValueError(
            f"{path}: expected uint8 notes of four voices, got {notes.dtype} of shape {notes.shape}"
        )
    if notes.max(initial=0) > Memory.HIGHEST:
        raise ValueError(f"{path}: expected ids up to {Memory.HIGHEST}, got {notes.max()}")
    return Memory.from_notes(notes).to_text()
