"""Arrays in NumPy's archives (`.npz`) that may be damaged or declare too much."""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np


def read_array(archive: zipfile.ZipFile, name: str, most_bytes: int) -> np.ndarray:
    """Return an array of an archive, allocating no more than its bytes. Nothing is executed.

    Args:
        archive: written by `numpy.savez` or `numpy.savez_compressed`.
        name: of the array.
        most_bytes: maximum size of the array.

    Raises:
        Exception: of any kind, since zipfile and NumPy raise all kinds for flipped bits.
    """
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > most_bytes:
        raise ValueError(f"expected at most {most_bytes:,} bytes, got {member.file_size:,}")
    content = io.BytesIO(archive.read(member))
    np.lib.format.read_magic(content)
    shape, _, kind = np.lib.format.read_array_header_1_0(content)
    if math.prod(shape) * kind.itemsize > member.file_size:
        raise ValueError(f"expected an array of {member.file_size:,} bytes, got shape {shape}")
    content.seek(0)
    return np.load(content, allow_pickle=False)
