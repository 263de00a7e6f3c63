"""Reading untrusted archives within limits."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bach_tf._basics.files import is_hidden
from bach_tf._basics.messages import shortened
from bach_tf._basics.replacing import sha256_of

MOST_MEMBERS = 100_000
MOST_BYTES = 20_000_000  # of all members together, unpacked; and of an archive
MOST_RATIO = 20  # compression ratio; music as text has ratios up to ten
# What the libraries raise for damaged archives. RuntimeError: a password; NotImplementedError:
# an unknown compression; OSError and ValueError: a bad stream of bzip2, or a bad header.
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError, NotImplementedError, ValueError, LookupError, OverflowError,
)  # fmt: skip


class Member(NamedTuple):
    """A file in an archive: its content, or why there is none."""

    path: PurePosixPath
    content: bytes = b""
    problem: str = ""


def extract_tar(archive: Path, folder: Path) -> None:
    """Unpack the regular files of a tar archive into `folder`.

    Raises:
        ValueError: if it is not a tar archive, has links, devices or members that would leave the
            folder, or is too large. Nothing is written then.
    """
    archive = Path(archive)
    try:
        with tarfile.open(archive) as tar:
            members, total = [], 0
            for member in tar:  # the next header is found by decompressing this member
                members.append(member)
                total += member.size
                _check_total(archive, len(members), total)
                _check_member(archive, member)
            for member in members:
                if member.isfile():
                    _write_member(tar, member, folder)
    except UntrustedError:
        raise
    except DAMAGE as error:
        raise ValueError(f"{archive.name}: expected a tar archive, got: {_words(error)}") from error


def read_zip(
    archive: Path, is_wanted: Callable[[PurePosixPath], bool], most_bytes: int
) -> Iterator[Member]:
    """Yield members of a zip archive, sorted by name. Nothing is unpacked on disk.

    A member that is damaged or too large is returned with its problem, because the others can
    still be used.

    Args:
        archive: the file.
        is_wanted: whether to read the member of a given name.
        most_bytes: maximum size of a member.

    Raises:
        ValueError: if it is not a zip archive, has members that would leave the folder, or is too
            large.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            for info in _checked_members(archive, zipped.infolist(), is_wanted):
                yield _read_member(zipped, info, most_bytes)
    except UntrustedError:
        raise
    except DAMAGE as error:
        raise ValueError(f"{archive.name}: expected a zip archive, got: {_words(error)}") from error


def sha256_of_archive(archive: Path) -> str:
    """Return the SHA-256 of an archive.

    Raises:
        ValueError: if it is too large.
    """
    size = archive.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(
            f"{archive.name}: expected an archive of at most {MOST_BYTES:,} bytes, got {size:,}"
        )
    return sha256_of(archive)


class UntrustedError(ValueError):
    """An archive that was probably made to do harm."""

    def __init__(self, archive: Path, expected: str):
        super().__init__(f"{archive.name}: expected {expected}. Do not trust this archive.")


def _checked_members(
    archive: Path, members: list[zipfile.ZipInfo], is_wanted: Callable[[PurePosixPath], bool]
) -> list[zipfile.ZipInfo]:
    """Return the wanted members, sorted by name."""
    for member in members:
        _check_name(archive, member.filename)
    total = sum(member.file_size for member in members)
    _check_total(archive, len(members), total)
    wanted = [member for member in members if is_wanted(PurePosixPath(member.filename))]
    return sorted(wanted, key=lambda member: member.filename)


def _read_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> Member:
    path = PurePosixPath(info.filename)
    if info.file_size > most_bytes:
        return Member(path, problem=_too_large(most_bytes, info.file_size))
    try:
        with zipped.open(info) as file:
            # It cannot exceed its declared size: zipfile stops there.
            return Member(path, file.read(most_bytes + 1))
    except DAMAGE as error:
        return Member(path, problem=f"expected a whole member, got: {_words(error)}")


def _too_large(most: int, got: int) -> str:
    return f"expected at most {most:,} bytes, got {got:,}"


def _check_total(archive: Path, members: int, total: int) -> None:
    if members > MOST_MEMBERS:
        raise UntrustedError(archive, f"at most {MOST_MEMBERS} members, got more")
    if total > MOST_BYTES:
        raise UntrustedError(archive, f"at most {MOST_BYTES:,} bytes unpacked, got {total:,}")
    packed = archive.stat().st_size
    if total > MOST_RATIO * max(packed, 10_000):
        raise UntrustedError(
            archive, f"at most {MOST_RATIO} bytes for each packed one, got {total:,} of {packed:,}"
        )


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise UntrustedError(archive, f"members inside the folder, got '{shortened(name)}'")


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    _check_name(archive, member.name)
    if not (member.isfile() or member.isdir()):
        raise UntrustedError(
            archive, f"files and folders only, got the special member '{shortened(member.name)}'"
        )


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    if is_hidden(PurePosixPath(member.name)):
        return
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # regular files have content
    target.write_bytes(content.read())


def _words(error: Exception) -> str:
    return shortened(str(error) or type(error).__name__)
