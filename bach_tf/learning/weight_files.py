"""Weight files with checksums: reading returns what was written, or raises an error.

The checksums are in `checksums.json` beside the weights: `{name: [SHA-256, ...]}`. While a file is
being replaced, the hashes of both the previous and the new file are listed, so that a process
killed at any moment leaves a valid file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf._basics.replacing import replace_json, replaced, sha256_of
from bach_tf.learning.run_files import read_json

if TYPE_CHECKING:
    from bach_tf.models import NextTokenModel

CHECKSUMS = "checksums.json"


def write_weights(model: NextTokenModel, path: Path) -> None:
    """Write a model's weights and their checksum, atomically.

    Args:
        model: the model; its optimiser is included if it has one.
        path: the file, which must end in `.weights.h5`.

    Raises:
        OSError: if the file cannot be written.
    """
    content = InMemory()
    model.save_weights(content)
    with replaced(path) as scratch:
        scratch.write_bytes(content.getvalue())
        keep_checksum(path, sha256_of(scratch))


class InMemory(io.BytesIO):
    """A buffer that Keras accepts as a weight file; HDF5 itself crashes on a full disk."""

    def __str__(self) -> str:
        """Return a name with the ending that Keras requires."""
        return "in-memory.weights.h5"


def keep_checksum(path: Path, sha256: str) -> None:
    """List the checksum of a file about to be written, beside that of the existing one.

    Args:
        path: the file.
        sha256: hash of its future content, in hexadecimal.
    """
    listed = _checksums(path.parent)
    former = [old for old in listed.get(path.name, ()) if path.is_file() and old == sha256_of(path)]
    there = {name: hashes for name, hashes in listed.items() if (path.parent / name).is_file()}
    replace_json(path.parent / CHECKSUMS, there | {path.name: [sha256, *former]})


def read_weights(model: NextTokenModel, path: Path, *, finite: bool = True) -> None:
    """Load the weights in a file into a model.

    Args:
        model: a model of the architecture and size that the file was written with.
        path: the file. Without a checksum, as in older runs, only its structure is checked.
        finite: whether NaN and infinity are errors.

    Raises:
        ValueError: if the file is damaged, of another model, or contains NaN.
        FileNotFoundError: if it does not exist.
    """
    check_whole(path, model)
    try:
        model.load_weights(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # Keras and h5py raise all kinds of errors
        reason = (
            "it holds the weights of another model"
            if is_foreign(path, model)
            else f"it is damaged ({_reason(error)})"
        )
        raise ValueError(f"{path}: expected the weights of this run, but {reason}.") from None
    if finite and not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError(f"{path}: expected finite weights, got NaN or infinity.")


def check_whole(path: Path, model: NextTokenModel) -> None:
    """Raise `ValueError` if a file does not match its checksum; files without one pass."""
    # In this order, because training may replace the file: its new hash is listed first.
    found, listed = sha256_of(path), _checksums(path.parent).get(path.name)
    if listed is None or found in listed:
        return
    if is_foreign(path, model):
        raise ValueError(
            f"{path}: expected the weights of this run, but it holds those of another model."
        )
    raise ValueError(
        f"{path}: expected the weights of this run, but it is damaged or was replaced: "
        f"its SHA-256 is not the one in {CHECKSUMS}."
    )


def is_foreign(path: Path, model: NextTokenModel) -> bool:
    """Return whether a weight file is readable but belongs to another model.

    A single array of another shape is not enough: a flipped bit can cause that.
    """
    found = _shapes(path)
    if found is None:
        return False
    expected = sorted(tuple(weights.shape) for weights in model.weights)
    for shape in found.copy():
        if shape in expected:
            expected.remove(shape)
            found.remove(shape)
    return max(len(found), len(expected)) > 1


def _shapes(path: Path) -> list[tuple[int, ...]] | None:
    """Return the shapes of the arrays in a file, or `None` if it cannot be read."""
    import h5py

    shapes = []

    def note(name, node):
        # Arrays of the optimiser do not belong to the model.
        if isinstance(node, h5py.Dataset) and not name.startswith("optimizer/"):
            shapes.append(node.shape)

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except Exception:  # flipped bits cause all kinds of errors
        return None
    return shapes


def _checksums(folder: Path) -> dict[str, list[str]]:
    """Return the listed checksums; none if the list is missing.

    Raises:
        ValueError: if the list is damaged.
    """
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    try:
        listed = read_json(path)
        if not all(isinstance(hashes, list) for hashes in listed.values()):
            raise ValueError("something else")
    except ValueError as error:
        raise ValueError(
            f"{path}: expected a list of checksums for each weight file, got: {error}. "
            "If the weights are known to be good, delete it."
        ) from None
    return listed


def _reason(error: Exception) -> str:
    return shortened(str(error).strip().split("\n")[0], LONGEST_LINE) or type(error).__name__
