"""Files that are replaced as a whole: a full disk or a power cut leaves the former one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Replace a file by the one that the block writes, atomically.

    What the block wrote is on the disk before it takes the former file's place. When the block
    raises, the former file stays as it was and what was written is deleted.

    Args:
        path: of the file, which need not exist. One writer at a time.

    Yields:
        a path in the same folder, with the same ending, for the block to write to.

    Raises:
        OSError: the file cannot be written; whatever the block raises.

    Example:
        >>> with replaced(Path("a.txt")) as scratch:  # doctest: +SKIP
        ...     scratch.write_text("new")
    """
    scratch = path.with_name(f"new-{path.name}")
    try:
        yield scratch
        _flush(scratch)
        os.replace(scratch, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = str(path)  # a write that fails does not say where
        raise
    _flush_folder(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as `replaced` does."""
    with replaced(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="")


def replace_json(path: Path, value) -> None:
    """Write plain data as JSON, as `replaced` does."""
    replace_text(path, json.dumps(value, indent=1) + "\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, a piece of it at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some network disks flush none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
