"""The history of a training: a CSV file with a row for each epoch, kept as text."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import keras

from bach_tf._basics.replacing import replace_text
from bach_tf.learning.rates import MONITOR

NO_VALUE = "NA"  # in a column that an epoch has nothing for


class HistoryFile(keras.callbacks.Callback):
    """Add a row to the history after each epoch, atomically.

    Args:
        path: of the CSV file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # Keras gives them
        append_row(self.path, epoch, logs)


def append_row(path: Path, epoch: int, values: dict[str, float]) -> None:
    """Add the row of an epoch to a history; the file is replaced as a whole.

    Args:
        path: of the CSV file; made where there is none.
        epoch: counted from 0.
        values: what the epoch has come to, by name.
    """
    lines = _lines(path) or [_as_csv(["epoch", *sorted(values)])]
    row = {"epoch": epoch, **values}
    cells = [row.get(name, NO_VALUE) for name in next(csv.reader(lines[:1]))]
    _write(path, [*lines, _as_csv(cells)])


def drop_later_rows(path: Path, epochs: int) -> None:
    """Remove the rows that were written after the checkpoint.

    Args:
        path: of the CSV file, which need not exist.
        epochs: number of rows to keep.
    """
    lines = _lines(path)
    kept = lines[:1] + [line for line in lines[1:] if _epoch_of(line) in range(epochs)]
    if kept != lines:
        _write(path, kept)


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the rows of a history; NaN where a cell is no number.

    Raises:
        ValueError: no rows, or no column for validation; the message names the file.
    """
    rows = [
        {name: _number(cell) for name, cell in row.items() if name is not None}
        for row in csv.DictReader(_lines(path))
    ]
    if not rows or not {"epoch", MONITOR} <= set(rows[0]):
        raise ValueError(
            f"{path}: expected a row for each epoch, with the columns epoch and {MONITOR}."
        )
    return rows


def _lines(path: Path) -> list[str]:
    """Return the lines of a file without their ends; none where there is no file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _write(path: Path, lines: list[str]) -> None:
    replace_text(path, "".join(f"{line}\n" for line in lines))


def _as_csv(cells: list) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _epoch_of(line: str) -> int:
    """Return the epoch of a row, counted from 0; -1 where a power cut left half a row."""
    cell = line.split(",")[0]
    return int(cell) if cell.isascii() and cell.isdigit() else -1


def _number(cell: str | None) -> float:
    try:
        return float(cell or "")
    except (TypeError, ValueError):
        return math.nan
