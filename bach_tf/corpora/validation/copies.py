"""Pieces that are in two splits, and so were memorised before they are evaluated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from bach_tf.score import SILENCE


def find_copies(splits: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """Return a line for each piece that another split has too, in any key and at any tempo.

    Rests at the beginning and the end do not count.

    Args:
        splits: for each split, the grids `(T, voices)` by name, 0 for silence.

    Example:
        >>> air = np.array([[67], [69], [69]])
        >>> find_copies({"train": {"air": air}, "test": {"b": np.repeat(air - 5, 2, axis=0)}})
        ['test/b: the same music as train/air, in another key, at another tempo']
    """
    found = defaultdict(list)  # {music: [(split, name, lowest pitch, steps of a unit)]}
    for split, pieces in splits.items():
        for name, grid in pieces.items():
            music, lowest, unit = _music(grid)
            if music:
                found[music].append((split, name, lowest, unit))
    lines = []
    for (split, name, lowest, unit), *others in found.values():
        for other in others:
            if other[0] != split:
                how = ", in another key" if other[2] != lowest else ""
                how += ", at another tempo" if other[3] != unit else ""
                lines.append(f"{other[0]}/{other[1]}: the same music as {split}/{name}{how}")
    return lines


def _music(grid: np.ndarray) -> tuple[bytes, int, int]:
    """Return what is equal for the same music, its lowest pitch and the unit of its durations.

    The first is empty for a piece of silence.
    """
    sounding = np.flatnonzero((grid != SILENCE).any(axis=1))
    if not sounding.size:
        return b"", 0, 1
    grid = np.asarray(grid[sounding[0] : sounding[-1] + 1], np.int32)
    starts = np.flatnonzero(np.r_[True, (grid[1:] != grid[:-1]).any(axis=1)])
    durations = np.diff(starts, append=len(grid))
    unit = int(np.gcd.reduce(durations))
    lowest = int(grid[grid != SILENCE].min())
    chords = np.where(grid == SILENCE, SILENCE, grid - lowest + 1)[starts]
    return np.column_stack([chords, durations // unit]).tobytes(), lowest, unit
