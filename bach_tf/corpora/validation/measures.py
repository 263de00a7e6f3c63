"""A replacement for TensorFlow Data Validation (TFDV) where it cannot be installed.

It computes the same summary, anomalies and drift under the same names, so that a corpus is valid
with it exactly if it is valid without. Only TFDV's statistics files are missing; `why_missing`
says why.
"""

from __future__ import annotations

import platform
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bach_tf.corpora.validation.report import Anomaly, Column, Drift
from bach_tf.formats.grid_csv import HEADER, HIGHEST_PITCH, LOWEST_PITCH
from bach_tf.score import SILENCE

if TYPE_CHECKING:
    import pandas as pd

DRIFT_THRESHOLD = 0.05  # Jensen-Shannon divergence in bits; explained in chorale_grid.pbtxt
GLIBC = (2, 39)  # minimum C library for TFDV's wheels for Python 3.12 and later
LOW_PITCH = "Pitch out of range"
LOW_PITCH_REASON = (
    f"Values in {SILENCE + 1}..{LOWEST_PITCH - 1}: a pitch is {SILENCE} or "
    f"{LOWEST_PITCH}..{HIGHEST_PITCH}."
)
WHOLE_NUMBER = re.compile("-?[0-9]{1,18}")  # up to 18 digits fit into 64 bits


class Counts(NamedTuple):
    """Counts of the non-empty cells of a column."""

    cells: Counter[str]  # in order of first appearance
    steps: int  # rows of the split
    is_text: bool  # whether any cell is not an integer

    @property
    def numbers(self) -> dict[int, int]:
        """Counts of the integers."""
        return {
            int(cell): count for cell, count in self.cells.items() if WHOLE_NUMBER.fullmatch(cell)
        }


Split = dict[str, Counts]  # by column


def measure(
    frames: dict[str, pd.DataFrame],
) -> tuple[list[Column], list[Anomaly], list[Drift]]:
    """Return the summary of each split, its anomalies, and its drift from `train`.

    Args:
        frames: the rows of each split, as returned by `to_frame`.
    """
    splits = {split: count_cells(frame) for split, frame in frames.items()}
    columns = [row for split, counts in splits.items() for row in _summary(split, counts)]
    anomalies = [row for split, counts in splits.items() for row in _anomalies(split, counts)]
    drift = [
        row
        for split, counts in splits.items()
        if split != "train"
        for row in _drift(split, splits["train"], counts)
    ]
    return columns, anomalies, drift


def count_cells(frame: pd.DataFrame) -> Split:
    """Count the cells in each column."""
    counts = {}
    for name in frame.columns:
        cells = Counter(str(cell) for cell in frame[name].dropna())
        is_text = not all(WHOLE_NUMBER.fullmatch(cell) for cell in cells)
        counts[name] = Counts(cells, len(frame), is_text)
    return counts


def divergence(first: Counter[str], second: Counter[str]) -> float:
    """Return the Jensen-Shannon divergence of two distributions in bits.

    Args:
        first: counts of each value, at least one.
        second: the same for the other distribution.

    Returns:
        0 for identical distributions, 1 for disjoint ones.

    Example:
        >>> divergence(Counter("aab"), Counter("aabaab")), divergence(Counter("a"), Counter("b"))
        (0.0, 1.0)
    """
    values = list(first | second)
    p, q = (
        np.array([counts[value] for value in values]) / counts.total() for counts in (first, second)
    )
    middle = (p + q) / 2
    return float((_divergence_from(middle, p) + _divergence_from(middle, q)) / 2)


def _divergence_from(middle: np.ndarray, fractions: np.ndarray) -> float:
    """Return the Kullback-Leibler divergence of a distribution from the mean, in bits."""
    there = fractions > 0
    return float(np.sum(fractions[there] * np.log2(fractions[there] / middle[there])))


