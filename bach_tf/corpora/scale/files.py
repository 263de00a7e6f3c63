"""Files on this machine or, with a scheme such as `gs://`, on any file system that Beam knows."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from bach_tf._basics.messages import shortened
from bach_tf.corpora.scale.runners import quietly


def is_remote(path: str) -> bool:
    """Return whether a path has a scheme.

    Example:
        >>> is_remote("gs://bucket/midi"), is_remote("midi")
        (True, False)
    """
    return "://" in path


def file_systems(address: str) -> Any:
    """Return Beam's `FileSystems`.

    Args:
        address: with a scheme, which is to be opened.

    Raises:
        ValueError: if Beam cannot open addresses with this scheme here.
    """
    with quietly():  # Beam warns of every file system that is not installed
        from apache_beam.io.filesystems import FileSystems

        try:
            FileSystems.get_filesystem(address)
        except ValueError:
            scheme = address.partition("://")[0]
            raise ValueError(
                f"Beam cannot open addresses such as {shortened(address)} here. Install its part "
                f"for {shortened(scheme)}://, such as 'apache-beam[gcp]' for gs://, or give a "
                "folder of this machine."
            ) from None
    return FileSystems


def matching(pattern: str) -> list[str]:
    """Return the addresses that match a pattern with a scheme, sorted.

    Args:
        pattern: with Beam's wildcards.
    """
    (match,) = file_systems(pattern).match([pattern])
    return sorted(about.path for about in match.metadata_list)


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
    with file_systems(source).open(source, mime_type="application/octet-stream") as file:
        return file.read()


def read_lines(source: str) -> list[str]:
    """Return the lines of a file of text.

    Args:
        source: a path, or an address with a scheme.
    """
    return read_bytes(source).decode().splitlines()


def find_all(folder: str, prefix: str) -> list[str]:
    """Return the files of a folder that begin alike, sorted.

    Args:
        folder: a path or an address with a scheme.
        prefix: of their names.
    """
    if not is_remote(folder):
        return sorted(str(path) for path in Path(folder).iterdir() if path.name.startswith(prefix))
    return matching(f"{folder.rstrip('/')}/{prefix}*")


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
        file_systems(remote[0]).delete(remote)


def write_bytes(target: str, content: bytes) -> None:
    """Write a file that others see whole or not at all, even if two workers write the same one.

    Args:
        target: a path, or an address with a scheme, whose file systems do this by themselves.
        content: of the file.
    """
    if is_remote(target):
        with file_systems(target).create(target, mime_type="application/octet-stream") as file:
            file.write(content)
        return
    scratch = Path(f"{target}.{uuid.uuid4().hex}")
    scratch.write_bytes(content)
    os.replace(scratch, target)
