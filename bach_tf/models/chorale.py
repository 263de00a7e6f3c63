"""A model of four voices that reads step by step and writes voice by voice."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from bach_tf.codecs.base import PAD, START
from bach_tf.models import repeats
from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.intervals import IntervalScores
from bach_tf.models.layers import Dropout, gelu
from bach_tf.models.transformer import Block

VOICES = 4
STEPS_PER_LAG = 4  # what is repeated comes back on the beat
PROPOSED = 2  # notes that followed where the piece has been alike before
CANDIDATES = 1 + PROPOSED  # the voice's last note comes first
PAIRS = ((0, 1), (0, 2), (1, 2))  # of candidates that may be the same note
KINDS = repeats.LONGEST + 1  # lengths that are told apart


class Chorale(NextTokenModel):
    """Attention over steps, and a decoder that sets the four voices of a step one after another.

    A step is four tokens: soprano, alto, tenor, bass. The attention reads the steps that are
    finished, each as its four notes, how long they have been held and the place in the bar, so it
    looks as far back as a model of tokens at a quarter of the length. The decoder sees the notes
    above in its own step. Beside what it has learned stand three candidates, whose logits it can
    raise: the voice's last note, and those that followed where the piece has been alike before.
    Chorales repeat their first lines exactly; a model of a few hundred pieces does not learn by
    itself to look that up. Scores of intervals (`IntervalScores`) are added to the logits.

    Args:
        vocab_size: number of ids, padding included.
        layers: of attention.
        units: width of the attention.
        heads: they share the width.
        feed_forward: width of the hidden layer of each block.
        context: steps that a layer sees, the present one included.
        decoder: width of the two hidden layers that write a voice.
        embedding: numbers that stand for a note.
        period: after how many tokens places in a bar are named alike, a multiple of four. Training
            windows must begin at multiples of it.
        lags: how many beats back a repeat is looked for.
        dropout: share of the embeddings and of each part's outputs left out.
        decoder_dropout: share of the decoder's hidden units left out.
        note_dropout: share of the notes that the attention reads left out.

    Raises:
        ValueError: a period that does not end with a step.

    Example:
        >>> model = Chorale(vocab_size=61, layers=1, units=32, heads=2, feed_forward=64)
        >>> tuple(model(ops.zeros((2, 8), "int32")).shape)
        (2, 8, 61)
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        layers: int = 4,
        units: int = 256,
        heads: int = 4,
        feed_forward: int = 1024,
        context: int = 256,
        decoder: int = 384,
        embedding: int = 64,
        period: int = 192,
        lags: int = 48,
        dropout: float = 0.25,
        decoder_dropout: float = 0.25,
        note_dropout: float = 0.05,
    ):
        super().__init__()
        if period % VOICES:
            raise ValueError(f"`period` must be a multiple of {VOICES}. Received: {period}")
        self.period = period // VOICES  # in steps
        self.lags = np.arange(1, lags + 1, dtype=np.int32) * STEPS_PER_LAG
        self.embedding = keras.layers.Embedding(
            vocab_size,
            embedding,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.held = keras.layers.Embedding(KINDS, embedding // 4)
        self.place = keras.layers.Embedding(self.period, units)
        self.note_dropout = Dropout(note_dropout, noise_shape=(None, None, VOICES, 1))
        self.reader = keras.layers.Dense(units)
        self.dropout = Dropout(dropout)
        self.blocks = [Block(heads, context, feed_forward, dropout, 0.0) for _ in range(layers)]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self.writer = VoiceWriter(
            vocab_size, decoder, dropout=decoder_dropout, counts=embedding // 4, lags=lags
        )
        self.intervals = IntervalScores(vocab_size)

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        chords = (ids_shape[0], None, VOICES)
        for layer in (self.embedding, self.held):
            layer.build(chords)
        self.place.build(chords[1:2])
        self.reader.build(
            (*chords[:2], VOICES * (self.embedding.output_dim + self.held.output_dim))
        )
        read = (*chords[:2], self.place.output_dim)
        for layer in (*self.blocks, self.norm):
            layer.build(read)
        notes = (*chords, self.embedding.output_dim)
        self.writer.build(read, notes)
        self.intervals.build(chords)

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        length = ops.shape(ids)[1]
        chords = self._chords(ids[:, 1:])  # (B, N, 4), the last note unknown
        last = ops.concatenate([_before(ids[:, 0])[:, None], chords[:, :-1]], axis=1)
        held = repeats.behind(repeats.held_lengths(chords), 1)
        earlier = repeats.lagged(chords, self.lags)  # (B, N, D, 4)
        runs = repeats.run_lengths(repeats.matches(chords, earlier))
        proposed = repeats.propose(chords, earlier, repeats.behind(runs, 1), self.lags)
        places = ops.arange(ops.shape(chords)[1], dtype="int32") % self.period
        notes = self.embedding(last)  # (B, N, 4, E)
        x = self._read(notes, held, places, training)  # (B, N, U)
        for block in self.blocks:
            x = block(x, training=training)
        known = (notes, last, held, (None, None))
        logits = self._write(self.norm(x), known, chords, proposed, training)
        logits = ops.reshape(logits, (-1, VOICES * ops.shape(chords)[1], logits.shape[-1]))
        return logits[:, :length]  # (B, T, V)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        def zeros(*shape):
            return ops.zeros((batch_size, *shape), "int32")

        steps = {
            "last": zeros(VOICES),
            "held": zeros(VOICES),
            "chord": zeros(VOICES),
            "history": zeros(int(self.lags[-1]), VOICES),  # the latest step last
            "runs": zeros(len(self.lags), VOICES + 1),
            "read": ops.zeros((batch_size, self.place.output_dim)),
            "tables": self._tables(),  # stay as they are
            "caches": tuple(block.attention.initial_state(batch_size) for block in self.blocks),
        }
        return zeros(), steps

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        position, steps = state
        voice = position[0] % VOICES  # whose note is written; `ids` is the one above
        chord = ops.where(ops.arange(VOICES) == (voice - 1) % VOICES, ids[:, None], steps["chord"])
        steps = {**steps, "chord": chord}
        steps = ops.cond(
            voice == 0, lambda: self._next_step(ids, position[0], steps), lambda: steps
        )
        chord, history = steps["chord"][:, None], steps["history"]
        earlier = ops.take(history, history.shape[1] - self.lags, axis=1)[:, None]  # (B, 1, D, 4)
        proposed = repeats.propose(chord, earlier, steps["runs"][:, None], self.lags)
        read, last, held = (steps[name][:, None] for name in ("read", "last", "held"))
        known = (self.embedding(last), last, held, steps["tables"])
        logits = self._write(read, known, chord, proposed, False)
        return ops.take(logits[:, 0], voice, axis=1), (position + 1, steps)

    def _next_step(self, ids, position, steps):
        """Return the state in which the attention has read the step that `ids` ends."""
        begun = position > 0
        finished, history = steps["chord"], steps["history"]  # (B, 4), (B, L, 4)
        earlier = ops.take(history, history.shape[1] - self.lags, axis=1)  # (B, D, 4)
        same = repeats.matches(finished[:, None], earlier[:, None])[:, 0]  # (B, D, 5)
        runs = ops.where(begun, same * (steps["runs"] + 1), 0)
        again = (finished == steps["last"]) & (position > VOICES)
        held = ops.where(begun, ops.where(again, steps["held"], 0) + 1, 0)
        last = ops.where(begun, finished, _before(ids))
        held = ops.minimum(held, repeats.LONGEST)
        pushed = ops.concatenate([history[:, 1:], finished[:, None]], axis=1)
        step = position // VOICES
        notes = self.embedding(last[:, None])
        x = self._read(notes, held[:, None], step[None] % self.period, False)[:, 0]
        caches = []
        for block, cache in zip(self.blocks, steps["caches"]):
            x, cache = block.step(x, step, cache)
            caches.append(cache)
        return {
            **steps,
            "last": last,
            "held": held,
            "chord": ops.zeros_like(finished),
            "history": ops.where(begun, pushed, history),
            "runs": ops.minimum(runs, repeats.LONGEST),
            "read": self.norm(x),
            "caches": tuple(caches),
        }

    def _chords(self, tokens):
        """Return the steps `(B, N, 4)` of the tokens `(B, T - 1)`, room for the next one behind."""
        length = ops.shape(tokens)[1]
        missing = VOICES - length % VOICES
        if isinstance(length, int) and length < VOICES:
            missing += VOICES  # Keras warns of attention to a single step
        steps = ops.pad(tokens, ((0, 0), (0, missing)))
        return ops.reshape(steps, (-1, (length + missing) // VOICES, VOICES))

    def _read(self, notes, held, places, training):
        """Return what the attention is given: `(B, N, U)`.

        Args:
            notes: float32 `(B, N, 4, E)`, the embeddings of the last notes.
            held: int32 `(B, N, 4)`, how long each has been held.
            places: int32 `(N,)`.
            training: whether dropout is on.
        """
        notes = self.note_dropout(notes, training=training)
        x = ops.concatenate([notes, self.held(held)], axis=-1)
        x = ops.reshape(x, (-1, ops.shape(held)[1], VOICES * x.shape[-1]))
        return self.dropout(self.reader(x) + self.place(places), training=training)

    def _tables(self):
        """Return what the writer and the intervals make out of their weights alone."""
        return self.writer.table(), self.intervals.table()

    def _write(self, read, known, chords, proposed, training):
        """Return the logits of each voice of each step: `(B, N, 4, V)`.

        What is known are the embeddings of the last notes, float32 `(B, N, 4, E)`, the notes, how
        long they have been held, and the tables, which are made anew if they are `None`.
        """
        notes, last, held, (above, intervals) = known
        proposals, lengths, lags = proposed
        candidates = ops.concatenate(
            [ops.expand_dims(last, -1), proposals], axis=-1
        )  # (B, N, 4, 3)
        lengths = ops.concatenate([ops.expand_dims(held, -1), lengths], axis=-1)
        logits = self.writer(
            read,
            self.embedding(chords),
            notes,
            self.embedding(proposals),
            candidates,
            lengths,
            lags,
            above=above,
            training=training,
        )
        return logits + self.intervals(last, chords, table=intervals)


class VoiceWriter(keras.layers.Layer):
    """The logits of the four voices of a step, each given those above it.

    Args:
        vocab_size: number of ids.
        units: of both hidden layers.
        dropout: share of their outputs left out.
        counts: numbers that stand for a length, or for a lag.
        lags: how many lags there are.
    """

    def __init__(self, vocab_size: int, units: int, *, dropout: float, counts: int, lags: int):
        super().__init__()
        self.vocab_size, self.units = vocab_size, units
        self.common = keras.layers.Dense(VOICES * units)
        self.lengths = keras.layers.Embedding(CANDIDATES * KINDS, counts)
        self.lags = keras.layers.Embedding(PROPOSED * lags, counts)
        self.first_lags = np.arange(PROPOSED, dtype=np.int32) * lags  # a table for each
        # What a length alone says for its candidate, and a lag for what lies so far back.
        self.trust = keras.layers.Embedding(CANDIDATES * KINDS, 1, embeddings_initializer="zeros")
        self.trust_lag = keras.layers.Embedding(PROPOSED * lags, 1, embeddings_initializer="zeros")
        self.hidden = keras.layers.Dense(units)
        self.dropouts = [Dropout(dropout) for _ in range(2)]
        self.logits = keras.layers.Dense(vocab_size)
        self.raises = keras.layers.Dense(CANDIDATES)

    def build(self, read_shape: Shape, notes_shape: Shape) -> None:
        """Make the weights for what the attention has read, and embeddings `(B, N, 4, E)`."""
        numbers = notes_shape[-1]
        counts = (CANDIDATES + PROPOSED) * self.lengths.output_dim
        own = PROPOSED * numbers + counts + len(PAIRS)
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
        # A voice sees the notes of those above it.
        self.seen = np.triu(np.ones((VOICES, VOICES), np.float32), 1)[:, None, :, None]

    def table(self) -> Tensor:
        """Return the weights of the notes above, 0 for the others: `(4 E, 4 H)`."""
        numbers = self.above.shape[1]
        return ops.reshape(self.above * self.seen, (VOICES * numbers, VOICES * self.units))

    def call(
        self,
        read: Tensor,
        notes: Tensor,
        last: Tensor,
        proposed: Tensor,
        ids: Tensor,
        lengths: Tensor,
        lags: Tensor,
        above: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Return the logits `(B, N, 4, V)`.

        Args:
            read: float32 `(B, N, U)`, of the steps before.
            notes: float32 `(B, N, 4, E)`, the embeddings of the present step; a voice is shown
                those above it.
            last: float32 `(B, N, 4, E)`, the embeddings of the step before.
            proposed: float32 `(B, N, 4, 2, E)`, the embeddings of the other candidates.
            ids: int32 `(B, N, 4, 3)`, the ids of all candidates.
            lengths: int32 `(B, N, 4, 3)`, how long each has been held or repeated.
            lags: int32 `(B, N, 4, 2)`, which lag back the two were found.
            above: what `table` returns, where many steps are written one by one.
            training: whether dropout is on.
        """
        above = self.table() if above is None else above
        steps = ops.shape(read)[1]
        # No `ops.add`: Keras takes it for the bias of a layer, which LiteRT has for floats alone.
        kinds = lengths + ops.arange(CANDIDATES, dtype="int32") * KINDS
        lags = lags + ops.convert_to_tensor(self.first_lags)
        last = ops.reshape(last, (-1, steps, VOICES * notes.shape[-1]))
        x = self.common(ops.concatenate([read, last], axis=-1))  # (B, N, 4 H)
        x = x + ops.matmul(ops.reshape(notes, (-1, steps, above.shape[0])), above)
        x = ops.reshape(x, (-1, steps, VOICES, self.units))
        own = ops.moveaxis(self._own(proposed, ids, kinds, lags), 2, 0)  # (4, B, N, F)
        own = ops.matmul(ops.reshape(own, (VOICES, -1, own.shape[-1])), self.own)
        own = ops.reshape(own, (VOICES, -1, steps, self.units))
        x = x + ops.moveaxis(own, 0, 2)
        x = self.dropouts[0](gelu(x), training=training)
        x = self.dropouts[1](gelu(self.hidden(x)), training=training)  # (B, N, 4, H)
        raises = self.raises(x) + ops.squeeze(self.trust(kinds), -1)  # (B, N, 4, 3)
        raises = raises + ops.pad(
            ops.squeeze(self.trust_lag(lags), -1), ((0, 0), (0, 0), (0, 0), (1, 0))
        )
        raised = ops.one_hot(ids, self.vocab_size) * ops.expand_dims(raises, -1)  # (B, N, 4, 3, V)
        return self.logits(x) + ops.sum(raised, axis=-2)

    def _own(self, proposed, ids, kinds, lags):
        """Return what each voice is told of its own candidates: `(B, N, 4, F)`."""
        shape = (-1, ops.shape(ids)[1], VOICES)
        counts = ops.concatenate([self.lengths(kinds), self.lags(lags)], axis=-2)
        agree = [ops.equal(ids[..., a], ids[..., b]) for a, b in PAIRS]
        return ops.concatenate(
            [
                ops.reshape(proposed, (*shape, PROPOSED * proposed.shape[-1])),
                ops.reshape(counts, (*shape, (CANDIDATES + PROPOSED) * counts.shape[-1])),
                ops.cast(ops.stack(agree, axis=-1), proposed.dtype),
            ],
            axis=-1,
        )


def _before(first):
    """Return the step before the first one of a window that begins with the ids `(B,)`.

    That is the start, or a step of which the window shows the bass alone.
    """
    others = ops.where(ops.equal(first, START), START, PAD)
    return ops.stack([others, others, others, first], axis=-1)
