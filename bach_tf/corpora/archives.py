"""Unpack an archive without letting it write outside its folder."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath


def extract_tar(archive: Path, folder: Path) -> None:
    """Unpack the regular files of a tar archive below `folder`.

    Raises:
        ValueError: not a tar archive, or one with a link, a device or a member that would
            leave the folder. Nothing is written then.
    """
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _check_member(archive, member)
            for member in members:
                if member.isfile():
                    _write_member(tar, member, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{archive.name}: expected a tar archive, got: {error}") from error


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in member.name:
        raise ValueError(
            f"{archive.name}: expected members inside the folder, got {member.name!r}. "
            "Do not trust this archive."
        )
    if not (member.isfile() or member.isdir()):
        raise ValueError(
            f"{archive.name}: expected files and folders only, got the special member "
            f"{member.name!r}. Do not trust this archive."
        )


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # regular files have content
    target.write_bytes(content.read())
