"""Features for grading chorales: histograms of notes, rhythms, chords, intervals and repeats."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from bach_tf.measuring.counterpoint.harmony import OCTAVE, key_strengths, pitch_class_steps
from bach_tf.measuring.counterpoint.voice_leading import (
    FIFTH,
    VOICES,
    parallels,
)
from bach_tf.measuring.grading.qualities import chord_qualities
from bach_tf.measuring.grading.repeats import repeat_lengths
from bach_tf.score import SILENCE

MODES = ("major", "minor")
REST = -1  # among scale degrees
NOTES, RHYTHMS, CHORDS, REPEATS, PARALLELS = "notes", "rhythms", "chords", "repeats", "parallels"
INTERVALS = tuple(f"intervals_{voice}" for voice in VOICES)
OF_THE_MODE = (NOTES, CHORDS, *INTERVALS)  # compared with pieces in the same mode

Histogram = Counter[Any]  # of pitches, durations or names


@dataclass(frozen=True)
class Features:
    """The features by which a piece is graded.

    Args:
        mode: "major" or "minor".
        size: number of notes.
        histograms: by name: `NOTES`, steps of each semitone above the tonic, and of rests;
            `RHYTHMS`, notes and rests of each duration; `CHORDS` of each quality; `INTERVALS` of
            each voice, in semitones; `REPEATS`, passages of each length; `PARALLELS`, fifths and
            octaves.
    """

    mode: str
    size: int
    histograms: dict[str, Histogram]


def features(grid: np.ndarray, begins: np.ndarray | None = None) -> Features:
    """Compute the features of a piece.

    Args:
        grid: ints `(T, 4)`, one row per step, 0 for silence.
        begins: bool `(T, 4)`, where notes and rests begin. By default where the grid changes, so
            that repeated notes count as held.

    Example:
        >>> cadence = np.array([[71, 67, 62, 55]] * 4 + [[72, 67, 64, 48]] * 4)
        >>> found = features(cadence)
        >>> found.mode, found.size, dict(found.histograms["chords"])
        ('major', 7, {'major': 2})
    """
    grid = np.asarray(grid, np.int64)
    begins = changes(grid) if begins is None else begins
    mode, tonic = divmod(int(key_strengths(pitch_class_steps(grid)).argmax()), OCTAVE)
    histograms: dict[str, Histogram] = {
        NOTES: _degrees(grid, tonic),
        RHYTHMS: _lengths(begins),
        CHORDS: Counter(chord_qualities(grid, begins)),
        REPEATS: Counter(repeat_lengths(grid, begins)),
        PARALLELS: Counter(
            fifths=int(parallels(grid, FIFTH).sum()), octaves=int(parallels(grid, OCTAVE).sum())
        ),
    }
    for name, column, new in zip(INTERVALS, grid.T, begins.T):
        histograms[name] = _intervals(column, new)
    return Features(MODES[mode], int((begins & (grid != SILENCE)).sum()), histograms)


def changes(grid: np.ndarray) -> np.ndarray:
    """Return where notes and rests begin in each voice, judging by the grid: bool `(T, V)`.

    Example:
        >>> changes(np.array([[60, 0], [60, 0], [0, 48]])).astype(int).tolist()
        [[1, 1], [0, 0], [1, 1]]
    """
    first = np.full((1, grid.shape[1]), True)
    return np.append(first, grid[1:] != grid[:-1], axis=0)[: len(grid)]


def _degrees(grid: np.ndarray, tonic: int) -> Histogram:
    """Return the duration in steps of each semitone above the tonic, and of rests."""
    degrees = np.where(grid == SILENCE, REST, (grid - tonic) % OCTAVE)
    return _count(degrees)


def _lengths(begins: np.ndarray) -> Histogram:
    """Return the number of notes and rests of each duration."""
    steps = np.flatnonzero(begins.T)  # voice after voice; each one begins with its first step
    return _count(np.diff(steps, append=begins.size))


def _intervals(column: np.ndarray, begins: np.ndarray) -> Histogram:
    """Count the intervals between notes not separated by a rest."""
    pitches = column[begins]
    follows = (pitches[1:] != SILENCE) & (pitches[:-1] != SILENCE)
    return _count(np.diff(pitches)[follows])


def _count(values: np.ndarray) -> Histogram:
    kinds, counts = np.unique(values, return_counts=True)
    return Counter(dict(zip(kinds.tolist(), counts.tolist())))
