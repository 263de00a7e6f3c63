"""The training history: a CSV file with one row per epoch."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import keras

from bach_tf._basics.files import read_limited
from bach_tf._basics.replacing import replace_text
from bach_tf.learning.rates import MONITOR

LARGEST_BYTES = 2**25  # 100,000 epochs
MOST_DIGITS = 9  # of the number of an epoch
NO_VALUE = "NA"  # for a column without a value in this epoch


class HistoryFile(keras.callbacks.Callback):
    """Add a row to the history after each epoch, atomically.

    Args:
        path: the CSV file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # always given by Keras
        append_row(self.path, epoch, logs)


def append_row(path: Path, epoch: int, values: dict[str, float]) -> None:
    """Add the row of an epoch to the history; the file is replaced atomically.

    Args:
        path: the CSV file, created if necessary.
        epoch: counted from 0.
        values: metrics of the epoch, by name.
    """
    lines = _lines(path) or [_as_csv(["epoch", *sorted(values)])]
    row = {"epoch": epoch, **values}
    cells = [row.get(name, NO_VALUE) for name in next(csv.reader(lines[:1]))]
    _write(path, [*lines, _as_csv(cells)])


def drop_later_rows(path: Path, epochs: int) -> None:
    """Remove rows written after the last checkpoint.

    Args:
        path: the CSV file, which need not exist.
        epochs: number of rows to keep.
    """
    lines = _lines(path)
    kept = lines[:1] + [line for line in lines[1:] if _epoch_of(line) in range(epochs)]
    if kept != lines:
        _write(path, kept)


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the rows of a history, with NaN for cells that are not numbers.

    Raises:
        ValueError: if it is damaged, or there are no rows or no validation column; the message
            names the file.
    """
    try:
        rows = [
            {name: _number(cell) for name, cell in row.items() if name is not None}
            for row in csv.DictReader(_lines(path))
        ]
    except csv.Error as error:
        raise ValueError(f"{path}: expected a row for each epoch, got: {error}.") from None
    if not rows or not all({"epoch", MONITOR} <= row.keys() and _is_epoch(row) for row in rows):
        raise ValueError(
            f"{path}: expected a row for each epoch, with columns epoch and {MONITOR}."
        )
    return rows


def _is_epoch(row: dict[str, float]) -> bool:
    return row["epoch"] >= 0 and row["epoch"].is_integer()


def _lines(path: Path) -> list[str]:
    """Return the lines of a file; none if it does not exist."""
    if not path.exists():
        return []
    content = read_limited(path, LARGEST_BYTES)
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, got: {error}.") from None


def _write(path: Path, lines: list[str]) -> None:
    replace_text(path, "".join(f"{line}\n" for line in lines))


def _as_csv(cells: list) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _epoch_of(line: str) -> int:
    """Return the epoch of a row, counted from 0; -1 for a row truncated by a power cut."""
    cell = line.split(",")[0]
    # The length first: Python refuses to read thousands of digits.
    is_number = len(cell) <= MOST_DIGITS and cell.isascii() and cell.isdigit()
    return int(cell) if is_number else -1


def _number(cell: str | None) -> float:
    try:
        return float(cell or "")
    except (TypeError, ValueError):
        return math.nan
