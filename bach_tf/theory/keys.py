"""The key of a piece, and spelling notes in it."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.score import Score

# How well each degree of the chromatic scale fits a key, from the tonic up: D. Temperley, "The
# Cognition of Basic Musical Structures" (2001), page 180. With these profiles 86 % of the key
# signatures of the embedded chorales and 97 % of those of the folk songs are found; with the
# listeners' ratings used by Krumhansl, 74 % and 72 %.
MAJOR = (5, 2, 3.5, 2, 4.5, 4, 2, 4.5, 2, 3.5, 1.5, 4)
MINOR = (5, 2, 3.5, 4.5, 2, 4, 2, 4.5, 3.5, 2, 1.5, 4)
PROFILES = {"major": MAJOR, "minor": MINOR}

LETTERS = "FCGDAEB"  # in fifths
LETTER_PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
FIFTH = 7  # semitones
FLATTEST = -3  # fifths below the tonic of the major key: the minor third
TO_RELATIVE_MAJOR = 3  # semitones up from the tonic of a minor key

# "g minor", "B-flat major", "F#m".
KEY = re.compile(r"([A-Ga-g])\s*(#|b|-?\s*sharp|-?\s*flat)?\s*(major|maj|minor|min|m)?", re.ASCII)
MOST_SHARPS = 7


class Key(NamedTuple):
    """A key as it is written.

    Args:
        tonic: pitch class, 0 is C.
        mode: "major" or "minor".
        sharps: of its signature; flats are negative.
    """

    tonic: int
    mode: str
    sharps: int


def read_key(text: str) -> Key:
    """Return the key that a user names.

    Args:
        text: such as "g minor", "Bb major", "F sharp minor" or "Em"; major where it does not say.

    Raises:
        ValueError: no key, or one of more than seven sharps or flats.

    Example:
        >>> read_key("g minor"), read_key("A-flat")
        (Key(tonic=7, mode='minor', sharps=-2), Key(tonic=8, mode='major', sharps=-4))
    """
    match = KEY.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"Expected a key such as 'G minor', 'Bb major' or 'F# minor', got: {shortened(text)}"
        )
    letter, accidental, mode = match[1].upper(), match[2] or "", match[3] or "major"
    altered = 1 if "#" in accidental or "sharp" in accidental else -1 if accidental else 0
    is_minor = mode[:2] in ("mi", "m")
    # Of a major key: the tonic's place in the row of fifths, where F is -1.
    sharps = LETTERS.index(letter) - 1 + len(LETTERS) * altered - TO_RELATIVE_MAJOR * is_minor
    if abs(sharps) > MOST_SHARPS:
        raise ValueError(
            f"Expected a key of at most {MOST_SHARPS} sharps or flats, got: {shortened(text)}"
        )
    tonic = (LETTER_PITCHES[letter] + altered) % 12
    return Key(tonic, "minor" if is_minor else "major", sharps)


def estimate_key(score: Score) -> tuple[int, str] | None:
    """Return the key whose profile correlates best with the durations of the pitch classes.

    The algorithm of C. L. Krumhansl and M. A. Schmuckler: C. L. Krumhansl, "Cognitive
    Foundations of Musical Pitch" (1990), chapter 4.

    Args:
        score: the piece.

    Returns:
        the pitch class of the tonic (0 is C), and "major" or "minor"; `None` if there are no
        notes, or all twelve pitch classes sound equally long.

    Example:
        >>> estimate_key(Score.from_grid([[60], [62], [64], [65], [67], [71], [72]]))
        (0, 'major')
    """
    sounding = np.bincount(score.pitch % 12, weights=score.duration, minlength=12)
    if np.ptp(sounding) == 0:
        return None
    fits = {
        (tonic, mode): np.corrcoef(sounding, np.roll(profile, tonic))[0, 1]
        for mode, profile in PROFILES.items()
        for tonic in range(12)
    }
    return max(fits, key=fits.__getitem__)


def key_signature(score: Score) -> int:
    """Return the key signature in sharps, or flats as a negative number.

    Args:
        score: the piece. If it has no key signature, one in -5..6 is estimated.

    Example:
        >>> key_signature(Score.from_grid([[67], [69], [71], [72], [74], [78], [79]]))
        1
    """
    if score.key_signature is not None:
        return score.key_signature
    tonic, mode = estimate_key(score) or (0, "major")
    if mode == "minor":
        tonic += TO_RELATIVE_MAJOR
    return (tonic * FIFTH + 5) % 12 - 5


def spell(pitch: int, sharps: int) -> tuple[str, int, int]:
    """Spell a pitch in a key: letter, alteration, octave.

    The twelve spellings run from the minor third of the major key to its raised fifth, which is
    the leading note of the relative minor: from E flat to G sharp in C major and A minor.

    Args:
        pitch: MIDI number; 60 is C in octave 4.
        sharps: the key signature, -7..7.

    Example:
        >>> spell(61, 0), spell(61, -2), spell(60, 7)
        (('C', 1, 4), ('D', -1, 4), ('B', 1, 3))
    """
    flattest = sharps + FLATTEST
    fifths = (pitch * FIFTH - flattest) % 12 + flattest  # up from C
    alteration, letter = divmod(fifths + 1, len(LETTERS))
    name = LETTERS[letter]
    octave = (pitch - alteration - LETTER_PITCHES[name]) // 12 - 1
    return name, alteration, octave
