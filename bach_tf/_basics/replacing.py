"""Atomic file replacement: a full disk or a power cut leaves the previous file intact."""

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
    """Replace a file atomically by the one that the block writes.

    The new file is flushed to disk before it replaces the previous one. If the block raises,
    the previous file is left unchanged and the new one is deleted.

    Args:
        path: the file, which need not exist. Only one writer at a time.

    Yields:
        a path in the same folder, with the same ending, for the block to write.

    Raises:
        OSError: if the file cannot be written; anything the block raises is passed on.

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
            error.filename = str(path)  # a failed write does not name its file
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
    """Return a file's SHA-256 in hexadecimal, reading it in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Wait until a file is on disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until a folder's entries are on disk, where the system supports it."""
    with contextlib.suppress(OSError):  # not on Windows and some network file systems
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
