"""Files on this machine or, with a scheme such as `gs://`, on any file system that Beam knows."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath


def is_remote(path: str) -> bool:
    """Return whether a path has a scheme.

    Example:
        >>> is_remote("gs://bucket/midi"), is_remote("midi")
        (True, False)
    """
    return "://" in path


@contextmanager
def local_copy(source: str) -> Iterator[Path]:
    """Yield a file on this machine; a copy, deleted after the block, of one that is elsewhere.

    Args:
        source: a path, or an address with a scheme.
    """
    if not is_remote(source):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / PurePosixPath(source).name
        path.write_bytes(read_bytes(source))
        yield path


def read_bytes(source: str) -> bytes:
    """Return the contents of a file.

    Args:
        source: a path, or an address with a scheme.
    """
    if not is_remote(source):
        return Path(source).read_bytes()
    from apache_beam.io.filesystems import FileSystems

    with FileSystems.open(source, mime_type="application/octet-stream") as file:
        return file.read()


def find_all(folder: str, prefix: str) -> list[str]:
    """Return the files of a folder that begin alike, sorted.

    Args:
        folder: a path or an address with a scheme.
        prefix: of their names.
    """
    if not is_remote(folder):
        return sorted(str(path) for path in Path(folder).iterdir() if path.name.startswith(prefix))
    from apache_beam.io.filesystems import FileSystems

    (match,) = FileSystems.match([f"{folder}/{prefix}*"])
    return sorted(about.path for about in match.metadata_list)


def delete_all(files: list[str]) -> None:
    """Delete files.

    Args:
        files: paths or addresses with a scheme.
    """
    for file in files:
        if not is_remote(file):
            Path(file).unlink()
    remote = [file for file in files if is_remote(file)]
    if remote:
        from apache_beam.io.filesystems import FileSystems

        FileSystems.delete(remote)


def write_bytes(target: str, content: bytes) -> None:
    """Write a file that others see whole or not at all, even if two workers write the same one.

    Args:
        target: a path, or an address with a scheme, whose file systems do this by themselves.
        content: of the file.
    """
    if is_remote(target):
        from apache_beam.io.filesystems import FileSystems

        with FileSystems.create(target, mime_type="application/octet-stream") as file:
            file.write(content)
        return
    scratch = Path(f"{target}.{uuid.uuid4().hex}")
    scratch.write_bytes(content)
    os.replace(scratch, target)
