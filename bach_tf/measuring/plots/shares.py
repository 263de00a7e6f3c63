"""How often each pitch, interval and note length comes in pieces, and how far apart that is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from bach_tf.score import BEATS, Score

BINS_PER_DOUBLING = 2

Shares = dict[int | Fraction, float]  # of each value; they add up to 1


def pitches(score: Score) -> list[int]:
    """Return the pitch of each note (MIDI number)."""
    return score.pitch.tolist()


def intervals(score: Score) -> list[int]:
    """Return the semitones from each note to the next one of its voice, rests skipped.

    Of notes of one voice that begin together the highest counts.
    """
    found = []
    for voice in range(score.voices):
        mine = np.flatnonzero(score.voice == voice)
        # In the order of onset, then pitch: the last of an onset is its highest.
        last = np.diff(score.onset[mine], append=-1) != 0
        found += np.diff(score.pitch[mine[last]]).tolist()
    return found


def lengths(score: Score) -> list[Fraction]:
    """Return how long each note is, in quarters.

    In a performance they are those of hands, not of notation: each is the nearest of a scale with
    two lengths in a doubling, 1, 1.4, 2, 2.8 and so on.
    """
    steps = score.steps_per_quarter
    if score.timing == BEATS:
        return [Fraction(duration, steps) for duration in score.duration.tolist()]
    bins = np.rint(BINS_PER_DOUBLING * np.log2(score.duration / steps))
    return [Fraction(2 ** (number / BINS_PER_DOUBLING)) for number in bins.tolist()]


MEASURES: dict[str, Callable[[Score], list]] = {
    "pitch": pitches,
    "interval": intervals,
    "length": lengths,
}


def share_of_each(values: Iterable) -> Shares:
    """Return how large a share of all values each one has.

    Args:
        values: any that can be told apart.

    Example:
        >>> share_of_each([60, 62, 60, 60])
        {60: 0.75, 62: 0.25}
    """
    counts = Counter(values)
    return {value: count / counts.total() for value, count in sorted(counts.items())}


def shares_of(scores: Sequence[Score], measure: Callable[[Score], list]) -> Shares:
    """Return how often each value of a measure comes in pieces.

    Args:
        scores: the pieces.
        measure: one of `MEASURES`.
    """
    return share_of_each(value for score in scores for value in measure(score))


def total_variation(one: Shares, other: Shares) -> float:
    """Return half the sum of how far apart the shares are: 0 where all agree, 1 where none does.

    It is the part of one that would have to be something else to become the other.

    Args:
        one: shares of each value.
        other: likewise.

    Example:
        >>> total_variation({60: 0.5, 62: 0.5}, {60: 0.75, 64: 0.25})
        0.5
    """
    values = one.keys() | other.keys()
    return math.fsum(abs(one.get(value, 0) - other.get(value, 0)) for value in values) / 2
