"""Scores of the intervals between voices and of melodic intervals."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.base import Shape, Tensor
from bach_tf.models.layers import taken

VOICES = 4
CLASSES = 12  # pitch classes and interval classes
UNKNOWN = CLASSES  # the interval of a rest
# Each voice paired with the voices above it.
UPPER, LOWER = np.triu_indices(VOICES, 1)
# The number of each voice's pair with those above it; 0 beside them.
PAIRS = np.zeros((VOICES, VOICES - 1), np.int32)
PAIRS[LOWER, UPPER] = np.arange(len(UPPER))


def check_order(order: Sequence[int]) -> None:
    """Raise `ValueError` for an order that does not name each of the four voices once."""
    if sorted(order) != list(range(VOICES)):
        raise ValueError(f"`order` must be a permutation of 0, 1, 2 and 3. Received: {order}")


class IntervalScores(keras.layers.Layer):
    """A score for each pitch of a voice from intervals alone.

    The score is the sum of three learned tables: for the melodic interval from the last note of
    the voice; for the distance to each note above it; and, for each voice above, for the previous
    and the new interval between the two and whether the other voice has moved. The third table
    distinguishes parallel fifths and octaves from allowed motion. Transposing all notes transposes
    the scores, so that nothing has to be learned separately for each key.

    Args:
        vocab_size: size of the vocabulary of a `SatbCodec`, in which pitches are in order.
    """

    def __init__(self, vocab_size: int):
        super().__init__()
        first = SatbCodec.FIRST_PITCH
        pitches = np.arange(vocab_size) - first
        self.first = first
        sounds = (pitches >= 0).astype(np.float32)
        self.sounds = sounds[:, None] * sounds  # (V, V)
        self.distances = pitches[None] - pitches[:, None] + vocab_size - 1  # (V, V)
        # The pitches of each pitch class, counted from the lowest pitch: (12, V)
        self.members = np.equal(np.arange(CLASSES)[:, None], pitches % CLASSES) * sounds

    def build(self, last_shape: Shape) -> None:
        """Create the tables, initially zero."""
        vocab_size = len(self.sounds)
        self.leaps = self.add_weight(
            shape=(VOICES, 2 * vocab_size - 1), initializer="zeros", name="leaps"
        )
        self.spaces = self.add_weight(
            shape=(len(UPPER), 2 * vocab_size - 1), initializer="zeros", name="spaces"
        )
        self.motions = self.add_weight(
            shape=(len(UPPER), 2, CLASSES + 1, CLASSES), initializer="zeros", name="motions"
        )

    def call(self, last: Tensor, chords: Tensor) -> Tensor:
        """Return the scores `(B, N, 4, V)`.

        Args:
            last: int32 `(B, N, 4)`, the notes of the previous step.
            chords: int32 `(B, N, 4)`, the current notes; each voice sees those above it.
        """
        steps, vocab_size = ops.shape(last)[1], len(self.sounds)
        scores = ops.matmul(self._both(last, chords), self.table())
        scores = ops.reshape(scores, (-1, steps, VOICES, vocab_size))
        return scores + ops.matmul(self._motion_scores(last, chords), self.members)

    def one(self, voice: Tensor, last: Tensor, chord: Tensor, table: Tensor) -> Tensor:
        """Return the scores of one voice of one step: `(B, V)`.

        Args:
            voice: int32 scalar.
            last: int32 `(B, 4)`, the notes of the step before.
            chord: int32 `(B, 4)`, those of this one, 0 for what is not written.
            table: what `tables` returns.
        """
        vocab_size = len(self.sounds)
        now, nothing = chord[:, :-1], table.shape[0] - 1
        notes = ops.concatenate([last, now], axis=1)  # (B, 7)
        places = np.arange(notes.shape[1], dtype=np.int32) * vocab_size
        notes = notes + places + voice * (notes.shape[1] * vocab_size)
        before = ops.expand_dims(taken(last, voice, axis=1), -1)
        motions = taken(PAIRS, voice) * (2 * (CLASSES + 1))
        motions = motions + self._motions(before, last[:, :-1], now)
        motions = VOICES * notes.shape[1] * vocab_size + motions * CLASSES
        motions = ops.where(
            now >= self.first, motions + (now - self.first) % CLASSES, nothing
        )  # (B, 3)
        return ops.sum(taken(table, ops.concatenate([notes, motions], axis=1)), axis=1)

    def tables(self) -> Tensor:
        """Return all that `one` adds up, in rows: float32 `(4 * 7 V + 156 * 12 + 1, V)`.

        For each voice what each note before and above says; then for each pair of voices, motion
        and pitch class of the upper voice what the motion says; then zeros.
        """
        vocab_size = len(self.sounds)
        table = ops.reshape(self.table(), (-1, VOICES, vocab_size))
        notes = ops.reshape(ops.transpose(table, (1, 0, 2)), (-1, vocab_size))
        classes = np.arange(CLASSES)
        turned = (classes - classes[:, None]) % CLASSES  # of each class above, the intervals
        motions = ops.take(ops.reshape(self.motions, (-1, CLASSES)), turned, axis=1)
        motions = ops.matmul(ops.reshape(motions, (-1, CLASSES)), self.members)
        return ops.concatenate([notes, motions, ops.zeros((1, vocab_size))], axis=0)

    def _both(self, last, chords):
        """Return the previous notes and the notes above as one-hot vectors: `(B, N, 7 V)`."""
        both = ops.concatenate([last, chords[..., :-1]], axis=-1)  # (B, N, 7)
        shape = (-1, ops.shape(last)[1], both.shape[-1] * len(self.sounds))
        return ops.reshape(ops.one_hot(both, len(self.sounds)), shape)

    def table(self) -> Tensor:
        """Return the scores of each note given each previous note and note above: `(7 V, 4 V)`."""
        vocab_size = len(self.sounds)
        leaps, spaces = (
            ops.multiply(ops.take(table, self.distances, axis=1), self.sounds)
            for table in (self.leaps, self.spaces)
        )  # (4, V, V) and (6, V, V)
        nothing = ops.zeros((vocab_size, vocab_size))
        rows = [[leaps[v] if v == u else nothing for v in range(VOICES)] for u in range(VOICES)]
        pairs = {pair: spaces[number] for number, pair in enumerate(zip(UPPER, LOWER))}
        rows += [[pairs.get((u, v), nothing) for v in range(VOICES)] for u in range(VOICES - 1)]
        return ops.concatenate([ops.concatenate(row, axis=1) for row in rows], axis=0)

    def _motion_scores(self, last, chords):
        """Return the scores of pitch classes given the motion of upper voices: `(B, N, 4, 12)`."""
        before, above = taken(last, LOWER, axis=-1), taken(last, UPPER, axis=-1)
        now = taken(chords, UPPER, axis=-1)  # (B, N, 6)
        pairs = np.arange(len(UPPER), dtype=np.int32) * (2 * (CLASSES + 1))
        rows = self._motions(before, above, now) + ops.convert_to_tensor(pairs)
        scores = taken(ops.reshape(self.motions, (-1, CLASSES)), rows)  # (B, N, 6, 12)
        # From intervals to the pitch classes that form them with the note above.
        distances = ops.expand_dims(now, -1) - self.first
        turned = ops.subtract(np.arange(CLASSES, dtype=np.int32), distances) % CLASSES
        scores = ops.take_along_axis(scores, turned, axis=-1)
        scores = scores * ops.expand_dims(ops.cast(now >= self.first, scores.dtype), -1)
        sums = np.equal(LOWER, np.arange(VOICES)[:, None]).astype(np.float32)  # (4, 6)
        return ops.einsum("vp,bnpc->bnvc", sums, scores)

    def _motions(self, before, above, now):
        """Return a number for each motion of an upper voice: int32, below `2 * 13`.

        Args:
            before: int32, the last note of a voice, `first` and above for pitches.
            above: int32, that of an upper voice.
            now: int32, the note of the upper voice in this step.
        """
        known = (before >= self.first) & (above >= self.first)
        interval = ops.where(known, (before - above) % CLASSES, UNKNOWN)
        # No `ops.add` of whole numbers, which Keras takes for the bias of a layer.
        return ops.cast(ops.not_equal(now, above), "int32") * (CLASSES + 1) + interval
