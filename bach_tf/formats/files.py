"""Files of new pieces: unique names across processes, and formats that may fail."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path

from bach_tf._basics.messages import shortened
from bach_tf.formats import WRITERS, write
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Score

MIDI = ".mid"  # holds every piece
LONGEST_NAME, LONGEST_PATH = 255, 4096  # bytes, unless the system states its limits
ROOM = 64  # bytes reserved for the name of a piece and of its scratch folder


class PieceNames:
    """Unique names `<date>_<n>` for the pieces in a folder.

    While a piece is being written, a hidden folder reserves its name: creating an existing folder
    fails, so no two processes share a name, whatever formats they write. The folder is listed once.

    Args:
        folder: of the pieces; created with the first one.

    Example:
        >>> with PieceNames(Path("generated")).reserve() as stem:  # doctest: +SKIP
        ...     write(score, stem.with_name(stem.name + ".mid"))
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._numbers = count(1)
        self._day = date.today()
        files = folder.iterdir() if folder.is_dir() else ()
        self._taken = {file.name.partition(".")[0] for file in files}

    @contextmanager
    def reserve(self) -> Iterator[Path]:
        """Reserve the first free name while the block runs.

        Yields:
            the path of a piece without its suffix.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        names = (f"{self._day}_{number}" for number in self._numbers)
        name = next(name for name in names if name not in self._taken and self._hold(name))
        try:
            yield self.folder / name
        finally:
            with suppress(OSError):  # the folder was cleared
                self._holder(name).rmdir()

    def _holder(self, name: str) -> Path:
        return self.folder / f".{name}"

    def _hold(self, name: str) -> bool:
        """Return whether the name could be reserved."""
        try:
            self._holder(name).mkdir()
        except FileExistsError:
            return False
        # Another process may have written a piece of that name since the folder was listed.
        if any((self.folder / f"{name}{ending}").exists() for ending in WRITERS):
            self._holder(name).rmdir()
            return False
        return True


class FixedNames:
    """The name that a user has chosen, numbered if there are several pieces.

    Existing files are overwritten.

    Args:
        stem: the path without its suffix.
        wanted: number of pieces.

    Example:
        >>> names = FixedNames(Path("piece"), 12)
        >>> with names.reserve() as first:
        ...     first.name
        'piece_01'
    """

    def __init__(self, stem: Path, wanted: int):
        self._stem = stem
        self._digits = len(str(wanted)) if wanted > 1 else 0
        self._numbers = count(1)

    @contextmanager
    def reserve(self) -> Iterator[Path]:
        """Reserve the next name while the block runs.

        Yields:
            the path of a piece without its suffix.
        """
        number = f"_{next(self._numbers):0{self._digits}}" if self._digits else ""
        yield self._stem.with_name(self._stem.name + number)


@dataclass(frozen=True)
class Written:
    """The outcome of writing a piece.

    Args:
        paths: files that were written.
        errors: of files that were not.
    """

    paths: list[Path] = field(default_factory=list)
    errors: dict[Path, Exception] = field(default_factory=dict)


def write_piece(
    score: Score, stem: Path, endings: Sequence[str], rendition: Rendition = PLAIN
) -> Written:
    """Write a piece in several formats; a failure of one does not affect the others.

    MIDI is written first. If every format fails, MIDI is tried, so that no piece is lost.

    Args:
        score: the piece.
        stem: the path without its suffix.
        endings: of the formats.
        rendition: of the piece.
    """
    written = Written()

    def attempt(ending: str) -> None:
        path = stem.with_name(stem.name + ending)
        try:
            write(score, path, rendition)
            written.paths.append(path)
        except Exception as error:  # a bug in one format does not affect the others
            written.errors[path] = error

    for ending in sorted(endings, key=lambda ending: ending != MIDI):
        attempt(ending)
    if not written.paths and MIDI not in endings:
        attempt(MIDI)
    return written


def check_folder(folder: Path) -> None:
    """Check that pieces can be written into a folder, which need not exist yet.

    Args:
        folder: of the pieces.

    Raises:
        ValueError: a file in place of the folder or one of its parents, missing permission, or a
            name that is too long.

    Example:
        >>> check_folder(Path("generated"))
    """
    said = shortened(folder)
    try:
        there = _nearest_there(folder)
        _check_lengths(folder, there)
    except OSError as error:
        raise ValueError(f"Pieces cannot be written to {said}: {error.strerror}.") from None
    if not there.is_dir():
        reason = "is a file" if there.exists() else "is a link to nowhere"
        raise ValueError(f"Pieces cannot be written to {said}: {shortened(there)} {reason}.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(
            f"Pieces cannot be written to {said}: no permission to write in "
            f"{shortened(there.absolute())}."
        )


def _nearest_there(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    for path in (folder, *folder.parents):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return path
    return Path()


def _check_lengths(folder: Path, there: Path) -> None:
    """Raise `OSError` for names that are too long for the existing folder."""
    longest = {"PC_NAME_MAX": LONGEST_NAME, "PC_PATH_MAX": LONGEST_PATH}
    if there.is_dir() and hasattr(os, "pathconf"):
        limits = {name: os.pathconf(there, name) for name in longest}
        longest |= {name: limit for name, limit in limits.items() if limit > 0}  # -1: none
    parts = [len(os.fsencode(part)) for part in folder.parts]
    path = len(os.fsencode(folder)) + ROOM
    if max(parts, default=0) > longest["PC_NAME_MAX"] or path > longest["PC_PATH_MAX"]:
        raise OSError(0, "File name too long")
