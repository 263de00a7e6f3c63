"""Features that mark strong beats: long notes, new harmonies, suspensions, falling bass fifths."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bach_tf.score import Score
from bach_tf.theory.intervals import DISSONANT

OCTAVE = 12
FIFTH_DOWN = 5  # semitones, modulo the octave
LONG_PULSES = 2
NOTHING = 128  # stands for the bass during silence; above any pitch
ACCENTS = ("strikes", "long_top", "long_bass", "harmony", "suspension", "fifth", "run")


def accents(score: Score, eighths: int) -> np.ndarray:
    """Return how strongly each eighth of a piece is accented, by each of `ACCENTS`.

    Immediately repeated notes count as held, so that a piece and its grid give the same result.

    Args:
        score: a score in beats with at least one note.
        eighths: eighths per pulse, such as 2 for a quarter.

    Returns:
        float64 `(7, T)` in 0..1: the fraction of voices with an onset; whether the highest, and
        whether the lowest, of these notes lasts at least two pulses; the fraction of pitch
        classes that did not sound one pulse earlier; whether a held note is dissonant with the
        bass; whether the bass falls by a fifth or rises by a fourth; and the fraction of the
        preceding pulse that has onsets.

    Example:
        >>> score = Score.from_grid([[67, 55]] * 4 + [[67, 48]] * 8)
        >>> dict(zip(ACCENTS, accents(score, 2)[:, 2].tolist()))["fifth"]
        1.0
    """
    notes = _held(score)
    pulse = eighths * notes.eighth
    top, bass = _outer(notes)
    is_long = notes.end - notes.onset >= LONG_PULSES * pulse
    is_bass = notes.pitch == bass[notes.onset]
    counts = _at(notes)
    struck = counts > 0
    sounding, begun = _pitch_classes(notes)
    fresh = (sounding & ~_earlier(sounding, pulse)).sum(axis=1)
    above = (np.arange(OCTAVE) - bass[:, None]) % OCTAVE  # (T, 12)
    suspended = sounding & ~begun & np.isin(above, DISSONANT)
    last = _earlier(bass, 1)
    falls = ((bass - last) % OCTAVE == FIFTH_DOWN) & (last != NOTHING)
    marks = [
        counts / score.voices,
        _at(notes, is_long & (notes.pitch == top[notes.onset])) > 0,
        _at(notes, is_long & is_bass) > 0,
        struck * fresh / np.maximum(sounding.sum(axis=1), 1),
        struck & suspended.any(axis=1),
        falls & (_at(notes, is_bass) > 0),
        struck * _before(struck, pulse - 1) / (pulse - 1),
    ]
    return np.array(marks, float)[:, :: notes.eighth]


class _Notes(NamedTuple):
    """Notes `(N,)` on a grid where an eighth is a whole number of steps."""

    onset: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    length: int  # of the piece
    eighth: int


def _held(score: Score) -> _Notes:
    """Return the notes of a score, with immediate repetitions merged."""
    finer = 1 + score.steps_per_quarter % 2
    order = np.lexsort((score.onset, score.pitch, score.voice))
    onset, pitch, voice = (each[order] for each in (score.onset, score.pitch, score.voice))
    end = onset + score.duration[order]
    again = (onset[1:] == end[:-1]) & (pitch[1:] == pitch[:-1]) & (voice[1:] == voice[:-1])
    first = np.flatnonzero(np.append(True, ~again))
    return _Notes(
        onset=onset[first] * finer,
        end=np.maximum.reduceat(end, first) * finer,
        pitch=pitch[first],
        length=score.length * finer,
        eighth=score.steps_per_quarter * finer // 2,
    )


def _at(notes: _Notes, which: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Return the number of onsets at each step: int64 `(T,)`."""
    return np.bincount(notes.onset[which], minlength=notes.length)


def _outer(notes: _Notes) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest and the lowest pitch at each step: int64 `(T,)` each."""
    top, bass = np.full(notes.length, -1), np.full(notes.length, NOTHING)
    for onset, end, pitch in zip(notes.onset, notes.end, notes.pitch, strict=True):
        np.maximum(top[onset:end], pitch, out=top[onset:end])
        np.minimum(bass[onset:end], pitch, out=bass[onset:end])
    return top, bass


def _pitch_classes(notes: _Notes) -> tuple[np.ndarray, np.ndarray]:
    """Return which pitch classes sound, and which begin, at each step: bool `(T, 12)` each."""
    changes = np.zeros((notes.length + 1, OCTAVE), int)
    np.add.at(changes, (notes.onset, notes.pitch % OCTAVE), 1)
    np.add.at(changes, (notes.end, notes.pitch % OCTAVE), -1)
    begun = np.zeros((notes.length, OCTAVE), bool)
    begun[notes.onset, notes.pitch % OCTAVE] = True
    return changes.cumsum(axis=0)[:-1] > 0, begun


def _earlier(steps: np.ndarray, by: int) -> np.ndarray:
    """Return the values `by` steps earlier; the first value before the first step."""
    return steps[np.maximum(np.arange(len(steps)) - by, 0)]


def _before(struck: np.ndarray, steps: int) -> np.ndarray:
    """Return how many of the `steps` preceding steps have an onset: int64 `(T,)`."""
    counts = np.append(0, struck.cumsum())  # before each step
    return counts[:-1] - counts[np.maximum(np.arange(struck.size) - steps, 0)]
