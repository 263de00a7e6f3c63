"""What the rules of four-part writing look at: parallels, direct intervals, crossing, unisons."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.base import Shape, Tensor
from bach_tf.models.intervals import ALL_PAIRS, CLASSES, LOWER, UPPER, VOICES

FEATURES = (
    "parallel octave",
    "parallel fifth",
    "direct octave",
    "direct fifth",
    "voices out of order",
    "unison",
)
FIFTH = 7
HASTE = 30.0  # times the rate of other weights: few notes tell anything of a rule


class RuleScores(keras.layers.Layer):
    """A score for each pitch that a voice may take, out of six rules and the voices before it.

    Of each voice and rule one weight is learned. In a few hundred pieces each forbidden interval
    comes too seldom, in each key and pair of voices, to be learned otherwise.

    Args:
        vocab_size: of a `SatbCodec`, in which pitches stand in order.
        order: which voice each token of a step is, 0 for the highest.
    """

    def __init__(self, vocab_size: int, order: Sequence[int]):
        super().__init__()
        self.pitches = np.arange(vocab_size, dtype=np.int32)
        self.first = SatbCodec.FIRST_PITCH
        ranks = np.asarray(order)
        self.below = (ranks[LOWER] > ranks[UPPER])[:, None]  # (6, 1), of the two voices of a pair

    def build(self, last_shape: Shape) -> None:
        """Make the weights, which begin by saying nothing."""
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
        weights = ops.take(self._scaled(), LOWER[pairs], axis=0)  # (pairs, the rules)
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
        first, pitch, lower, upper = self.first, self.pitches, LOWER[pairs], UPPER[pairs]
        before, other_before = (
            ops.expand_dims(ops.take(last, at, axis=-1), -1) for at in (lower, upper)
        )
        other = ops.expand_dims(ops.take(chords, upper, axis=-1), -1)  # (B, N, pairs, 1)
        sounds = (pitch >= first) & (before >= first) & (other >= first) & (other_before >= first)
        was = ops.abs(other_before - before) % CLASSES
        would = ops.abs(other - pitch) % CLASSES  # (B, N, pairs, V)
        both_move = sounds & (pitch != before) & (other != other_before)
        together = both_move & ((other > other_before) == (pitch > before))
        octave, fifth, below = would == 0, would == FIFTH, self.below[pairs]
        crossed = (below & (pitch > other)) | (~below & (pitch < other))
        return (
            both_move & (was == 0) & octave,
            both_move & (was == FIFTH) & fifth,
            together & (was != 0) & octave,
            together & (was != FIFTH) & fifth,
            sounds & crossed,
            sounds & (pitch == other),
        )

    def _scaled(self):
        """Return the weights, `HASTE` times what is stored: they move so many times as fast.

        The gradient is that of the weights themselves, so that its norm is what it would be.
        """
        stored = self.weights_of_rules
        return stored + ops.stop_gradient((HASTE - 1) * stored)
