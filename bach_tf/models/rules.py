"""Rules of four-part writing: parallels, direct intervals, voice crossing, unisons."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.base import Shape, Tensor
from bach_tf.models.intervals import CLASSES, LOWER, UPPER, VOICES, check_order
from bach_tf.models.layers import taken

FEATURES = (
    "parallel octave",
    "parallel fifth",
    "direct octave",
    "direct fifth",
    "voices out of order",
    "unison",
)
FIFTH = 7
HASTE = 30.0  # factor of the learning rate: few notes are informative about a rule


def broken_rules(
    was: Tensor, distance: Tensor, other_moves: Tensor, own_moves: Tensor, below: Tensor
) -> tuple[Tensor, ...]:
    """Return which of `FEATURES` apply to a pitch and another voice: bools of the common shape.

    Args:
        was: int, semitones between the two voices in the previous step, at least 0.
        distance: int, semitones from the other voice up to the pitch.
        other_moves: int, positive if the other voice rises, negative if it falls.
        own_moves: the same for the voice that takes the pitch.
        below: bool, whether this voice is the lower one.

    Example:
        >>> [bool(each) for each in broken_rules(7, -7, 2, 2, np.True_)]
        [False, True, False, False, False, False]
    """
    was, would = was % CLASSES, abs(distance) % CLASSES
    both = (other_moves != 0) & (own_moves != 0)
    together = both & ((other_moves > 0) == (own_moves > 0))
    octave, fifth = would == 0, would == FIFTH
    return (
        both & (was == 0) & octave,
        both & (was == FIFTH) & fifth,
        together & (was != 0) & octave,
        together & (was != FIFTH) & fifth,
        (below & (distance > 0)) | (~below & (distance < 0)),
        distance == 0,
    )


class RuleScores(keras.layers.Layer):
    """A score for each pitch of a voice from six rules and the voices written before it.

    One weight is learned for each voice and rule. A corpus of a few hundred pieces has too few
    examples of each forbidden interval, in each key and pair of voices, to learn it otherwise.

    Args:
        vocab_size: size of the vocabulary of a `SatbCodec`, in which pitches are in order.
        order: voice of each token of a step, 0 for the highest.

    Raises:
        ValueError: if `order` is not a permutation.
    """

    def __init__(self, vocab_size: int, order: Sequence[int]):
        super().__init__()
        check_order(order)
        self.pitches = np.arange(vocab_size, dtype=np.int32)
        self.first = SatbCodec.FIRST_PITCH
        ranks = np.asarray(order)
        self.below = ranks[:, None] > ranks  # (4, 4): whether one voice is below another

    def build(self, last_shape: Shape) -> None:
        """Create the weights, initially zero."""
        self.weights_of_rules = self.add_weight(
            shape=(VOICES, len(FEATURES)), initializer="zeros", name="rules"
        )

    def call(self, last: Tensor, chords: Tensor) -> Tensor:
        """Return the scores `(B, N, 4, V)`.

        Args:
            last: int32 `(B, N, 4)`, the notes of the step before.
            chords: int32 `(B, N, 4)`, the notes of this one; a voice sees those before it.
        """
        weights = taken(self.scaled(), LOWER)  # (pairs, the rules)
        scores = 0.0
        for number, broken in enumerate(self.broken(last, chords)):
            weight = weights[:, number, None]
            scores = scores + ops.cast(broken, weight.dtype) * weight  # (B, N, pairs, V)
        sums = np.equal(LOWER, np.arange(VOICES)[:, None]).astype(np.float32)
        return ops.einsum("vp,bnpc->bnvc", sums, scores)

    def one(self, voice: Tensor, last: Tensor, chord: Tensor, weights: Tensor) -> Tensor:
        """Return the scores of one voice in one step: `(B, V)`.

        Args:
            voice: index of the voice, int32 scalar.
            last: int32 `(B, 4)`, the notes of the previous step.
            chord: int32 `(B, 4)`, the notes of this step, 0 where not written yet.
            weights: the weights returned by `scaled`.
        """
        before = ops.reshape(taken(last, voice, axis=1), (-1, 1, 1))
        other_before, other = (ops.expand_dims(x[:, :-1], -1) for x in (last, chord))  # (B, 3, 1)
        below = ops.expand_dims(taken(self.below[:, :-1], voice), -1)
        broken = ops.stack(self._broken(before, other_before, other, below), axis=-1)
        scores = ops.cast(broken, weights.dtype) * taken(weights, voice)  # (B, 3, V, rules)
        return ops.sum(scores, axis=(1, 3))

    def broken(self, last: Tensor, chords: Tensor) -> tuple[Tensor, ...]:
        """Return which pitches would break each of `FEATURES`: bool `(B, N, 6, V)`."""
        before, other_before, other = (
            ops.expand_dims(taken(notes, at, axis=-1), -1)  # (B, N, pairs, 1)
            for notes, at in ((last, LOWER), (last, UPPER), (chords, UPPER))
        )
        return self._broken(before, other_before, other, self.below[LOWER, UPPER][:, None])

    def _broken(self, before, other_before, other, below):
        """Return which pitches would break each rule with another voice."""
        first, pitch = self.first, self.pitches
        sounds = (pitch >= first) & (before >= first) & (other >= first) & (other_before >= first)
        rules = broken_rules(
            ops.abs(other_before - before),
            ops.subtract(pitch, other),
            other - other_before,
            ops.subtract(pitch, before),
            below,
        )
        return tuple(sounds & each for each in rules)

    def scaled(self) -> Tensor:
        """Return the weights, `HASTE` times the stored values, so that they learn faster.

        The gradient is that of the weights themselves, so that its norm does not change.
        """
        stored = self.weights_of_rules
        return stored + ops.stop_gradient((HASTE - 1) * stored)
