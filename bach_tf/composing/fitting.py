"""Adapting music from files to a run, or refusing it with advice.

Imports no TensorFlow, so that mistakes are reported quickly.
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
    """How to read a piece from a file, and how it may be changed to fit a run.

    Args:
        quantize: whether to move onsets between two steps of the run's grid to the nearest one.
        transpose: semitones, or "auto" for the transposition that brings the music into the
            run's range: none if it is already there, otherwise octaves if possible.
        strict: whether to refuse files with recoverable faults.
        unfold: whether to play out the repeats of notated music.
        tune: number of a tune in a tune book; the first one by default.

    Raises:
        ValueError: if `transpose` is neither a whole number nor "auto".
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
    """Read a file and adapt it to a codec.

    Args:
        codec: the run's codec.
        path: a file with an ending in `READERS`.
        fit: which changes are allowed.

    Raises:
        ValueError: if the file cannot be read or the music does not fit; the message names the
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
    """Adapt a score to the grid and the range of a codec.

    Args:
        codec: the run's codec.
        score: the music.
        fit: which changes are allowed.

    Raises:
        ValueError: if notes begin between the steps of the codec, a melody is given where several
            voices are expected, or pitches are out of range.
    """
    score = on_grid(codec, score, fit.quantize)
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
    """Raise `ValueError` for out-of-range notes that a transposition would bring into range."""
    outside = _out_of_range(codec, score.pitch)
    if outside.any() and fitting_shift(codec, score) is not None:
        lowest, highest = _range_of(codec)
        raise ValueError(
            f"Pitches must be in {lowest}..{highest}, the range of this run. "
            f"Received: {score.pitch[outside][0]} and {outside.sum() - 1} more outside"
        )


def _out_of_range(codec: Codec, pitch: np.ndarray) -> np.ndarray:
    """Return which pitches lie outside the codec's range."""
    lowest, highest = _range_of(codec)
    return (pitch < lowest) | (pitch > highest)


def _range_of(codec: Codec) -> tuple[int, int]:
    return getattr(codec, "lowest", 0), getattr(codec, "highest", HIGHEST_NUMBER)


def on_grid(codec: Codec, score: Score, quantize: bool) -> Score:
    """Return a score on the grid of a codec.

    Args:
        codec: of the run.
        score: the music.
        quantize: move notes that begin between two steps to the nearest.

    Raises:
        ValueError: notes between the steps of the codec, unless they are moved.
    """
    if codec.timing == SECONDS:
        return score  # the codec refuses other grids
    try:
        return regrid(score, codec.steps_per_quarter, quantize=quantize)
    except ValueError as error:
        raise ValueError(
            f"{error}. This run has {codec.steps_per_quarter} steps per quarter. To move such "
            "notes to the nearest step, quantize them (--quantize)."
        ) from None


def _check_voices(codec: Codec, score: Score) -> None:
    parts = len(codec.part_names)
    if parts > 1 and score.voices == 1:
        raise ValueError(
            f"expected {parts} voices, got a melody: the other voices would be silent. Harmonise "
            "it (bach-tf harmonize), or give a beginning with all its voices."
        )


def fitting_shift(codec: Codec, score: Score) -> int | None:
    """Return the transposition that makes a score fit a codec: 0, octaves, or the smallest one.

    Args:
        codec: the run's codec.
        score: a score on its grid.

    Returns:
        semitones, or `None` if none fits. Transpositions with the fewest notes outside the ranges
        of their voices are preferred.
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
    """Count the notes outside the ranges of their voices, if the codec has such ranges."""
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
