"""Tunings of the twelve pitch classes, and the frequencies of all pitches."""

from __future__ import annotations

import math

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.settings import is_number

EQUAL = "equal"
CONCERT_PITCH_HZ = 440.0
LOWEST_REFERENCE_HZ, HIGHEST_REFERENCE_HZ = 300, 600
REFERENCE_PITCH = 69  # the A above middle C
OCTAVE_CENTS = 1200.0
PURE_FIFTH = OCTAVE_CENTS * math.log2(3 / 2)  # cents
COMMA = 12 * PURE_FIFTH - 7 * OCTAVE_CENTS  # the Pythagorean comma


def equal_temperament() -> np.ndarray:
    """Return the cents of the twelve pitch classes above C, 100 each: float `(12,)`."""
    return np.arange(12) * 100.0


def werckmeister3() -> np.ndarray:
    """Return the cents above C of the tuning known as Werckmeister III: float `(12,)`.

    Four fifths (C-G, G-D, D-A and B-F sharp) are narrow by a quarter of the Pythagorean comma;
    the others are pure. All keys can be played, and each has a character of its own.

    From A. Werckmeister, "Musicalische Temperatur" (Quedlinburg 1691): the first of his own
    temperaments, number III among the tunings there.

    Example:
        >>> werckmeister3().round().astype(int).tolist()
        [0, 90, 192, 294, 390, 498, 588, 696, 792, 888, 996, 1092]
    """
    narrow = {0, 7, 2, 11}  # pitch classes at the bottom of the tempered fifths
    cents = np.zeros(12)
    for step in range(11):
        below = step * 7 % 12
        fifth = PURE_FIFTH - (COMMA / 4 if below in narrow else 0)
        cents[(below + 7) % 12] = (cents[below] + fifth) % OCTAVE_CENTS
    return cents


TUNINGS = {EQUAL: equal_temperament, "werckmeister3": werckmeister3}


def frequencies(tuning: str = EQUAL, reference_hz: float = CONCERT_PITCH_HZ) -> np.ndarray:
    """Return the frequency of each MIDI pitch in hertz: float `(128,)`.

    Args:
        tuning: one of `TUNINGS`.
        reference_hz: frequency of the A above middle C: 440 today, 415 for baroque ensembles.

    Raises:
        ValueError: if the tuning is unknown, or the reference is outside 300..600 Hz.

    Example:
        >>> frequencies()[[57, 69]].tolist()
        [220.0, 440.0]
    """
    if (
        not is_number(reference_hz)
        or not LOWEST_REFERENCE_HZ <= reference_hz <= HIGHEST_REFERENCE_HZ
    ):
        raise ValueError(
            f"`reference_hz` must be in {LOWEST_REFERENCE_HZ}..{HIGHEST_REFERENCE_HZ}. "
            f"Received: {reference_hz}"
        )
    octaves, classes = np.divmod(np.arange(128), 12)
    cents = octaves * OCTAVE_CENTS + choose(TUNINGS, tuning, "tuning")()[classes]
    return reference_hz * 2 ** ((cents - cents[REFERENCE_PITCH]) / OCTAVE_CENTS)
