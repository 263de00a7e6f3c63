"""A score of up to four voices as a CSV grid, as people edit and train on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bach_tf.formats.grid_csv import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    VOICES,
    write_grid_csv,
)
from bach_tf.score import STEPS_PER_QUARTER, Score


def write_chorale_csv(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = 0.0,
    program: int = 0,
    voice_names: Sequence[str] = (),
) -> None:
    """Write the pitches of four voices at each sixteenth: `note0,note1,note2,note3`.

    Only pitches and silences are kept, and a repeated note becomes one that is held.

    Args:
        score: at most four voices, each of one note at a time, on sixteenths.
        path: of the file.
        tempo_qpm: ignored.
        program: ignored.
        voice_names: ignored: the columns are soprano, alto, tenor and bass.

    Raises:
        ValueError: a score of another kind.

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


def check_csv_grid(steps_per_quarter: int) -> None:
    """Check the grid of a score that is to be written as CSV.

    Args:
        steps_per_quarter: of the score.

    Raises:
        ValueError: another grid than sixteenths.
    """
    if steps_per_quarter != STEPS_PER_QUARTER:
        raise ValueError(
            f"A CSV grid has a row for each sixteenth, {STEPS_PER_QUARTER} steps a quarter. "
            f"Received: {steps_per_quarter} steps a quarter. Choose another format."
        )
