"""What kind of chord sounds: a triad, a seventh chord, a fifth alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bach_tf.measuring.counterpoint.harmony import OCTAVE
from bach_tf.score import SILENCE

# Semitones above the root. A chord that has just these notes has that name; of the ninth chords the
# fifth is left out, as four voices do.
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
# A chord with these notes and others has that name: the first that fits.
TRIADS = {
    "minor": (0, 3, 7),
    "major": (0, 4, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
}
SUSPENDED_SECOND = (0, 2, 7)  # above the lowest note; elsewhere these are a suspended fourth
OTHER = "other"


def chord_qualities(grid: np.ndarray, begins: np.ndarray) -> list[str]:
    """Return the quality of each chord of a piece: a new one begins where any voice does.

    Args:
        grid: ints `(T, V)`, a row a step, 0 for silence.
        begins: bool `(T, V)`, where a note or a rest begins.

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
    """Return the name of a chord, whatever its root and its position; "other" without a name.

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
