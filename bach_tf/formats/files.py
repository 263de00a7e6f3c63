"""The files of new pieces: names that no other process takes, and formats that may fail."""

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
LONGEST_NAME, LONGEST_PATH = 255, 4096  # bytes, where the system does not say it
ROOM = 64  # bytes of a path behind the folder: a piece's name, and where it is written first


class PieceNames:
    """Hands out the names `<date>_<n>` in a folder, each to one piece.

    While a piece is written, a hidden folder of its name holds it: to make a folder that is there
    already fails, so no two processes hold one name, whatever formats they write. The folder is
    listed once.

    Args:
        folder: where the pieces go; it is made with the first one.

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
        """Hold the first free name while the block runs.

        Yields:
            the path of a piece without an ending.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        names = (f"{self._day}_{number}" for number in self._numbers)
        name = next(name for name in names if name not in self._taken and self._hold(name))
        try:
            yield self.folder / name
        finally:
            with suppress(OSError):  # somebody has cleared the folder
                self._holder(name).rmdir()

    def _holder(self, name: str) -> Path:
        return self.folder / f".{name}"

    def _hold(self, name: str) -> bool:
        """Return whether the name is ours now."""
        try:
            self._holder(name).mkdir()
        except FileExistsError:
            return False
        # Another process may have held it, written and let go since the folder was listed.
        if any((self.folder / f"{name}{ending}").exists() for ending in WRITERS):
            self._holder(name).rmdir()
            return False
        return True


class FixedNames:
    """Hands out the name that a user has chosen, numbered where there are several pieces.

    Files of that name are replaced.

    Args:
        stem: the path without an ending.
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
        """Hold the next name while the block runs.

        Yields:
            the path of a piece without an ending.
        """
        number = f"_{next(self._numbers):0{self._digits}}" if self._digits else ""
        yield self._stem.with_name(self._stem.name + number)


@dataclass(frozen=True)
class Written:
    """What came of writing a piece.

    Args:
        paths: the files that were written.
        errors: why others were not.
    """

    paths: list[Path] = field(default_factory=list)
    errors: dict[Path, Exception] = field(default_factory=dict)


def write_piece(
    score: Score, stem: Path, endings: Sequence[str], rendition: Rendition = PLAIN
) -> Written:
    """Write a piece in several formats, of which each may fail alone.

    MIDI comes first. Where no format could be written, MIDI is tried, so that no piece is lost.

    Args:
        score: the piece.
        stem: the path without an ending.
        endings: of the formats.
        rendition: how it is to be written.
    """
    written = Written()

    def attempt(ending: str) -> None:
        path = stem.with_name(stem.name + ending)
        try:
            write(score, path, rendition)
            written.paths.append(path)
        except Exception as error:  # a fault of ours in one format does not cost the others
            written.errors[path] = error

    for ending in sorted(endings, key=lambda ending: ending != MIDI):
        attempt(ending)
    if not written.paths and MIDI not in endings:
        attempt(MIDI)
    return written


def check_folder(folder: Path) -> None:
    """Check that pieces can be written into a folder, which need not be there yet.

    Args:
        folder: where they are to go.

    Raises:
        ValueError: a file in its place or in that of a folder above, a folder without
            permission, or a name that the system cannot hold.

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
    """Return the folder, or the first above it that there is."""
    for path in (folder, *folder.parents):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return path
    return Path()


def _check_lengths(folder: Path, there: Path) -> None:
    """Raise `OSError` for names that are too long below the folder that there is."""
    longest = {"PC_NAME_MAX": LONGEST_NAME, "PC_PATH_MAX": LONGEST_PATH}
    if there.is_dir() and hasattr(os, "pathconf"):
        limits = {name: os.pathconf(there, name) for name in longest}
        longest |= {name: limit for name, limit in limits.items() if limit > 0}  # -1: none
    parts = [len(os.fsencode(part)) for part in folder.parts]
    path = len(os.fsencode(folder)) + ROOM
    if max(parts, default=0) > longest["PC_NAME_MAX"] or path > longest["PC_PATH_MAX"]:
        raise OSError(0, "File name too long")
