"""Cadences of pieces with a given end: a look-ahead towards the last chord.

Two things have to come together: a cadence on the tonic, and a piece whose notes are those of the
tonic's key. The end token weights a piece like given notes do, but only when it is reached, which
is too late for a cadence. Therefore notes from the onset of the last chord on get a bonus for a
root-position triad on the tonic, and notes before it for the dominant. The change of the proposal
is corrected in the weight of the particle (`particles`), and the bonus of a step replaces that of
the previous step. A piece is thus sampled in proportion to the model's probability times one bonus
for its last chord and one for its dominant.

Likewise each note replaces a bonus for the key: a particle is the less likely, the better a key in
which the piece cannot end fits all notes so far, compared with the keys in which it can. Without it
many pieces turn to the dominant and do not return, so that the final cadence is in a foreign key.
This bonus grows from 0, because a piece may leave its key in the middle. It uses the key finder of
`theory.tonics`, as does the measure `counterpoint.ending`.

This is a twisted particle filter, N. Whiteley and A. Lee, "Twisted particle filters", Annals of
Statistics 42 (2014).
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
HOME = 8.0  # penalty in nats of notes of the last chord outside the tonic triad
# Penalty in nats for each unit of `key_strengths` by which a wrong key fits the whole piece better.
# A quarter with the sharp fourth instead of the fourth degree makes a difference of 2.
AWAY = 0.4
DOMINANT = 1.5  # penalty in nats of notes before it outside the dominant
LAST_CHORD = 8  # steps; its default length: a half note
APPROACH = 4  # steps before it with a bonus for the dominant: one beat
MINOR_THIRD, MAJOR_THIRD, FIFTH = 3, 4, 7
OF_HOME = (0, MINOR_THIRD, MAJOR_THIRD, FIFTH)  # semitones above the tonic
OF_DOMINANT = (FIFTH, 11, 2, 5)  # including the seventh


class Schedule(NamedTuple):
    """The bonus at each token, and the possible tonics.

    Args:
        home: float32 `(L,)`, nats.
        dominant: float32 `(L,)`, nats.
        away: float32 `(L,)`, nats for each unit by which another key fits the notes so far better.
        fresh: bool `(L,)`: where the bonus of the previous step is kept, since another one starts.
        tonics: bool `(12,)`, the possible pitch classes of the tonic.
    """

    home: np.ndarray
    dominant: np.ndarray
    away: np.ndarray
    fresh: np.ndarray
    tonics: np.ndarray


def schedule(constraints: Constraints, key: int | None, leads: bool) -> Schedule:
    """Return the bonus at each token of a piece and at its end.

    Args:
        constraints: the given notes and end.
        key: pitch class of the tonic; by default, the one that fits the previous notes best, among
            those on which the given notes of the last step can form a triad.
        leads: whether there is any bonus.
    """
    tokens = len(constraints.allowed)
    steps = tokens // len(VOICES)
    home, dominant, away = np.zeros((3, tokens + 1), np.float32)
    fresh = np.zeros(tokens + 1, bool)
    tonics = np.ones(OCTAVE, bool) if constraints.tonics is None else constraints.tonics
    if key is not None:
        tonics = np.arange(OCTAVE) == key
    if leads and constraints.ends:
        if not tonics.all():
            away[:] = AWAY * np.arange(tokens + 1) / tokens
        last = constraints.last_onset
        last = max(steps - LAST_CHORD, steps // 2) if last is None else last
        for bonus, nats, start, end in (
            (dominant, DOMINANT, max(last - APPROACH, 0), last),
            (home, HOME, last, steps),
        ):
            growth = nats * np.arange(1, end - start + 1, dtype=np.float32) / max(end - start, 1)
            bonus[len(VOICES) * start : len(VOICES) * end] = np.repeat(growth, len(VOICES))
            fresh[len(VOICES) * start : len(VOICES) * (start + 1)] = True
    return Schedule(home, dominant, away, fresh, tonics)


class Ending:
    """The bonus of notes for the final chords of a piece, in a graph.

    Args:
        codec: a codec of four voices.

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
        self.bass = int(np.argmax(codec.order))  # its position in the order of writing
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
            voice: int32 scalar, position of the voice in the order of writing.
            chord: int32 `(N, 4)`, the notes written in the step so far, followed by padding.
            sounded: float32 `(N, 12)`, number of steps with each pitch class.
        """
        tonic = self._tonic(tonics, sounded)
        degrees = (self.pitches - tonic) % OCTAVE  # (N, V)
        in_bass = voice == self.bass
        home_missed = self._missed(self.of_home, degrees, in_bass, root=0)
        home_missed |= self.sounds & self._spoils_third(degrees, voice, chord, tonic)
        dominant_missed = self._missed(self.of_dominant, degrees, in_bass, root=FIFTH)
        missed = tf.cast(tf.stack([home_missed, dominant_missed]), tf.float32)
        return -home * missed[0] - dominant * missed[1]

    def away(self, nats: tf.Tensor, tonics: tf.Tensor, sounded: tf.Tensor) -> tf.Tensor:
        """Return the bonus of each id for the key of the notes so far: float32 `(N, V)`, at most 0.

        Args:
            nats: float32 scalar, for each unit by which a key on another tonic fits better.
            tonics: bool `(12,)`.
            sounded: float32 `(N, 12)`, number of steps with each pitch class.
        """
        # After no note, and after a note of each pitch class.
        fits = tf.matmul(sounded, self.keys)[:, None] + tf.pad(self.keys, [[1, 0], [0, 0]])
        fits = tf.reduce_max(tf.reshape(fits, (-1, 1 + OCTAVE, 2, OCTAVE)), axis=2)
        best = tf.reduce_max(fits, axis=2)
        there = tf.reduce_max(tf.where(tonics, fits, -np.inf), axis=2)
        heard = tf.where(self.sounds, 1 + self.pitches % OCTAVE, 0)
        return tf.gather(nats * (there - best), heard, axis=1)

    def _tonic(self, tonics, sounded):
        """Return the pitch class of the tonic: int32 `(N, 1)`."""
        strengths = tf.reshape(tf.matmul(sounded, self.keys), (-1, 2, OCTAVE))
        strengths = tf.where(tonics, tf.reduce_max(strengths, axis=1), -np.inf)
        return tf.argmax(strengths, axis=1, output_type=tf.int32)[:, None]

    def _missed(self, wanted, degrees, in_bass, root):
        """Return which ids are not notes of a chord; the bass has its root only."""
        right = tf.where(in_bass, degrees == root, tf.gather(wanted, degrees))
        return ~(right & self.sounds)

    def _spoils_third(self, degrees, voice, chord, tonic):
        """Return which ids give the chord both thirds, or none: bool `(N, V)`."""
        written = tf.gather(self.pitches, chord) - tonic
        there = tf.gather(self.sounds, chord) & (tf.range(len(VOICES)) < voice)
        minor, major = (
            tf.reduce_any(there & (written % OCTAVE == third), axis=1, keepdims=True)
            for third in (MINOR_THIRD, MAJOR_THIRD)
        )
        both = (minor & (degrees == MAJOR_THIRD)) | (major & (degrees == MINOR_THIRD))
        third = (degrees == MINOR_THIRD) | (degrees == MAJOR_THIRD) | minor | major
        return both | (~third & (voice == len(VOICES) - 1))
