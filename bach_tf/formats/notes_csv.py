"""Note lists as CSV: `onset,duration,pitch,velocity,voice`, one row per note, in steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.formats.grid_csv import BLANKS, read_cells

MOST_DIGITS = 18  # always fit into an int64
MOST = 10**MOST_DIGITS - 1
# The columns in their order, and the lowest and highest value of each.
BOUNDS = {
    "onset": (0, MOST),
    "duration": (1, MOST),
    "pitch": (0, 127),
    "velocity": (1, 127),
    "voice": (0, 255),
}
HEADER = tuple(BOUNDS)


def read_notes_csv(path: Path) -> np.ndarray:
    """Read one piece.

    Args:
        path: a CSV file in UTF-8. A byte-order mark and Windows line ends are accepted, and a
            header without rows: a piece without notes.

    Returns:
        int64 array `(N, 5)`: onset and duration in steps, pitch, velocity, voice of each note.

    Raises:
        ValueError: the first problem, as `FILE:ROW: expected ..., got ...`.

    Example:
        >>> notes = read_notes_csv(Path("prelude.csv"))  # doctest: +SKIP
    """
    header, rows = read_cells(path)
    problem = next(find_note_problems(path.name, header, rows), None)
    if problem:
        raise ValueError(problem)
    return np.array(rows, np.int64).reshape(-1, len(HEADER))


def write_notes_csv(path: Path, notes: np.ndarray) -> bytes:
    """Write one piece, `(N, 5)` as `read_notes_csv` returns it; return the bytes of the file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(np.asarray(notes).tolist())
    content = text.getvalue().encode("ascii")
    path.write_bytes(content)
    return content


def find_note_problems(name: str, header: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield each problem of a note list as `FILE:ROW: expected ..., got ...`.

    Rows are numbered as in a text editor: the header is row 1.
    """
    if not header:
        yield f"{name}: expected a header and rows of notes, got an empty file"
        return
    if tuple(header) != HEADER:
        yield f"{name}:1: expected the header {','.join(HEADER)}, got {shortened(','.join(header))}"
        return
    for number, row in enumerate(rows, start=2):
        if len(row) != len(HEADER):
            values = f"{len(HEADER)} values ({', '.join(HEADER)})"
            yield f"{name}:{number}: expected {values}, got {len(row)}"
            continue
        for (column, (low, high)), cell in zip(BOUNDS.items(), row):
            if not _is_within(cell, low, high):
                expected = f"of at least {low}" if high == MOST else f"in {low}..{high}"
                got = repr(cell.strip(BLANKS)[:40])
                yield f"{name}:{number}: expected a whole number {expected} for {column}, got {got}"
                break


def _is_within(cell: str, low: int, high: int) -> bool:
    cell = cell.strip(BLANKS)
    # The length first: Python refuses to read thousands of digits.
    if not (cell.isascii() and cell.isdigit() and len(cell) <= MOST_DIGITS):
        return False
    return low <= int(cell) <= high
