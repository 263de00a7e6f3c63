"""The tonic of a piece, from the durations of its pitch classes.

`theory.keys` finds the key signature to be written, this module the note on which the piece
rests. They differ in modal music: a Dorian tune on D has the signature of C major.
"""

from __future__ import annotations

import numpy as np

OCTAVE = 12

# How well each pitch class fits a key, from the tonic up, in hundredths: listeners' ratings in
# C. L. Krumhansl and E. J. Kessler, "Tracing the dynamic changes in perceived tonal organization
# in a spatial representation of musical keys", Psychological Review 89 (1982).
MAJOR = (635, 223, 348, 233, 438, 409, 252, 519, 239, 366, 229, 288)
MINOR = (633, 268, 352, 538, 260, 353, 254, 475, 398, 269, 334, 317)


def key_profiles() -> tuple[np.ndarray, np.ndarray]:
    """Return the centred profile of each key, and the norms that its sums are divided by.

    Returns:
        int64 `(2, 12, 12)`: major and minor, tonic, pitch class; and float64 `(2, 1)`.
    """
    profiles = np.array([MAJOR, MINOR])
    # In integers, so that a transposed piece gets exactly the same strengths.
    centred = OCTAVE * profiles - profiles.sum(axis=1, keepdims=True)
    above = (np.arange(OCTAVE) - np.arange(OCTAVE)[:, None]) % OCTAVE  # (tonic, pitch class)
    return centred[:, above], np.sqrt((centred**2).sum(axis=1, keepdims=True))


def key_strengths(counts: np.ndarray) -> np.ndarray:
    """Return how well each key fits a piece, by the algorithm of Krumhansl and Schmuckler.

    This is the correlation between the durations of the pitch classes and the ratings `MAJOR` and
    `MINOR` on each tonic: C. L. Krumhansl, "Cognitive Foundations of Musical Pitch" (1990),
    chapter 4. It is not divided by the spread of the durations, which is the same for all keys.

    Args:
        counts: ints `(12,)`, the number of steps for which each pitch class sounds.

    Returns:
        float64 `(2, 12)`: major and minor on each tonic.

    Example:
        >>> c_major = np.array([2, 0, 1, 0, 1, 1, 0, 2, 0, 1, 0, 1])
        >>> divmod(int(key_strengths(c_major).argmax()), 12)
        (0, 0)
    """
    fits, norms = key_profiles()
    return (fits * np.asarray(counts, np.int64)).sum(axis=2) / norms
