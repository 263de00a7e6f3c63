"""Chorale grids as CSV: `note0,note1,note2,note3`, one row per step, 0 for silence."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bach_tf._basics.files import read_once
from bach_tf._basics.messages import shortened

VOICES = ("soprano", "alto", "tenor", "bass")
HEADER = tuple(f"note{voice}" for voice in range(len(VOICES)))
LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # the range of the piano
BLANKS = " \t"  # around a number; other white space in a cell is damage
MOST_BYTES = 32_000_000  # per file: twice the size of a six-hour note list
EXPECTED_ROW = f"expected {len(VOICES)} pitches (0 or {LOWEST_PITCH}..{HIGHEST_PITCH})"


def read_grid_csv(path: Path) -> np.ndarray:
    """Read one piece.

    Args:
        path: a CSV file in UTF-8. A byte-order mark and Windows line ends are accepted.

    Returns:
        int32 array `(T, 4)`: soprano, alto, tenor, bass; 0 or 21..108.

    Raises:
        ValueError: the first problem, as `FILE:ROW: expected ..., got ...`.

    Example:
        >>> grid = read_grid_csv(Path("chorale_000.csv"))  # doctest: +SKIP
    """
    header, rows = read_cells(path)
    problem = next(find_problems(path.name, header, rows), None)
    if problem:
        raise ValueError(problem)
    return np.array(rows, np.int32)


def write_grid_csv(path: Path, grid: np.ndarray) -> bytes:
    """Write one piece: int array `(T, 4)`; return the bytes of the file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(np.asarray(grid).tolist())
    content = text.getvalue().encode("ascii")
    path.write_bytes(content)
    return content


def read_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV file as text cells.

    The delimiter is a comma, or a semicolon or tab if the header uses it, as in spreadsheets from
    locales with decimal commas. Trailing blank lines are ignored.

    Raises:
        ValueError: the file is too large, not UTF-8, or has an overlong cell.
    """
    content = read_once(path, MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path.name}:{row}: expected a CSV file in UTF-8, got {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        lines = list(reader)
    except csv.Error as error:
        raise ValueError(
            f"{path.name}:{reader.line_num}: expected short cells, got {error}"
        ) from None
    while lines and not any(cell.strip() for cell in lines[-1]):
        lines.pop()
    header, *rows = lines or [[]]
    return [cell.strip() for cell in header], rows


def _separator(text: str) -> str:
    """Return the delimiter of the first line."""
    header = text[: text.find("\n") + 1] or text
    if "," in header:
        return ","
    return next((other for other in ";\t" if other in header), ",")


def find_problems(name: str, header: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield each problem of a grid as `FILE:ROW: expected ..., got ...`.

    Rows are numbered as in a text editor: the header is row 1.
    """
    if not header:
        yield f"{name}: expected a header and rows of pitches, got an empty file"
        return
    if tuple(header) != HEADER:
        yield f"{name}:1: expected the header {','.join(HEADER)}, got {shortened(','.join(header))}"
        return
    if not rows:
        yield f"{name}: expected at least one row of pitches, got the header only"
    for number, row in enumerate(rows, start=2):
        if len(row) != len(VOICES):
            yield f"{name}:{number}: {EXPECTED_ROW}, got {len(row)}"
            continue
        wrong = [cell for cell in row if not is_pitch(cell)]
        if wrong:
            cell = wrong[0].strip(BLANKS)
            yield f"{name}:{number}: {EXPECTED_ROW}, got {cell[:40]!r}"


def is_pitch(cell: str) -> bool:
    """Return whether the text of a cell is 0 or a whole number in 21..108."""
    cell = cell.strip(BLANKS)
    # The length first: Python refuses to read thousands of digits.
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 9):
        return False
    return int(cell) == 0 or LOWEST_PITCH <= int(cell) <= HIGHEST_PITCH
