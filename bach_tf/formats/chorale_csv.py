"""Scores of up to four voices as CSV grids."""

from __future__ import annotations

from pathlib import Path

from bach_tf.formats.grid_csv import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    VOICES,
    read_grid_csv,
    write_grid_csv,
)
from bach_tf.formats.reading import Grid, Piece
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import STEPS_PER_QUARTER, Part, Score


def write_chorale_csv(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write the pitches of four voices at each sixteenth: `note0,note1,note2,note3`.

    Only pitches and silences are kept; a repeated note merges with the one before it.

    Args:
        score: at most four monophonic voices, on sixteenths.
        path: of the file.
        rendition: ignored; the columns are always soprano, alto, tenor and bass.

    Raises:
        ValueError: any other score.

    Example:
        >>> write_chorale_csv(Score.from_grid([[67, 60]]), Path("two.csv"))  # doctest: +SKIP
    """
    check_csv_grid(score.steps_per_quarter)
    if score.length == 0:
        raise ValueError("A CSV grid has at least one row. Received: a score of 0 steps.")
    outside = score.pitch[(score.pitch < LOWEST_PITCH) | (score.pitch > HIGHEST_PITCH)]
    if outside.size:
        raise ValueError(
            f"The pitches of a CSV grid are in {LOWEST_PITCH}..{HIGHEST_PITCH}. "
            f"Received: {outside[0]}"
        )
    try:
        grid = score.to_grid(len(VOICES))
    except ValueError as error:
        raise ValueError(f"No CSV grid can hold this score: {error}. Choose another.") from None
    write_grid_csv(path, grid)


def read_chorale_csv(path: Path, grid: Grid | None = None, strict: bool = False) -> Piece:
    """Read the pitches of four voices at each sixteenth.

    Args:
        path: of the file.
        grid: ignored: rows are sixteenths.
        strict: ignored: faults are always errors.

    Raises:
        ValueError: as `read_grid_csv`.

    Example:
        >>> piece = read_chorale_csv(Path("chorale.csv"))  # doctest: +SKIP
    """
    parts = [Part(name) for name in VOICES]
    return Piece(Score.from_grid(read_grid_csv(path), title=path.stem, parts=parts))


def check_csv_grid(steps_per_quarter: int) -> None:
    """Check that the grid of a score can be written as CSV.

    Args:
        steps_per_quarter: of the score.

    Raises:
        ValueError: a grid other than sixteenths.
    """
    if steps_per_quarter != STEPS_PER_QUARTER:
        raise ValueError(
            f"A CSV grid has a row for each sixteenth, {STEPS_PER_QUARTER} steps per quarter. "
            f"Received: {steps_per_quarter} steps per quarter. Choose another format."
        )
