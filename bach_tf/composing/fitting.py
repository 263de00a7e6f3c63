"""Music from files made to fit a run, or refused with what would make it fit.

No TensorFlow here: a mistake is reported before it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bach_tf._basics.settings import is_whole
from bach_tf.codecs import Codec
from bach_tf.formats import read
from bach_tf.formats.reading import Grid
from bach_tf.score import SECONDS, Score
from bach_tf.theory.grids import regrid
from bach_tf.theory.note_names import HIGHEST_NUMBER

AUTO = "auto"
OCTAVE, FARTHEST = 12, 48  # semitones


@dataclass(frozen=True)
class Fit:
    """How a piece is read from a file, and how far it may be changed so that it fits a run.

    Args:
        quantize: move notes that begin between two steps of the run's grid to the nearest.
        transpose: by so many semitones, or "auto" for those that bring the music into the range of
            the run: none where it is there, else octaves where they do.
        strict: refuse a file with faults, which are read over otherwise.
        unfold: play out the repeats of a notated piece.
        tune: the number of one in a tune book; the first where it is `None`.

    Raises:
        ValueError: semitones that are no whole number.
    """

    quantize: bool = False
    transpose: int | str = 0
    strict: bool = False
    unfold: bool = False
    tune: int | None = None

    def __post_init__(self):
        if self.transpose != AUTO and not is_whole(self.transpose):
            raise ValueError(
                f"`transpose` must be a whole number of semitones, or {AUTO!r}. "
                f"Received: {self.transpose!r}"
            )


AS_IT_IS = Fit()


def read_for(codec: Codec, path: Path, fit: Fit = AS_IT_IS) -> Score:
    """Read a piece for a codec.

    Args:
        codec: of the run.
        path: of a file of one of `READERS`.
        fit: what may be changed.

    Raises:
        ValueError: a file that cannot be read, or music that does not fit; the message names the
            file, the place and what would make it fit.
    """
    grid = Grid(codec.steps_per_quarter, codec.timing)
    rounded = codec.timing == SECONDS or fit.quantize
    grid_of_file = grid if rounded else None
    score = read(path, grid_of_file, fit.strict, unfold=fit.unfold, tune=fit.tune).score
    try:
        return fitted(codec, score, fit)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def fitted(codec: Codec, score: Score, fit: Fit = AS_IT_IS) -> Score:
    """Return a score on the grid and in the range of a codec.

    Args:
        codec: of the run.
        score: the music.
        fit: what may be changed.

    Raises:
        ValueError: notes between the steps of the codec, a melody where several voices are
            expected, or pitches out of its range.
    """
    score = _on_grid(codec, score, fit.quantize)
    _check_voices(codec, score)
    if fit.transpose == AUTO:
        shift = fitting_shift(codec, score)
        return score.transpose(0 if shift is None else shift)
    score = score.transpose(int(fit.transpose))
    try:
        codec.encode(score)
        _check_range(codec, score)
    except ValueError as error:
        raise ValueError(f"{error}{_hint(codec, score, int(fit.transpose))}") from None
    return score


def _check_range(codec: Codec, score: Score) -> None:
    """Raise `ValueError` where notes are out of a range that they would be in elsewhere."""
    outside = _out_of_range(codec, score.pitch)
    if outside.any() and fitting_shift(codec, score) is not None:
        lowest, highest = _range_of(codec)
        raise ValueError(
            f"Pitches must be in {lowest}..{highest}, what this run covers. "
            f"Received: {score.pitch[outside][0]} and {outside.sum() - 1} more outside"
        )


def _out_of_range(codec: Codec, pitch: np.ndarray) -> np.ndarray:
    """Return which pitches a codec has no token for, as far as it is a matter of range."""
    lowest, highest = _range_of(codec)
    return (pitch < lowest) | (pitch > highest)


def _range_of(codec: Codec) -> tuple[int, int]:
    return getattr(codec, "lowest", 0), getattr(codec, "highest", HIGHEST_NUMBER)


def _on_grid(codec: Codec, score: Score, quantize: bool) -> Score:
    if codec.timing == SECONDS:
        return score  # another grid is refused by the codec
    try:
        return regrid(score, codec.steps_per_quarter, quantize=quantize)
    except ValueError as error:
        raise ValueError(
            f"{error}. This run counts {codec.steps_per_quarter} steps in a quarter. To move such "
            "notes to the nearest step, ask to quantize (--quantize)."
        ) from None


def _check_voices(codec: Codec, score: Score) -> None:
    parts = len(codec.part_names)
    if parts > 1 and score.voices == 1:
        raise ValueError(
            f"expected {parts} voices, got a melody: the others would be silent. A melody is to be "
            "harmonised; to continue from a beginning, give one with all its voices."
        )


def fitting_shift(codec: Codec, score: Score) -> int | None:
    """Return the semitones by which a score fits a codec: 0, octaves, or else the fewest.

    Args:
        codec: of the run.
        score: on its grid.

    Returns:
        `None` where none does. Of those that do, as few notes as can be are out of the range of
        their voices.
    """
    near = range(-FARTHEST, FARTHEST + 1)
    shifts = sorted(near, key=lambda shift: (shift % OCTAVE > 0, abs(shift)))
    fits = [shift for shift in shifts if _fits(codec, score, shift)]
    return min(fits, key=lambda shift: (_outside(codec, score, shift), shift != 0), default=None)


def _fits(codec: Codec, score: Score, shift: int) -> bool:
    try:
        codec.encode(score.transpose(shift))
    except ValueError:
        return False
    return not _out_of_range(codec, score.pitch + shift).any()


def _outside(codec: Codec, score: Score, shift: int) -> int:
    """Return how many notes are out of the ranges of their voices, where the codec knows them."""
    ranges = getattr(codec, "ranges", None)
    if not ranges:
        return 0
    lowest, highest = np.array(ranges, int).T
    pitch = score.pitch + shift
    return int(((pitch < lowest[score.voice]) | (pitch > highest[score.voice])).sum())


def _hint(codec: Codec, score: Score, asked: int) -> str:
    shift = fitting_shift(codec, score)
    if not shift:
        return ""
    return (
        f". Transposed by {asked + shift:+d} semitones it fits (--transpose {asked + shift}, or "
        f"--transpose {AUTO})."
    )