def _summary(split: str, counts: Split) -> Iterator[Column]:
    for name, column in counts.items():
        pitches = column.numbers.keys() - {SILENCE}
        silent = column.cells[str(SILENCE)] / max(column.steps, 1)
        yield Column(
            split=split,
            column=name,
            steps=column.steps,
            silent=f"{silent:.1%}",
            lowest=min(pitches, default=None),
            highest=max(pitches, default=None),
            pitches=len(pitches),
        )


def _anomalies(split: str, counts: Split) -> Iterator[Anomaly]:
    if not any(column.steps for column in counts.values()):
        yield Anomaly(split, "(all)", "No data", "The split has no rows.")
        return
    for name, column in sorted(counts.items()):
        if name not in HEADER:
            what = "New column (column in data but not in schema)"
            yield Anomaly(split, name, "New column", what)
            continue
        for finding in (_missing(column), _type(column), _range(column)):
            yield from (Anomaly(split, name, *words) for words in finding)


def _missing(column: Counts) -> Iterator[tuple[str, str]]:
    present = column.cells.total()
    if not present:
        yield "Column dropped", "The feature was not present in any examples."
    elif present < column.steps:
        yield (
            "Column dropped",
            "The feature was present in fewer examples than expected: minimum fraction = "
            f"1.000000, actual = {present / column.steps:.6f}",
        )


def _type(column: Counts) -> Iterator[tuple[str, str]]:
    if column.is_text:
        example = next(cell for cell in column.cells if not WHOLE_NUMBER.fullmatch(cell))
        yield "Unexpected data type", "Expected data of type: INT but got STRING"
        yield "Invalid values", f'String values that were not ints were found, such as "{example}".'


def _range(column: Counts) -> Iterator[tuple[str, str]]:
    numbers = column.numbers
    if numbers and not column.is_text:
        if min(numbers) < SILENCE:
            yield "Out-of-range values", f"Unexpectedly small value: {min(numbers)}."
        if max(numbers) > HIGHEST_PITCH:
            yield "Out-of-range values", f"Unexpectedly large value: {max(numbers)}."
    if any(SILENCE < number < LOWEST_PITCH for number in numbers):
        yield LOW_PITCH, LOW_PITCH_REASON


def _drift(split: str, train: Split, counts: Split) -> Iterator[Drift]:
    for name in HEADER:
        first, second = train[name].cells, counts[name].cells
        if first and second:
            measured = divergence(first, second)
            verdict = "drift" if measured > DRIFT_THRESHOLD else "ok"
            yield Drift(f"train, {split}", name, measured, DRIFT_THRESHOLD, verdict)


def has_wheels() -> bool:
    """Return whether TFDV is published for this Python on this system."""
    machine = platform.machine()
    if sys.version_info < (3, 12):
        return machine == "x86_64"  # 1.16.1
    if sys.platform == "darwin":
        return machine == "arm64"
    return machine == "x86_64" and _glibc() >= GLIBC


def why_missing(error: ImportError) -> str:
    """Return a line saying that TFDV is missing, why, and what the report lacks without it.

    Args:
        error: the error of its import.
    """
    if error.name != "tensorflow_data_validation":
        why = f"cannot be imported ({error})"
    elif has_wheels():
        why = "is not installed (pip install '.[tfdv]' in the checkout of bach_tf)"
    else:
        why = f"has no wheels for {_system()}"
    return (
        f"TensorFlow Data Validation {why}: no statistics files are written. Every row, the "
        "ranges and the drift were checked without it."
    )


def _glibc() -> tuple[int, ...]:
    """Return the version of the GNU C library; (0,) if there is none."""
    library, number = platform.libc_ver()
    digits = number.split(".")[:2]
    return tuple(map(int, digits)) if library == "glibc" and all(map(str.isdigit, digits)) else (0,)


def _system() -> str:
    """Describe the system, as far as it determines which wheels can be installed."""
    name = f"Python {sys.version_info[0]}.{sys.version_info[1]} on {platform.system()}"
    name = f"{name} ({platform.machine()})"
    if sys.version_info >= (3, 12) and _glibc() > (0,):
        oldest, own = (".".join(map(str, number)) for number in (GLIBC, _glibc()))
        name += f" with glibc {own}, only for {oldest} or later"
    return name
