"""Pieces from MIDI files, on the grid that fits them where none is asked for."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np

from bach_tf.formats.midi.events import open_midi
from bach_tf.formats.midi.reading import to_performance, to_score
from bach_tf.formats.reading import FINE, MILLISECONDS, SIXTEENTHS, TRIPLETS, Grid, Piece
from bach_tf.score import SECONDS

# What share of the notes must begin on a grid for it to fit: the others would be moved.
SHARES = {SIXTEENTHS: 1.0, TRIPLETS: 0.98, FINE: 0.9}
MEASURED, NEAR = 960, 5  # steps a quarter on which that is measured, and how near is on it


def read_midi_piece(path: Path, grid: Grid | None = None, strict: bool = False) -> Piece:
    """Read a MIDI file.

    Args:
        path: of the file.
        grid: `None` for the coarsest on which its notes begin; where they begin on none it is a
            performance, in seconds.
        strict: refuse a file with a fault that could be read over.

    Raises:
        ValueError: as `read_midi` and `read_midi_seconds`.

    Example:
        >>> piece = read_midi_piece(Path("prelude.mid"))  # doctest: +SKIP
    """
    file = open_midi(path)
    grid = _grid_of(file, path) if grid is None else grid
    if grid.timing == SECONDS:
        return Piece(to_performance(file, path, grid.steps_per_second))
    return Piece(to_score(file, path, grid.steps_per_quarter))


def _grid_of(file: mido.MidiFile, path: Path) -> Grid:
    """Return the coarsest grid on which the notes of a MIDI file begin."""
    onsets = to_score(file, path, MEASURED).onset
    for grid, share in SHARES.items():
        step = MEASURED // grid.steps_per_quarter
        distance = np.minimum(onsets % step, -onsets % step)
        if not onsets.size or np.mean(distance <= NEAR) >= share:
            return grid
    return MILLISECONDS
