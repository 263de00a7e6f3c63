"""Finding metre and upbeat of a piece whose source does not give them.

Every combination of metre and upbeat is scored by the accents on its beats, `ACCENTS`, the cues
that listeners use: F. Lerdahl and R. Jackendoff, "A Generative Theory of Tonal Music" (1983),
chapter 4. Their weights are those of a multinomial logistic regression on one half of the
embedded chorales; `python -m benchmarks.metre` fits it and evaluates it on the other half.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bach_tf.score import BEATS, Score
from bach_tf.theory.accents import ACCENTS, accents

FEWEST_ONSETS = 8  # too little evidence below


class Kind(NamedTuple):
    """A candidate metre.

    Args:
        beats: beats per bar.
        value: note value of a beat, 4 is a quarter.
        pulses: pulses per evaluated unit: one bar, or two bars of 6/8.
        eighths: eighths per pulse.
    """

    beats: int
    value: int
    pulses: int
    eighths: int


KINDS = (Kind(4, 4, 4, 2), Kind(3, 4, 3, 2), Kind(3, 2, 3, 4), Kind(6, 8, 4, 3))
CANDIDATES = tuple(  # metre, and number of eighths before the first bar line
    (kind, upbeat) for kind in KINDS for upbeat in range(kind.pulses * kind.eighths)
)


def find_metre(
    score: Score, weights: np.ndarray | None = None
) -> tuple[tuple[int, int], int] | None:
    """Return the most likely time signature and upbeat of a piece.

    Distinguishes 4/4, 3/4, 3/2 and 6/8; 2/2 and 2/4 are reported as 4/4.

    Args:
        score: the piece. The weights were fitted to four-part music.
        weights: float64 `(55,)`, weights of the evidence; the fitted ones by default.

    Returns:
        the time signature as beats per bar and note value of a beat, and the steps before the
        first bar line; `None` for scores in seconds or with fewer than 8 onsets.

    Example:
        >>> find_metre(Score.from_grid([[67, 48]] * 4 + ([[72, 52]] * 8 + [[71, 55]] * 4) * 8))
        ((3, 4), 4)
    """
    if score.timing != BEATS or np.unique(score.onset).size < FEWEST_ONSETS:
        return None
    weights = WEIGHTS if weights is None else weights
    kind, eighths = CANDIDATES[int((evidence(score) @ weights).argmax())]
    bar = 4 * score.steps_per_quarter * kind.beats // kind.value
    return (kind.beats, kind.value), eighths * score.steps_per_quarter // 2 % bar


def with_metre(score: Score) -> Score:
    """Add the estimated metre and upbeat to a score that has no metre."""
    found = None if score.metres else find_metre(score)
    if found is None:
        return score
    signature, upbeat = found
    return replace(score, metres=((0, *signature),), upbeat=upbeat)


def evidence(score: Score) -> np.ndarray:
    """Return the features of each of `CANDIDATES`: float64 `(C, 55)`, see `WEIGHTS`.

    Args:
        score: a score in beats with at least one note.
    """
    marks = {eighths: accents(score, eighths) for eighths in {kind.eighths for kind in KINDS}}
    rows = [_evidence(marks[kind.eighths], kind, upbeat) for kind, upbeat in CANDIDATES]
    return np.array(rows)


def _evidence(marks: np.ndarray, kind: Kind, upbeat: int) -> np.ndarray:
    """Return the features of one candidate from the accents `(7, T)` of each eighth."""
    bar = kind.pulses * kind.eighths
    pulses = np.zeros((7, len(ACCENTS)))  # those of a bar of four, then of a bar of three
    for pulse in range(kind.pulses):
        there = marks[:, (upbeat + pulse * kind.eighths) % bar :: bar]
        if there.size:
            row = pulse if kind.pulses == 4 else 4 + pulse
            pulses[row] = there.mean(axis=1) - marks.mean(axis=1)
    facts = [kind == each for each in KINDS[1:]]
    facts += [upbeat == 0, upbeat == kind.eighths, upbeat % kind.eighths == 0]
    return np.append(pulses, facts)


# Weights of each accent on each pulse, relative to its mean over all eighths.
ON_PULSES = (  # strikes, long_top, long_bass, harmony, suspension, fifth, run
    (2.3, 7.3, 1.5, 0.2, 0.7, 3.4, 3.0),  # first of four
    (3.5, -6.6, -6.9, 3.8, -2.0, -1.2, 6.3),
    (0.9, 5.0, -1.9, 0.7, -0.6, 6.1, 9.0),
    (3.4, 1.4, -1.6, 0.6, -3.0, -0.3, -5.8),
    (0.5, 8.6, 15.7, 1.7, 4.0, 5.5, -6.1),  # first of three
    (0.1, -3.1, 7.6, 0.8, 1.8, -2.4, 1.4),
    (0.8, -4.2, -1.6, 3.1, -1.1, 3.3, 3.4),
)
# For 3/4, 3/2 and 6/8; for no upbeat, an upbeat of one pulse, and one of whole pulses.
OF_FACTS = (-1.1, 0.0, -0.3, 3.2, 3.8, 0.1)
WEIGHTS = np.append(ON_PULSES, OF_FACTS)
