"""ABC files: single tunes and tune books."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf.formats.abc_tunes.reading import read_sheet
from bach_tf.formats.notation import piece_of
from bach_tf.formats.notation.text import decode
from bach_tf.formats.reading import Grid, Notices, Piece

MOST_BYTES = 10_000_000
MOST_CHARACTERS = 200_000  # of a tune; most have a few hundred
MOST_NAMED = 10  # tunes listed in a message
NUMBER = re.compile(r"X:\s*(\d{1,9})")
TITLE = re.compile(r"^T:(.*)", re.MULTILINE)
DEFAULTS = re.compile(r"^(?:[LMQ]:|%%MIDI).*", re.MULTILINE)  # which a file may give for all tunes


def split_tunes(text: str) -> list[str]:
    r"""Split a file into tunes, each from its `X:` field to the next.

    Text before the first `X:` is dropped.

    Example:
        >>> split_tunes("% two tunes\nX:1\nK:C\nC\nX:2\nK:C\nD")
        ['X:1\nK:C\nC\n', 'X:2\nK:C\nD']
    """
    return [tune for tune in re.split(r"^(?=X:)", text, flags=re.MULTILINE) if tune[:2] == "X:"]


def read_abc_file(
    path: Path,
    grid: Grid | None = None,
    strict: bool = False,
    unfold: bool = False,
    tune: int | None = None,
) -> Piece:
    """Read a tune of a file.

    Args:
        path: of the file.
        grid: to quantise to; `None` for the coarsest grid, from sixteenths on, that holds all
            notes.
        strict: refuse a tune with faults.
        unfold: write out its repeats and the part order of `P:`.
        tune: its number in `X:`; the first tune of the file when `None`.

    Raises:
        ValueError: no such tune, a tune without notes, or one above the size limits; with
            `strict`, any fault. The message names the row and the measure.

    Example:
        >>> piece = read_abc_file(Path("book.abc"), tune=3)  # doctest: +SKIP
    """
    book = _Book(path)
    place = 0 if tune is None else book.place_of(tune)
    piece = book.read(place, grid, strict, unfold)
    if tune is None and len(book.tunes) > 1:
        said = f"{path.name}: the first of {len(book.tunes)} tunes is read: {book.names()}"
        piece = replace(piece, warnings=(said, *piece.warnings))
    return piece


def read_abc_tunes(
    path: Path, grid: Grid | None = None, strict: bool = False, unfold: bool = False
) -> dict[str, Piece | ValueError]:
    """Return all tunes of a file by number and title; for an unreadable one, the error.

    Args:
        path: of the file.
        grid: as in `read_abc_file`.
        strict: as in `read_abc_file`.
        unfold: as in `read_abc_file`.

    Raises:
        ValueError: the file cannot be read.

    Example:
        >>> tunes = read_abc_tunes(Path("book.abc"))  # doctest: +SKIP
    """
    book = _Book(path)
    found: dict[str, Piece | ValueError] = {}
    for place in range(len(book.tunes)):
        name = book.name(place)
        name = name if name not in found else f"{name} ({place + 1})"
        try:
            found[name] = book.read(place, grid, strict, unfold)
        except ValueError as error:
            found[name] = error
    return found


class _Book:
    """The tunes of a file."""

    def __init__(self, path: Path):
        self.path = path
        text = decode(read_limited(path, MOST_BYTES)).replace("\r\n", "\n").replace("\r", "\n")
        # The file may be a single tune without a number, or no ABC at all.
        self.tunes = split_tunes(text) or [text]
        head = text[: text.find(self.tunes[0])]
        self.defaults = "\n".join(DEFAULTS.findall(head))
        self.first_rows = []
        row = head.count("\n") + 1
        for tune in self.tunes:
            self.first_rows.append(row)
            row += tune.count("\n")

    def read(self, place: int, grid: Grid | None, strict: bool, unfold: bool) -> Piece:
        notices = Notices(self.path, strict)
        text = _until_the_blank_line(self.tunes[place])
        try:
            if len(text) > MOST_CHARACTERS:
                raise ValueError(
                    f"expected a tune of at most {MOST_CHARACTERS:,} characters, got {len(text):,}"
                )
            sheet = read_sheet(text, notices, self.first_rows[place], self.defaults)
            sheet.title = sheet.title or self.path.stem
            return piece_of(sheet, notices, grid, unfold)
        except ValueError as error:
            said = str(error).removeprefix(f"{self.path.name}: ")
            which = f"tune {self.name(place)}: " if len(self.tunes) > 1 else ""
            raise ValueError(f"{self.path.name}: {which}{said}") from None

    def place_of(self, tune: int) -> int:
        for place in range(len(self.tunes)):
            if self.number(place) == str(tune):
                return place
        raise ValueError(f"{self.path.name} has no tune {tune}. Choose from: {self.names()}.")

    def number(self, place: int) -> str:
        match = NUMBER.match(self.tunes[place])
        return str(int(match[1])) if match else ""

    def name(self, place: int) -> str:
        title = TITLE.search(self.tunes[place])
        said = f" ({shortened(title[1].strip(), 40)})" if title and title[1].strip() else ""
        return f"{self.number(place) or place + 1}{said}"

    def names(self) -> str:
        names = [self.name(place) for place in range(min(len(self.tunes), MOST_NAMED))]
        more = len(self.tunes) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")


def _until_the_blank_line(tune: str) -> str:
    """Return a tune up to its first blank line; free text may follow it."""
    begun, lines = False, []
    for line in tune.split("\n"):
        if begun and not line.strip():
            break
        begun = begun or line.startswith("K:")
        lines.append(line)
    return "\n".join(lines)
