"""The archives of corpora, downloaded or provided by the user."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bach_tf.corpora.preparation.archives import extract_tar, sha256_of_archive
from bach_tf.corpora.preparation.prepared import cache_dir


@dataclass(frozen=True)
class Archive:
    """A file that a corpus is made from.

    Args:
        name: its name.
        sha256: hash of its contents.
        without: what to do if it cannot be downloaded.
        url: its address; `None` if it has no public one.
    """

    name: str
    sha256: str
    without: str
    url: str | None = None


def download(archive: Archive) -> Path:
    """Return the path of an archive in the cache, downloading it if necessary.

    Raises:
        ValueError: if it has no address, the download fails, or its hash is wrong.
    """
    if archive.url is None:
        raise ValueError(f"{archive.name} has no public address. {archive.without}")
    import pooch  # imports requests, which takes a quarter of all import time

    folder = cache_dir() / "downloads"
    try:
        return Path(pooch.retrieve(archive.url, archive.sha256, fname=archive.name, path=folder))
    except OSError as error:  # includes the errors of requests and urllib
        raise ValueError(
            f"Could not download {archive.url} ({type(error).__name__}). {archive.without}"
        ) from error


def is_archive(archive: Archive, data_dir: Path) -> bool:
    """Return whether a path given by the user is the archive, or a folder with it."""
    return data_dir.is_file() or (data_dir / archive.name).is_file()


@contextmanager
def unpacked(archive: Archive, data_dir: Path | None) -> Iterator[Path]:
    """Unpack an archive into a temporary folder for the duration of the `with` block.

    Args:
        archive: the archive.
        data_dir: its file, or a folder with it. Downloaded by default.

    Raises:
        ValueError: if it cannot be downloaded, its hash is wrong, or it would write outside the
            folder.
    """
    if data_dir is None:
        path = download(archive)
    else:
        path = data_dir / archive.name if data_dir.is_dir() else data_dir
    found = sha256_of_archive(path)
    if found != archive.sha256:
        again = f"Download it again from {archive.url}" if archive.url else archive.without
        raise ValueError(
            f"{path}: expected the file with SHA-256 {archive.sha256}, got {found}. {again}"
        )
    with tempfile.TemporaryDirectory() as folder:
        extract_tar(path, Path(folder))
        yield Path(folder)
