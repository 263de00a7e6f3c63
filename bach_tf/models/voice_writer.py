"""The decoder of the chorale model, which writes a step voice by voice."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from keras import ops

from bach_tf.models import repeats
from bach_tf.models.base import Shape, Tensor
from bach_tf.models.layers import Dropout, Embedding, gelu, taken

VOICES = 4
PROPOSED = 2  # continuations of earlier occurrences of the passage
CANDIDATES = 1 + PROPOSED  # the last note of the voice comes first, notes from a memory last
KINDS = repeats.LONGEST + 1  # number of distinct lengths, and of kinds of memory results
NATURAL = (0, 1, 2, 3)  # soprano, alto, tenor, bass


def pairs_of(candidates: int) -> np.ndarray:
    """Return the pairs of candidates that may be the same note: int32 `(2, pairs)`."""
    return np.array([(a, b) for b in range(candidates) for a in range(b)], np.int32).T


class VoiceWriter(keras.layers.Layer):
    """The logits of the four voices of a step, each given the voices before it.

    Args:
        vocab_size: size of the vocabulary.
        units: width of both hidden layers.
        dropout: dropout rate of their outputs.
        counts: size of the embeddings of lengths and lags.
        lags: number of lags.
        found: number of candidates from a memory.
    """

    def __init__(
        self,
        vocab_size: int,
        units: int,
        *,
        dropout: float,
        counts: int,
        lags: int,
        found: int = 0,
    ):
        super().__init__()
        self.vocab_size, self.units, self.found = vocab_size, units, found
        self.candidates = CANDIDATES + found
        self.pairs = pairs_of(self.candidates)
        self.common = keras.layers.Dense(VOICES * units)
        self.lengths = Embedding(self.candidates * KINDS, counts)
        self.lags = Embedding(PROPOSED * lags, counts)
        self.first_lags = np.arange(PROPOSED, dtype=np.int32) * lags  # one table for each
        self.first_kinds = np.arange(self.candidates, dtype=np.int32) * KINDS
        # The bonus of a candidate for its length alone, and for its lag.
        self.trust = Embedding(self.candidates * KINDS, 1, embeddings_initializer="zeros")
        self.trust_lag = Embedding(PROPOSED * lags, 1, embeddings_initializer="zeros")
        self.hidden = keras.layers.Dense(units)
        self.dropouts = [Dropout(dropout) for _ in range(2)]
        self.logits = keras.layers.Dense(vocab_size)
        self.raises = keras.layers.Dense(self.candidates)

    def build(self, read_shape: Shape, notes_shape: Shape) -> None:
        """Create the weights for the output of the attention and embeddings `(B, N, 4, E)`."""
        numbers = notes_shape[-1]
        counts = (self.candidates + PROPOSED) * self.lengths.output_dim
        own = (self.candidates - 1) * numbers + counts + self.pairs.shape[1]
        fans = read_shape[-1] + 2 * VOICES * numbers + own
        normal = keras.initializers.RandomNormal(stddev=fans**-0.5)
        self.common.kernel_initializer = normal
        self.common.build((*read_shape[:-1], read_shape[-1] + VOICES * numbers))
        self.above = self.add_weight(
            shape=(VOICES, numbers, VOICES, self.units), initializer=normal, name="above"
        )
        self.own = self.add_weight(shape=(VOICES, own, self.units), initializer=normal, name="own")
        for layer in (self.lengths, self.lags, self.trust, self.trust_lag):
            layer.build(notes_shape[:-1])
        for layer in (self.hidden, self.logits, self.raises):
            layer.build((*notes_shape[:-1], self.units))
        # A voice sees the notes of the voices before it.
        self.seen = np.triu(np.ones((VOICES, VOICES), np.float32), 1)[:, None, :, None]

    def tables(self) -> tuple[Tensor, ...]:
        """Return the weights of each voice, of notes in this step and of its own candidates.

        Returns:
            float32 `(4 E + F, H)` for each voice.
        """
        above = self.above * self.seen  # (4, E, 4, H)
        shape = (VOICES * above.shape[1], self.units)
        return tuple(
            ops.concatenate([ops.reshape(above[:, :, voice], shape), self.own[voice]], axis=0)
            for voice in range(VOICES)
        )

    def base(self, read: Tensor, last: Tensor) -> Tensor:
        """Return what all voices have in common: float32 `(..., 4 H)`.

        Args:
            read: float32 `(..., U)`, of the steps before.
            last: float32 `(..., 4, E)`, the embeddings of the step before.
        """
        last = ops.reshape(last, (-1, *ops.shape(read)[1:-1], VOICES * last.shape[-1]))
        return self.common(ops.concatenate([read, last], axis=-1))

    def call(
        self,
        read: Tensor,
        notes: Tensor,
        last: Tensor,
        proposed: Tensor,
        ids: Tensor,
        lengths: Tensor,
        lags: Tensor,
        training: bool = False,
    ) -> Tensor:
        """Return the logits `(B, N, 4, V)`.

        Args:
            read: float32 `(B, N, U)`, of the steps before.
            notes: float32 `(B, N, 4, E)`, the embeddings of the present step; a voice is shown
                those before it.
            last: float32 `(B, N, 4, E)`, the embeddings of the step before.
            proposed: float32 `(B, N, 4, C - 1, E)`, the embeddings of the other candidates.
            ids: int32 `(B, N, 4, C)`, the ids of all candidates.
            lengths: int32 `(B, N, 4, C)`, how long each has been held or repeated, or the kind of
                find in the memory.
            lags: int32 `(B, N, 4, 2)`, which lag back the two were found.
            training: whether dropout is on.
        """
        steps = ops.shape(read)[1]
        above = ops.reshape(self.above * self.seen, (-1, VOICES * self.units))  # (4 E, 4 H)
        x = self.base(read, last)
        x = x + ops.matmul(ops.reshape(notes, (-1, steps, above.shape[0])), above)
        x = ops.reshape(x, (-1, steps, VOICES, self.units))
        own = ops.moveaxis(self._own(proposed, ids, lengths, lags), 2, 0)  # (4, B, N, F)
        own = ops.matmul(ops.reshape(own, (VOICES, -1, own.shape[-1])), self.own)
        own = ops.reshape(own, (VOICES, -1, steps, self.units))
        return self._logits(x + ops.moveaxis(own, 0, 2), ids, lengths, lags, training)

    def one(
        self,
        voice: Tensor,
        base: Tensor,
        notes: Tensor,
        candidates: tuple[Tensor, ...],
        tables: tuple[Tensor, ...],
    ) -> Tensor:
        """Return the logits of one voice of one step: `(B, V)`.

        Args:
            voice: which one, int32 scalar.
            base: float32 `(B, 4 H)`, what `base` returns.
            notes: float32 `(B, 4, E)`, the embeddings of the present step.
            candidates: embeddings, ids, lengths and lags as in `call`, of this voice alone:
                `(B, C - 1, E)`, `(B, C)`, `(B, C)` and `(B, 2)`.
            tables: what `tables` returns.
        """
        proposed, ids, lengths, lags = candidates
        notes = ops.reshape(notes, (-1, VOICES * notes.shape[-1]))
        told = ops.concatenate([notes, self._own(proposed, ids, lengths, lags)], axis=-1)
        # Gathering the weights of a voice would copy a megabyte per token.
        x = ops.switch(voice, [partial(ops.matmul, told, table) for table in tables])
        x = x + taken(ops.reshape(base, (-1, VOICES, self.units)), voice, axis=1)
        return self._logits(x, ids, lengths, lags, training=False)

    # No `ops.add` of whole numbers below: Keras takes it for the bias of a layer, which LiteRT has
    # for floats alone.

    def _logits(self, x, ids, lengths, lags, training):
        """Return the logits `(..., V)` of what voices are told, float32 `(..., H)`."""
        x = self.dropouts[0](gelu(x), training=training)
        x = self.dropouts[1](gelu(self.hidden(x)), training=training)
        of_lags = ops.squeeze(self.trust_lag(lags + ops.convert_to_tensor(self.first_lags)), -1)
        raises = self.raises(x) + ops.squeeze(
            self.trust(lengths + ops.convert_to_tensor(self.first_kinds)), -1
        )
        behind = [(0, 0)] * (len(of_lags.shape) - 1)
        raises = raises + ops.pad(of_lags, [*behind, (1, self.found)])
        raised = ops.one_hot(ids, self.vocab_size) * ops.expand_dims(raises, -1)
        return self.logits(x) + ops.sum(raised, axis=-2)  # of (..., C, V)

    def _own(self, proposed, ids, lengths, lags):
        """Return what each voice is told of its own candidates: `(..., F)`."""
        shape = (-1, *ops.shape(ids)[1:-1])
        lengths = self.lengths(lengths + ops.convert_to_tensor(self.first_kinds))
        counts = ops.concatenate(
            [lengths, self.lags(lags + ops.convert_to_tensor(self.first_lags))], axis=-2
        )
        one, other = (taken(ids, numbers, axis=-1) for numbers in self.pairs)
        return ops.concatenate(
            [
                ops.reshape(proposed, (*shape, (self.candidates - 1) * proposed.shape[-1])),
                ops.reshape(counts, (*shape, (self.candidates + PROPOSED) * counts.shape[-1])),
                ops.cast(ops.equal(one, other), proposed.dtype),
            ],
            axis=-1,
        )
