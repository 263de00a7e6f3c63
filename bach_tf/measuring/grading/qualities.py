"""Chord qualities: triads, seventh chords, bare fifths and others."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bach_tf.measuring.counterpoint.harmony import OCTAVE
from bach_tf.score import SILENCE

# Semitones above the root. A chord with exactly these notes has this name; ninth chords lack the
# fifth, as is usual in four voices.
CHORDS = {
    "dominant seventh": (0, 4, 7, 10),
    "minor seventh": (0, 3, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "half-diminished seventh": (0, 3, 6, 10),
    "diminished seventh": (0, 3, 6, 9),
    "minor major seventh": (0, 3, 7, 11),
    "augmented major seventh": (0, 4, 8, 11),
    "dominant seventh, flat five": (0, 4, 6, 10),
    "minor ninth": (0, 2, 3, 10),
    "dominant ninth": (0, 2, 4, 10),
    "major ninth": (0, 2, 4, 11),
    "minor major ninth": (0, 2, 3, 11),
    "suspended fourth": (0, 5, 7),
    "fifth": (0, 7),
    "unison": (0,),
}
# A chord with these notes and others has this name: the first one that fits.
TRIADS = {
    "minor": (0, 3, 7),
    "major": (0, 4, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
}
SUSPENDED_SECOND = (0, 2, 7)  # above the lowest note; in other positions, a suspended fourth
OTHER = "other"


def chord_qualities(grid: np.ndarray, begins: np.ndarray) -> list[str]:
    """Return the quality of each chord of a piece; a chord begins whenever a voice does.

    Args:
        grid: ints `(T, V)`, one row per step, 0 for silence.
        begins: bool `(T, V)`, where notes and rests begin.

    Example:
        >>> grid = np.array([[67, 64, 60], [67, 64, 60], [67, 65, 62], [71, 65, 62]])
        >>> begins = np.diff(grid, axis=0, prepend=0) != 0
        >>> chord_qualities(grid, begins)
        ['major', 'other', 'diminished']
    """
    rows = np.asarray(grid)[np.asarray(begins).any(axis=1)].tolist()
    chords = (tuple(pitch for pitch in row if pitch != SILENCE) for row in rows)
    return [chord_quality(chord) for chord in chords if chord]


@lru_cache(maxsize=4096)
def chord_quality(pitches: tuple[int, ...]) -> str:
    """Return the name of a chord regardless of root and position; "other" if it has none.

    Args:
        pitches: MIDI numbers, at least one.

    Example:
        >>> chord_quality((64, 67, 72)), chord_quality((55, 65, 71, 74)), chord_quality((60, 61))
        ('major', 'dominant seventh', 'other')
    """
    lowest = min(pitches)
    above = frozenset((pitch - lowest) % OCTAVE for pitch in pitches)
    if above == set(SUSPENDED_SECOND):
        return "suspended second"
    return _EXACT.get(above) or _triad_in(above) or OTHER


def _on(root: int, semitones: tuple[int, ...]) -> frozenset[int]:
    return frozenset((root + semitone) % OCTAVE for semitone in semitones)


def _triad_in(above: frozenset[int]) -> str | None:
    for name, semitones in TRIADS.items():
        if any(_on(root, semitones) <= above for root in above):
            return name
    return None


_EXACT = {
    _on(root, semitones): name for name, semitones in CHORDS.items() for root in range(OCTAVE)
}
