"""How a piece whose end is given is led there: a look-ahead that grows towards the last chord.

The end token weighs a piece as given notes do, but only when it comes: by then it is too late for a
cadence. So from the onset of the last chord on each note is drawn with a bonus for being at home, a
triad in root position on the tonic, and before it for being the dominant. What a bonus takes from
other notes weighs the particle (`particles`), and the bonus of a step takes the place of that of
the step before, so that a piece is drawn in proportion to the model's probability times one bonus
for its last chord and one for its dominant, and to nothing else: twisted particle filters, N.
Whiteley and A. Lee, "Twisted particle filters", Annals of Statistics 42 (2014).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.composing.given_tokens import Constraints
from bach_tf.formats.grid_csv import VOICES
from bach_tf.theory.tonics import key_profiles

OCTAVE = 12
HOME = 5.0  # nats that a note of the last chord loses for being none of a triad on the tonic
DOMINANT = 1.5  # nats that a note before it loses for being none of the dominant
LAST_CHORD = 8  # steps that it has where nothing is given: a half
APPROACH = 4  # steps before it that are led to the dominant: a beat
MINOR_THIRD, MAJOR_THIRD, FIFTH = 3, 4, 7
OF_HOME = (0, MINOR_THIRD, MAJOR_THIRD, FIFTH)  # semitones above the tonic
OF_DOMINANT = (FIFTH, 11, 2, 5)  # with the seventh


class Schedule(NamedTuple):
    """By how much notes are led, token by token, and to which tonics.

    Args:
        home: float32 `(L,)`, nats.
        dominant: float32 `(L,)`, nats.
        fresh: bool `(L,)`: where the bonus of the step before is kept, since another begins.
        tonics: bool `(12,)`, the pitch classes that may be the tonic.
    """

    home: np.ndarray
    dominant: np.ndarray
    fresh: np.ndarray
    tonics: np.ndarray


def schedule(constraints: Constraints, key: int | None, leads: bool) -> Schedule:
    """Return by how much each token of a piece, and its end, is led home.

    Args:
        constraints: what is given.
        key: the pitch class of the tonic; when `None`, the one that what has sounded fits best, of
            those on which the given notes of the last step can be a triad.
        leads: whether anything is.
    """
    tokens = len(constraints.allowed)
    steps = tokens // len(VOICES)
    home, dominant = np.zeros((2, tokens + 1), np.float32)
    fresh = np.zeros(tokens + 1, bool)
    tonics = np.ones(OCTAVE, bool) if constraints.tonics is None else constraints.tonics
    if key is not None:
        tonics = np.arange(OCTAVE) == key
    if leads and constraints.ends:
        last = constraints.last_onset
        last = max(steps - LAST_CHORD, steps // 2) if last is None else last
        for bonus, nats, start, end in (
            (dominant, DOMINANT, max(last - APPROACH, 0), last),
            (home, HOME, last, steps),
        ):
            growth = nats * np.arange(1, end - start + 1, dtype=np.float32) / max(end - start, 1)
            bonus[len(VOICES) * start : len(VOICES) * end] = np.repeat(growth, len(VOICES))
            fresh[len(VOICES) * start : len(VOICES) * (start + 1)] = True
    return Schedule(home, dominant, fresh, tonics)


class Ending:
    """The bonus of notes for the chords on which a piece ends, in a graph.

    Args:
        codec: of four voices.

    Example:
        >>> Ending(SatbCodec(36, 81)).bass
        3
    """

    def __init__(self, codec: SatbCodec):
        fits, norms = key_profiles()
        self.keys = tf.constant(np.reshape(fits / norms[..., None], (-1, OCTAVE)).T, tf.float32)
        ids = np.arange(codec.vocab_size)
        self.sounds = tf.constant(ids >= codec.FIRST_PITCH)
        self.pitches = tf.constant(ids - codec.FIRST_PITCH + codec.lowest, tf.int32)  # of the ids
        self.bass = int(np.argmax(codec.order))  # its number in the order of writing
        degrees = np.arange(OCTAVE)
        self.of_home = tf.constant(np.isin(degrees, OF_HOME))
        self.of_dominant = tf.constant(np.isin(degrees, OF_DOMINANT))

    def bonus(
        self,
        home: tf.Tensor,
        dominant: tf.Tensor,
        tonics: tf.Tensor,
        voice: tf.Tensor,
        chord: tf.Tensor,
        sounded: tf.Tensor,
    ) -> tf.Tensor:
        """Return the bonus of each id: float32 `(N, V)`, at most 0.

        Args:
            home: float32 scalar, nats.
            dominant: float32 scalar, nats.
            tonics: bool `(12,)`.
            voice: int32 scalar, the number of the voice in the order of writing.
            chord: int32 `(N, 4)`, what is written of the step; padding behind it.
            sounded: float32 `(N, 12)`, steps of each pitch class.
        """
        tonic = self._tonic(tonics, sounded)
        degrees = (self.pitches - tonic) % OCTAVE  # (N, V)
        in_bass = voice == self.bass
        home_missed = self._missed(self.of_home, degrees, in_bass, root=0)
        home_missed |= self.sounds & self._spoils_third(degrees, voice, chord, tonic)
        dominant_missed = self._missed(self.of_dominant, degrees, in_bass, root=FIFTH)
        missed = tf.cast(tf.stack([home_missed, dominant_missed]), tf.float32)
        return -home * missed[0] - dominant * missed[1]

    def _tonic(self, tonics, sounded):
        """Return the pitch class of the tonic: int32 `(N, 1)`."""
        strengths = tf.reshape(tf.matmul(sounded, self.keys), (-1, 2, OCTAVE))
        strengths = tf.where(tonics, tf.reduce_max(strengths, axis=1), -np.inf)
        return tf.argmax(strengths, axis=1, output_type=tf.int32)[:, None]

    def _missed(self, wanted, degrees, in_bass, root):
        """Return which ids are none of a chord, which the bass has in root position."""
        right = tf.where(in_bass, degrees == root, tf.gather(wanted, degrees))
        return ~(right & self.sounds)

    def _spoils_third(self, degrees, voice, chord, tonic):
        """Return which ids make the chord one of both thirds, or of none: bool `(N, V)`."""
        written = tf.gather(self.pitches, chord) - tonic
        there = tf.gather(self.sounds, chord) & (tf.range(len(VOICES)) < voice)
        minor, major = (
            tf.reduce_any(there & (written % OCTAVE == third), axis=1, keepdims=True)
            for third in (MINOR_THIRD, MAJOR_THIRD)
        )
        both = (minor & (degrees == MAJOR_THIRD)) | (major & (degrees == MINOR_THIRD))
        third = (degrees == MINOR_THIRD) | (degrees == MAJOR_THIRD) | minor | major
        return both | (~third & (voice == len(VOICES) - 1))
