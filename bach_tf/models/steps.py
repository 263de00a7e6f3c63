"""Steps of four voices in models that work token by token."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs.base import PAD, START
from bach_tf.models.base import Shape, State, Tensor
from bach_tf.models.intervals import CLASSES, VOICES
from bach_tf.models.rules import FIFTH, RuleScores, broken_rules

INTERVALS = np.array([0, FIFTH, 1])  # octave, fifth, any other
MOVES = np.array([-1, 0, 1])


def in_steps(tokens: Tensor) -> Tensor:
    """Return tokens `(B, T)` as steps `(B, N, 4)`, padded by at least one token."""
    length = ops.shape(tokens)[1]
    missing = VOICES - length % VOICES
    if isinstance(length, int) and length < VOICES:
        missing += VOICES  # Keras warns about attention over a single step
    steps = ops.pad(tokens, ((0, 0), (0, missing)))
    return ops.reshape(steps, (-1, (length + missing) // VOICES, VOICES))


def step_before(first: Tensor) -> Tensor:
    """Return the step before the first of a window that starts with the ids `(B,)`: `(B, 4)`.

    This is the start, or a step of which only the last voice is in the window.
    """
    others = ops.where(ops.equal(first, START), START, PAD)
    return ops.stack([others, others, others, first], axis=-1)


class TokenRules(keras.layers.Layer):
    """Scores of broken rules for any model that writes four voices token by token.

    These are the scores of `RuleScores`, to be added to the logits. A window starts with the token
    before a step.

    Args:
        vocab_size: size of the vocabulary of a `SatbCodec`, in which pitches are in order.
        order: voice of each token of a step, 0 for the highest.

    Raises:
        ValueError: if `order` is not a permutation.

    Example:
        >>> layer = TokenRules(61, order=[0, 1, 2, 3])
        >>> tuple(layer(ops.zeros((2, 7), "int32")).shape)
        (2, 7, 61)
    """

    def __init__(self, vocab_size: int, order: Sequence[int]):
        super().__init__()
        self.scores = RuleScores(vocab_size, order)
        self.features = _features(vocab_size, order)
        self.pitches = np.arange(vocab_size, dtype=np.int32)
        self.sounds = (self.pitches >= self.scores.first).astype(np.float32)
        self.columns = 3 * (self.pitches + vocab_size - 1) + 1
        self.row = 3 * (2 * vocab_size - 1)  # table entries for an interval and a move
        self.lags = np.arange(VOICES - 1, dtype=np.int32) * (9 * self.row)
        semitones = np.arange(vocab_size) % CLASSES
        self.kinds = np.select([semitones == each for each in INTERVALS[:2]], [0, 1], 2)
        self.kinds = self.kinds.astype(np.int32)

    def build(self, ids_shape: Shape) -> None:
        """Create the weights."""
        self.scores.build((ids_shape[0], None, VOICES))

    def call(self, ids: Tensor) -> Tensor:
        """Return the scores of each id after each of the ids `(B, T)`: `(B, T, V)`."""
        chords = in_steps(ids[:, 1:])  # (B, N, 4)
        last = ops.concatenate([step_before(ids[:, 0])[:, None], chords[:, :-1]], axis=1)
        scores = self.scores(last, chords)  # (B, N, 4, V)
        scores = ops.reshape(scores, (-1, VOICES * ops.shape(chords)[1], scores.shape[-1]))
        return scores[:, : ops.shape(ids)[1]]

    def initial_state(self, batch_size: int) -> State:
        """Return the ids of the last two steps, int32 `(B, 8)`, and a table of scores, `(K,)`.

        The table is constant. The scores of a pitch with another voice depend on few values, and a
        table lookup takes a fraction of the time of computing them.
        """
        table = ops.einsum("vkr,vr->vk", self.features, self.scores.scaled())
        return ops.zeros((batch_size, 2 * VOICES), "int32"), ops.reshape(table, (-1,))

    def step(self, ids: Tensor, position: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the scores `(B, V)` after the ids `(B,)` at a position, and the new state."""
        recent, table = state
        recent = ops.concatenate([recent[:, 1:], ids[:, None]], axis=1)
        before = recent[:, VOICES : VOICES + 1]  # the same voice in the step before
        other, other_before = recent[:, VOICES + 1 :], recent[:, 1:VOICES]  # (B, 3)
        kind = ops.take(self.kinds, ops.abs(other_before - before), axis=0)
        moved = ops.sign(other - other_before) + 1
        row = position % VOICES * self.features.shape[1] + self.lags
        row = row + (kind * 3 + moved) * self.row - other * 3
        own = ops.sign(ops.subtract(self.pitches, before))  # (B, V)
        found = ops.take(table, row[..., None] + self.columns + own[:, None])  # (B, 3, V)
        sounds = ops.minimum(ops.minimum(other, other_before), before) >= self.scores.first
        scores = ops.sum(ops.where(sounds[..., None], found, 0.0), axis=1)
        return scores * self.sounds, (recent, table)


def _features(vocab_size: int, order: Sequence[int]) -> np.ndarray:
    """Return which rules are broken in each case: float32 `(4, K, rules)`.

    `K` enumerates, with the last varying fastest: the three previous tokens, the farthest first;
    the previous interval, one of `INTERVALS`; the motion of the other voice (down, none, up); the
    distance, from `1 - V` semitones; the motion of the voice itself.
    """
    voices, lags = np.arange(VOICES)[:, None], np.arange(VOICES - 1, 0, -1)
    ranks = np.asarray(order)
    below = ranks[voices] > ranks[voices - lags]  # (4, 3)
    distances = np.arange(1 - vocab_size, vocab_size)
    values = np.meshgrid(below, INTERVALS, MOVES, distances, MOVES, indexing="ij", sparse=True)
    below, was, other, distance, own = values
    rules = np.stack(np.broadcast_arrays(*broken_rules(was, distance, other, own, below)), axis=-1)
    written = voices >= lags  # the other tokens belong to the previous step
    rules = rules.reshape(VOICES, VOICES - 1, -1, rules.shape[-1]) & written[..., None, None]
    return rules.reshape(VOICES, -1, rules.shape[-1]).astype(np.float32)
