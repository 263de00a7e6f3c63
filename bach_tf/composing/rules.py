"""Rules of four-part writing during generation: violations are masked or made unlikely.

A forbidden note is only masked if enough probability remains for the others (`ENOUGH`), so that
a rule never forces a note that the model finds absurd.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.formats.grid_csv import VOICES
from bach_tf.theory.intervals import DISSONANT
from bach_tf.theory.ranges import RANGES
from bach_tf.theory.tonics import key_profiles

ENOUGH = 0.05  # minimum total probability of the notes that a rule allows
CONSONANT = 0.8  # the same for consonances: more probable dissonances are intended
STEPS_PER_BEAT = 4
RECENT = 2 * len(VOICES)  # ids: the previous step, and the current one as far as it is written
OCTAVE, FIFTH = 12, 7
RESTLESS_FROM = 16  # steps after which holding a chord becomes less likely
RESTLESSNESS = 0.25  # nats per step beyond
LONGEST_CHORD = 32  # steps: two bars of 4/4

FOCUS = 0.65  # factor of the temperature when choosing where a voice moves, if it moves
ENDING = 16.0  # bonus in nats for ending on the tonic at the maximum length
SHORTEST_END = 4  # minimum duration of the last chord, in steps
# The last ids (N, RECENT), steps since a voice moved (N,), steps of each pitch class (N, 12).
State = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


class Rules:
    """The rules for new pieces of a run.

    Args:
        codec: a codec of four voices.
        names: names in `bach_tf.corpora.music.RULES`, as checked by `options.rules_of`.

    Example:
        >>> Rules(SatbCodec(36, 81), ["parallels", "motion"]).names
        ('parallels', 'motion')
    """

    def __init__(self, codec: SatbCodec, names: Sequence[str]):
        self.names = tuple(names)
        self.first, self.end = codec.FIRST_PITCH, codec.END
        self.shift = codec.lowest - codec.FIRST_PITCH  # added to an id, gives its pitch
        fits, norms = key_profiles()
        self.keys = tf.constant(np.reshape(fits / norms[..., None], (-1, OCTAVE)).T, tf.float32)
        self.pitches = tf.range(codec.vocab_size)  # ids, which are pitches up to a constant
        ranks = np.asarray(codec.order)
        # Pairs of voices in the order of writing, and whether the first one is the lower voice.
        self.early, self.late = np.triu_indices(len(VOICES), 1)
        self.upside_down = tf.constant(ranks[self.early] > ranks[self.late])[:, None]
        self.pairs = list(zip(self.early, self.late))
        self.bass = int(np.argmax(ranks))  # its index in the order of writing
        self.dissonant = tf.constant(np.isin(np.arange(OCTAVE), DISSONANT))
        low, high = np.array(RANGES)[ranks].T[:, :, None] - self.shift
        ids = np.arange(codec.vocab_size)
        self.outside = tf.constant(((ids < low) | (ids > high)) & (ids >= self.first))  # (4, V)
        apart = np.abs(ranks[self.early] - ranks[self.late]) == 1
        tenor_bass = np.maximum(ranks[self.early], ranks[self.late]) == len(VOICES) - 1
        self.neighbours = tf.constant(apart & ~tenor_bass)[:, None]

    def first_state(self, batch: tf.Tensor) -> State:
        """Return the state before the first token of `batch` pieces."""
        nothing = tf.zeros([batch, OCTAVE])
        return tf.zeros([batch, RECENT], tf.int32), tf.zeros([batch], tf.int32), nothing

    def weigh(
        self,
        logits: tf.Tensor,
        allowed: tf.Tensor,
        position: tf.Tensor,
        length: tf.Tensor,
        state: State,
    ) -> tf.Tensor:
        """Return the logits with violations at minus infinity, or made less likely.

        Args:
            logits: float32 `(N, V)`, divided by the temperature.
            allowed: bool `(V,)`, the ids that the codec allows here.
            position: int32 scalar, index of the token, not counting the opening.
            length: int32 scalar, maximum number of tokens.
            state: the state after the preceding tokens.
        """
        logits = tf.where(allowed, logits, -np.inf)
        voice = position % len(VOICES)
        last, chord = self.steps(voice, state[0])
        if "motion" in self.names:
            logits = self._restless(logits, voice, last, chord, state[1])
        if "cadence" in self.names:
            home = (state[1] >= SHORTEST_END) & self._at_home(state[0][:, -len(VOICES) :], state[2])
            progress = tf.cast(position, tf.float32) / tf.cast(length, tf.float32)
            bonus = tf.where(home, ENDING * progress**2, -np.inf)[:, None]
            logits = tf.where(self.pitches == self.end, logits + bonus, logits)
        if "focus" in self.names:
            logits = self._focused(logits, tf.gather(last, voice, axis=1)[:, None])
        if "range" in self.names:
            logits = masked(logits, tf.gather(self.outside, voice), ENOUGH)
        broken = self._broken(voice, last, chord)
        if broken is not None:
            logits = masked(logits, broken, ENOUGH)
        if "dissonance" in self.names:
            on_beat = position // len(VOICES) % STEPS_PER_BEAT == 0
            logits = masked(logits, on_beat & self._dissonant(voice, chord), CONSONANT)
        return logits

    def advance(self, ids: tf.Tensor, position: tf.Tensor, state: State) -> State:
        """Return the state after appending ids `(N,)`."""
        recent, still, sounded = state
        heard = tf.one_hot((ids + self.shift) % OCTAVE, OCTAVE)
        sounded = sounded + tf.where((ids >= self.first)[:, None], heard, 0.0)
        recent = tf.concat([recent[:, 1:], ids[:, None]], axis=1)
        last, chord = recent[:, : len(VOICES)], recent[:, len(VOICES) :]
        held = tf.where(tf.reduce_all(last == chord, axis=1), still + 1, 1)
        ends = position % len(VOICES) == len(VOICES) - 1
        return recent, tf.where(ends, held, still), sounded

    def _at_home(self, chord, sounded):
        """Return whether a chord `(N, 4)` is a root-position triad on the tonic: bool `(N,)`."""
        sounds = chord >= self.first
        lowest = tf.reduce_min(tf.where(sounds, chord, tf.int32.max), axis=1, keepdims=True)
        above = tf.one_hot((chord - lowest) % OCTAVE, OCTAVE)  # (N, 4, 12)
        present = tf.reduce_any((above > 0) & sounds[..., None], axis=1)  # (N, 12)
        third = present[:, 3] ^ present[:, 4]
        other = tf.reduce_any(tf.gather(present, [1, 2, 5, 6, 8, 9, 10, 11], axis=1), axis=1)
        strengths = tf.reshape(tf.matmul(sounded, self.keys), (-1, 2, OCTAVE))
        root = (lowest + self.shift) % OCTAVE  # (N, 1)
        here = tf.gather(tf.reduce_max(strengths, axis=1), root, axis=1, batch_dims=1)[:, 0]
        best = tf.reduce_max(strengths, axis=[1, 2])
        return third & ~other & (here >= best - 1e-3 * tf.abs(best))

    def steps(self, voice: tf.Tensor, recent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the previous step, and the current one as far as written: int32 `(N, 4)` each."""
        begin = len(VOICES) - voice
        last = recent[:, begin : begin + len(VOICES)]
        chord = recent[:, begin + len(VOICES) :]
        return last, tf.pad(chord, [[0, 0], [0, begin]])

    def _restless(self, logits, voice, last, chord, still):
        """Make holding a chord less likely the longer it lasts, and finally impossible."""
        before = tf.range(len(VOICES)) < voice
        moved = tf.reduce_any(before & (chord != last), axis=1)
        penalty = RESTLESSNESS * tf.cast(tf.maximum(still - RESTLESS_FROM, 0), tf.float32)
        over = (still >= LONGEST_CHORD) & (voice == len(VOICES) - 1)
        penalty = tf.where(over, np.inf, penalty)
        held = self.pitches == tf.gather(last, voice, axis=1)[:, None]  # (N, V)
        return tf.where(held & ~moved[:, None], logits - penalty[:, None], logits)

    def _focused(self, logits, held):
        """Sharpen the choice of pitch if a voice moves, without changing how likely it moves."""
        moves = (self.pitches != held) & (self.pitches != self.end)  # (N, V)
        before = tf.where(moves, logits, -np.inf)
        sharpened = before / FOCUS
        whole, sharp = (tf.reduce_logsumexp(x, axis=1, keepdims=True) for x in (before, sharpened))
        return tf.where(moves & (logits > -np.inf), sharpened - sharp + whole, logits)

    def _dissonant(self, voice, chord):
        """Return which ids are dissonant with the bass, if that is written: `(N, V)`."""
        with_bass = [number for number, pair in enumerate(self.pairs) if self.bass in pair]
        early, late = (
            tf.constant(np.array(x)[with_bass], tf.int32) for x in (self.early, self.late)
        )
        other = tf.gather(chord, early, axis=1)[..., None]  # (N, 3, 1)
        # From the bass up to this voice, or from a bass being written up to the other voices.
        distance = tf.where(
            (late == self.bass)[:, None], other - self.pitches, self.pitches - other
        )
        sounds = (other >= self.first) & (self.pitches >= self.first)
        harsh = tf.gather(self.dissonant, distance % OCTAVE) & sounds & (late == voice)[:, None]
        return tf.reduce_any(harsh, axis=1)

    def _broken(self, voice, last, chord):
        """Return which ids violate a rule of intervals: bool `(N, V)`; `None` without rules."""
        other_last, own_last = (
            tf.gather(last, pair, axis=1)[..., None] for pair in (self.early, self.late)
        )
        other = tf.gather(chord, self.early, axis=1)[..., None]  # (N, 6, 1)
        sounds = (other >= self.first) & (self.pitches >= self.first)  # (N, 6, V)
        found = []
        if "parallels" in self.names:
            moved = (other_last >= self.first) & (own_last >= self.first) & (other != other_last)
            same = (other > other_last) == (self.pitches > own_last)
            kept = (other - self.pitches - other_last + own_last) % OCTAVE == 0
            interval = (other_last - own_last) % OCTAVE
            fifth = tf.where(self.upside_down, OCTAVE - FIFTH, FIFTH)
            perfect = (interval == 0) | (interval == fifth)
            found.append(moved & same & kept & perfect & (self.pitches != own_last))
        distance = other - self.pitches
        distance = tf.where(self.upside_down, -distance, distance)  # upper minus lower
        if "crossing" in self.names:
            found.append(distance < 0)
        if "spacing" in self.names:
            found.append(self.neighbours & (tf.abs(distance) > OCTAVE))
        if not found:
            return None
        late = (
            tf.constant(self.late, tf.int32)[:, None] == voice
        )  # only pairs completed by this voice
        broken = tf.reduce_any(tf.stack(found), axis=0) & sounds & late
        return tf.reduce_any(broken, axis=1)


def masked(logits: tf.Tensor, broken: tf.Tensor, enough: float) -> tf.Tensor:
    """Mask violations, provided that enough probability remains.

    Args:
        logits: float32 `(N, V)`.
        broken: bool `(N, V)`, or `(V,)` for all rows: the ids that violate a rule.
        enough: minimum total probability of the others.

    Example:
        >>> left = masked(tf.zeros([1, 4]), tf.constant([[True, False, False, False]]), 0.5)
        >>> left.numpy().tolist()
        [[-inf, 0.0, 0.0, 0.0]]
    """
    left = tf.reduce_sum(tf.where(broken, 0.0, tf.nn.softmax(logits)), axis=1, keepdims=True)
    return tf.where(broken & (left >= enough), -np.inf, logits)
