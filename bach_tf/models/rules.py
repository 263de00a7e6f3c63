"""Rules of four-part writing: parallels, direct intervals, voice crossing, unisons."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.base import Shape, Tensor
from bach_tf.models.intervals import ALL_PAIRS, CLASSES, LOWER, UPPER, VOICES, check_order

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

    def call(self, last: Tensor, chords: Tensor, voices: Sequence[int] = range(VOICES)) -> Tensor:
        """Return the scores of some voices, all of them as a rule: `(B, N, v, V)`.

        Args:
            last: int32 `(B, N, 4)`, the notes of the step before.
            chords: int32 `(B, N, 4)`, the notes of this one; a voice sees those before it.
            voices: which ones.
        """
        pairs = np.flatnonzero(np.isin(LOWER, voices))
        weights = ops.take(self.scaled(), LOWER[pairs], axis=0)  # (pairs, the rules)
        scores = 0.0
        for number, broken in enumerate(self.broken(last, chords, pairs)):
            weight = weights[:, number, None]
            scores = scores + ops.cast(broken, weight.dtype) * weight  # (B, N, pairs, V)
        sums = np.equal(LOWER[pairs], np.asarray(voices)[:, None]).astype(np.float32)
        return ops.einsum("vp,bnpc->bnvc", sums, scores)

    def broken(
        self, last: Tensor, chords: Tensor, pairs: np.ndarray = ALL_PAIRS
    ) -> tuple[Tensor, ...]:
        """Return which pitch would break each rule, for each of `FEATURES`: bool `(B, N, 6, V)`."""
        lower, upper = LOWER[pairs], UPPER[pairs]
        before, other_before, other = (
            ops.expand_dims(ops.take(notes, at, axis=-1), -1)  # (B, N, pairs, 1)
            for notes, at in ((last, lower), (last, upper), (chords, upper))
        )
        first, pitch = self.first, self.pitches
        sounds = (pitch >= first) & (before >= first) & (other >= first) & (other_before >= first)
        rules = broken_rules(
            ops.abs(other_before - before),
            ops.subtract(pitch, other),
            other - other_before,
            ops.subtract(pitch, before),
            self.below[lower, upper][:, None],
        )
        return tuple(sounds & each for each in rules)

    def scaled(self) -> Tensor:
        """Return the weights, `HASTE` times the stored values, so that they learn faster.

        The gradient is that of the weights themselves, so that its norm does not change.
        """
        stored = self.weights_of_rules
        return stored + ops.stop_gradient((HASTE - 1) * stored)
