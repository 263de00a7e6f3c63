"""What a user's files and folders may be: how large, how named, and whether they can be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from time import time_ns

from bach_tf._basics.messages import shortened

KEPT_BYTES = 2**26  # of files that are read once, all together
SETTLED_NS = 50_000_000  # after which a change of a file surely has another time than the last
OF_A_MAC = "__MACOSX"  # a folder of archives that were made on a Mac: what is beside the files


@dataclass(frozen=True)
class Listing:
    """The files of a folder.

    Args:
        paths: those that are to be read, in the order of their names.
        skipped: why others with the same endings are not, by their names below the folder.
    """

    paths: list[Path] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a file, whose size is looked at before anything is read.

    Args:
        path: of a regular file, or a link to one.
        limit: the most bytes that it may have.

    Raises:
        ValueError: a larger file, none, no regular one, or one that cannot be read; the message
            begins with its name.

    Example:
        >>> read_limited(Path("prelude.mid"), 4_000_000)[:4]  # doctest: +SKIP
        b'MThd'
    """
    path = Path(path)
    try:
        # Before it is opened: to open a pipe is to wait for the one who writes.
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a folder (directory)" if stat.S_ISDIR(about.st_mode) else "a device or a pipe"
            raise ValueError(f"{path.name}: expected a file, got {kind}")
        size = about.st_size
        if size <= limit:
            with path.open("rb") as file:
                content = file.read(limit + 1)  # it may have grown meanwhile
            size = max(size, len(content))
    except OSError as error:
        raise ValueError(f"{path.name}: expected a file, got: {_reason(error)}") from error
    if size > limit:
        raise ValueError(f"{path.name}: expected at most {limit:,} bytes, got {size:,}")
    return content


class _Kept:
    """The files that were read and have not changed, and how large they are together."""

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
    """Return the bytes of a file as `read_limited` does; unchanged ones are read once in a process.

    What the corpora read goes through here: a piece is hashed, validated and parsed, and each of
    these asks for its bytes. At most `KEPT_BYTES` are kept.

    Args:
        path: of a regular file.
        limit: the most bytes that it may have.

    Raises:
        ValueError: as `read_limited`.
    """
    path = Path(path).absolute()
    stamp = _stamp(path)
    before, content = _kept.files.get(path, (None, b""))
    if stamp and stamp == before and len(content) <= limit:
        return content
    _kept.drop(path)
    content = read_limited(path, limit)
    # A file may change twice within one tick of its file system's clock.
    if stamp and stamp == _stamp(path) and time_ns() - max(stamp[:2]) > SETTLED_NS:
        _kept.put(path, stamp, content)
    return content


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does, its times first; `None` where there is no file."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino


def list_files(folder: Path, endings: Sequence[str], *, deep: bool = True) -> Listing:
    """Return the files with some endings in a folder, hidden ones left out.

    What is hidden has a name that begins with a dot, such as the second file that a Mac writes for
    each, or lies in a folder like that. Endings may be in capitals. Links are followed, each
    folder once.

    Args:
        folder: where to look.
        endings: in small letters, with their dots.
        deep: whether to look in its folders too.

    Raises:
        ValueError: a folder that cannot be read; the message names it.

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
    """Return why a file or folder of this name is not to be read; "" where it is.

    Example:
        >>> why_hidden("._air.csv"), why_hidden(".air.csv"), why_hidden("air.csv")
        ('a second file that a Mac made', 'hidden', '')
    """
    if name.startswith("._") or name == OF_A_MAC:
        return "a second file that a Mac made"
    return "hidden" if name.startswith(".") else ""


def is_hidden(path: PurePath) -> bool:
    """Return whether a path, or a folder on its way, is not to be read; see `why_hidden`."""
    return any(why_hidden(part) for part in path.parts)


def _walk(folder: Path, deep: bool) -> Iterator[tuple[Path, bool]]:
    """Yield what a folder holds, and whether it is a folder; hidden ones are not entered."""
    entered = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            place = here.stat()
            if (place.st_dev, place.st_ino) in entered:  # a link to a folder above, or twice
                continue
            entered.add((place.st_dev, place.st_ino))
            with os.scandir(here) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise ValueError(
                f"Expected a folder that can be read, got {shortened(here)}: "
                f"{_reason(error)}. Give yourself permission, or move it elsewhere."
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
    """Return why there is nothing to read; "" where there is, or where reading it will say why."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "no regular file"
    except PermissionError:
        return ""
    except OSError:
        return "a link to nothing"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
