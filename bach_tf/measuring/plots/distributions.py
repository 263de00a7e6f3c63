"""Distributions of pitches, intervals and durations, and the distance between two."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from bach_tf.score import BEATS, Score

BINS_PER_DOUBLING = 2

Distribution = dict[int | Fraction, float]  # value: its fraction; they sum to 1


def pitches(score: Score) -> list[int]:
    """Return the pitch of each note (MIDI number)."""
    return score.pitch.tolist()


def intervals(score: Score) -> list[int]:
    """Return the intervals in semitones between consecutive notes of a voice, skipping rests.

    Of simultaneous notes in one voice, only the highest counts.
    """
    found = []
    for voice in range(score.voices):
        mine = np.flatnonzero(score.voice == voice)
        # Sorted by onset, then pitch: the last one of an onset is the highest.
        last = np.diff(score.onset[mine], append=-1) != 0
        found += np.diff(score.pitch[mine[last]]).tolist()
    return found


def lengths(score: Score) -> list[Fraction]:
    """Return the duration of each note, in quarters.

    Durations in performances are continuous, so they are rounded to a scale with two values per
    doubling: 1, 1.4, 2, 2.8 and so on.
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


def distribution(values: Iterable) -> Distribution:
    """Return the fraction of each distinct value.

    Args:
        values: hashable and comparable.

    Example:
        >>> distribution([60, 62, 60, 60])
        {60: 0.75, 62: 0.25}
    """
    counts = Counter(values)
    return {value: count / counts.total() for value, count in sorted(counts.items())}


def distribution_in(scores: Sequence[Score], measure: Callable[[Score], list]) -> Distribution:
    """Return the distribution of a measure over pieces.

    Args:
        scores: the pieces.
        measure: one of `MEASURES`.
    """
    return distribution(value for score in scores for value in measure(score))


def total_variation(one: Distribution, other: Distribution) -> float:
    """Return the total variation distance: 0 for identical distributions, 1 for disjoint ones.

    It is half the sum of the absolute differences.

    Args:
        one: fraction of each value.
        other: the same for the other distribution.

    Example:
        >>> total_variation({60: 0.5, 62: 0.5}, {60: 0.75, 64: 0.25})
        0.5
    """
    values = one.keys() | other.keys()
    return math.fsum(abs(one.get(value, 0) - other.get(value, 0)) for value in values) / 2
