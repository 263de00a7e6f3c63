"""Archives that corpora are made of: downloaded, or where the user has put them."""

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
    """A file that a corpus is made of.

    Args:
        name: of the file.
        sha256: of its bytes.
        without: what to do where it cannot be downloaded.
        url: where it is; `None` if it has no public address.
    """

    name: str
    sha256: str
    without: str
    url: str | None = None


def download(archive: Archive) -> Path:
    """Return the path of an archive in the cache, downloaded first if absent.

    Raises:
        ValueError: it has no address, there is no network, or another file comes.
    """
    if archive.url is None:
        raise ValueError(f"{archive.name} has no public address. {archive.without}")
    import pooch  # which brings requests: a quarter of the time that the imports take

    folder = cache_dir() / "downloads"
    try:
        return Path(pooch.retrieve(archive.url, archive.sha256, fname=archive.name, path=folder))
    except OSError as error:  # which those of requests and urllib are, too
        raise ValueError(
            f"Could not download {archive.url} ({type(error).__name__}). {archive.without}"
        ) from error


def is_archive(archive: Archive, data_dir: Path) -> bool:
    """Return whether what the user gave is the archive or a folder that holds it."""
    return data_dir.is_file() or (data_dir / archive.name).is_file()


@contextmanager
def unpacked(archive: Archive, data_dir: Path | None) -> Iterator[Path]:
    """Unpack an archive into a folder that is there for the `with` block.

    Args:
        archive: which.
        data_dir: the archive, or a folder that holds it. Downloaded when `None`.

    Raises:
        ValueError: it cannot be downloaded, is another file, or would write outside.
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
