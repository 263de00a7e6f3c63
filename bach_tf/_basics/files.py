"""Finding and reading a user's files: sizes, hidden files, unreadable ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from time import time_ns

from bach_tf._basics.messages import shortened

KEPT_BYTES = 2**26  # total size of the cache of `read_once`
SETTLED_NS = 50_000_000  # after this time a further change surely gets another timestamp
OF_A_MAC = "__MACOSX"  # resource forks, in archives made on a Mac


@dataclass(frozen=True)
class Listing:
    """The files of a folder.

    Args:
        paths: the files to read, sorted by path.
        skipped: why other files with these endings are skipped, by path relative to the folder.
    """

    paths: list[Path] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def read_limited(path: Path, limit: int) -> bytes:
    """Return the contents of a file, checking its size before reading.

    Args:
        path: a regular file, or a link to one.
        limit: maximum size in bytes.

    Raises:
        ValueError: if the file is missing, too large, unreadable or not a regular file; the
            message begins with its name.

    Example:
        >>> read_limited(Path("prelude.mid"), 4_000_000)[:4]  # doctest: +SKIP
        b'MThd'
    """
    path = Path(path)
    try:
        # Checked before opening: opening a pipe blocks until somebody writes to it.
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a folder (directory)" if stat.S_ISDIR(about.st_mode) else "a device or a pipe"
            raise ValueError(f"{path.name}: expected a file, got {kind}")
        size = about.st_size
        if size <= limit:
            with path.open("rb") as file:
                # Not of the limit's size: Python sets memory aside for all that is asked for.
                content = file.read(size + 1)
                if len(content) > size:  # the file has grown meanwhile
                    content += file.read(limit + 1 - len(content))
            size = max(size, len(content))
    except OSError as error:
        raise ValueError(f"{path.name}: expected a file, got: {_reason(error)}") from error
    if size > limit:
        raise ValueError(f"{path.name}: expected at most {limit:,} bytes, got {size:,}")
    return content


class _Kept:
    """A cache of file contents, valid while the files do not change."""

    def __init__(self):
        self.files: dict[Path, tuple[tuple[int, ...], bytes]] = {}
        self.size = 0

    def put(self, path: Path, stamp: tuple[int, ...], content: bytes) -> None:
        if self.size + len(content) <= KEPT_BYTES:
            self.files[path] = stamp, content
            self.size += len(content)

    def drop(self, path: Path) -> None:
        self.size -= len(self.files.pop(path, (None, b""))[1])


_kept = _Kept()


def read_once(path: Path, limit: int) -> bytes:
    """Return the contents of a file as `read_limited` does, cached until the file changes.

    Corpora are read through this function, because each file is hashed, validated and parsed.
    At most `KEPT_BYTES` are cached.

    Args:
        path: a regular file.
        limit: maximum size in bytes.

    Raises:
        ValueError: as for `read_limited`.
    """
    path = Path(path).absolute()
    stamp = _stamp(path)
    before, content = _kept.files.get(path, (None, b""))
    if stamp and stamp == before and len(content) <= limit:
        return content
    _kept.drop(path)
    content = read_limited(path, limit)
    # A file may change twice within one tick of the file system's clock.
    if stamp and stamp == _stamp(path) and time_ns() - max(stamp[:2]) > SETTLED_NS:
        _kept.put(path, stamp, content)
    return content


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever the file does, timestamps first; `None` if it is missing."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino


def list_files(folder: Path, endings: Sequence[str], *, deep: bool = True) -> Listing:
    """List the files with certain endings in a folder, without hidden ones.

    Hidden files and folders have names that begin with a dot, such as the resource forks that
    a Mac writes beside each file. Endings match in upper case too. Links are followed, but no
    folder is visited twice.

    Args:
        folder: where to look.
        endings: lower-case file endings with their dots.
        deep: whether to include subfolders.

    Raises:
        ValueError: if a folder cannot be read; the message names it.

    Example:
        >>> list_files(Path("sonatas"), [".mid"]).paths  # doctest: +SKIP
        [Path('sonatas/k279.mid')]
    """
    found = Listing()
    for path, is_folder in _walk(Path(folder), deep):
        if not is_folder and path.suffix.lower() not in endings:
            continue
        name = path.relative_to(folder).as_posix()
        reason = why_hidden(path.name)
        if reason:
            found.skipped[f"{name}/" if is_folder else name] = reason
        elif not is_folder:
            reason = _why_no_file(path)
            if reason:
                found.skipped[name] = reason
            else:
                found.paths.append(path)
    found.paths.sort()
    return found


def why_hidden(name: str) -> str:
    """Return why a file or folder of this name is ignored; "" if it is not.

    Example:
        >>> why_hidden("._air.csv"), why_hidden(".air.csv"), why_hidden("air.csv")
        ('a resource fork written by macOS', 'hidden', '')
    """
    if name.startswith("._") or name == OF_A_MAC:
        return "a resource fork written by macOS"
    return "hidden" if name.startswith(".") else ""


def is_hidden(path: PurePath) -> bool:
    """Return whether a path, or a folder on the way to it, is ignored; see `why_hidden`."""
    return any(why_hidden(part) for part in path.parts)


def _walk(folder: Path, deep: bool) -> Iterator[tuple[Path, bool]]:
    """Yield the entries of a folder and whether each is a folder; hidden ones are not entered."""
    entered = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            place = here.stat()
            if (place.st_dev, place.st_ino) in entered:  # a link to a parent, or a second one
                continue
            entered.add((place.st_dev, place.st_ino))
            with os.scandir(here) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise ValueError(
                f"Expected a readable folder, got {shortened(here)}: "
                f"{_reason(error)}. Change its permissions, or move it elsewhere."
            ) from error
        for entry in inside:
            is_folder = _is_folder(entry)
            if not is_folder or deep:
                yield here / entry.name, is_folder
            if is_folder and deep and not why_hidden(entry.name):
                waiting.append(here / entry.name)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _why_no_file(path: Path) -> str:
    """Return why a path cannot be read as a file; "" if it can, or if reading will say why."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "not a regular file"
    except PermissionError:
        return ""
    except OSError:
        return "a broken link"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
