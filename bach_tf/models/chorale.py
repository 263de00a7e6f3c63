"""A model of four-part music that reads step by step and writes voice by voice."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models import contexts, repeats
from bach_tf.models import memory as memories
from bach_tf.models.base import NextTokenModel, Shape, State, Tensor
from bach_tf.models.intervals import IntervalScores, check_order
from bach_tf.models.layers import Dropout, Embedding, LayerNormalization, MovedNotes, taken
from bach_tf.models.rules import RuleScores
from bach_tf.models.steps import in_steps, step_before
from bach_tf.models.transformer import Block
from bach_tf.models.voice_writer import KINDS, NATURAL, VOICES, VoiceWriter

STEPS_PER_LAG = 4  # repeats start on a beat


class Chorale(NextTokenModel):
    """Attention over steps, and a decoder that writes the four voices of a step in turn.

    A step is four tokens, one per voice, in the codec's `order`. The attention reads the previous
    steps, each as its four notes, their durations so far and the position in the bar, so that its
    sequence is a quarter as long as for a model of tokens. The decoder sees the voices already
    written in the current step. It can raise the logits of three candidates: the last note of the
    voice, and two continuations of earlier occurrences of the passage. Chorales repeat their first
    lines exactly, and a model of a few hundred pieces does not learn such copying by itself. With a
    memory of other pieces there are three more candidates: their most frequent continuations after
    the same changes of the voice, and below the same melody (`Memory`). Scores of intervals
    (`IntervalScores`) and of broken rules (`RuleScores`) are added to the logits.

    In training the results from the memory may be passed as `(ids, found)`, int32 `(B, N, 4, 3)` as
    returned by `Index.look_up`, so that no piece finds itself.

    Args:
        vocab_size: size of the vocabulary, including padding.
        layers: number of attention layers.
        units: width of the attention.
        heads: number of attention heads, which share the width.
        feed_forward: width of the hidden layer of each block.
        context: steps that a layer attends to, including the current one.
        decoder: width of the two hidden layers of the decoder.
        embedding: size of the note embedding.
        period: period of the positions in tokens, a multiple of four. Training windows must start
            at multiples of it.
        lags: number of beats back in which repeats are searched for.
        dropout: dropout rate of the embeddings and of the outputs of each part.
        decoder_dropout: dropout rate of the hidden units of the decoder.
        note_dropout: fraction of the notes that are hidden from the attention in training.
        moved_notes: fraction of these notes moved by up to four semitones in training.
        order: voice of each token of a step, 0 for the highest.
        rules: whether to add scores of broken rules.
        memory: the text of a `Memory`, "" for an empty one; `None` for none.

    Raises:
        ValueError: if `period` is not a multiple of four, or `order` is not a permutation.

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
        moved_notes: float = 0.0,
        order: Sequence[int] = NATURAL,
        rules: bool = False,
        memory: str | None = None,
    ):
        super().__init__()
        check_order(order)
        if period % VOICES:
            raise ValueError(f"`period` must be a multiple of {VOICES}. Received: {period}")
        self.period = period // VOICES  # in steps
        self.lags = np.arange(1, lags + 1, dtype=np.int32) * STEPS_PER_LAG
        self.embedding = Embedding(
            vocab_size,
            embedding,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.held = Embedding(KINDS, embedding // 4)
        self.place = Embedding(self.period, units)
        self.moved_notes = MovedNotes(moved_notes, SatbCodec.FIRST_PITCH, vocab_size)
        self.note_dropout = Dropout(note_dropout, noise_shape=(None, None, VOICES, 1))
        self.reader = keras.layers.Dense(units)
        self.dropout = Dropout(dropout)
        self.blocks = [Block(heads, context, feed_forward, dropout, 0.0) for _ in range(layers)]
        self.norm = LayerNormalization(epsilon=1e-5)
        self.writer = VoiceWriter(
            vocab_size,
            decoder,
            dropout=decoder_dropout,
            counts=embedding // 4,
            lags=lags,
            found=0 if memory is None else contexts.KINDS_OF_CONTEXT,
        )
        self.intervals = IntervalScores(vocab_size)
        self.rules = RuleScores(vocab_size, order) if rules else None
        self.memory = None if memory is None else memories.remembered(memory)
        self.vocab_size = vocab_size

    def build(self, ids_shape: Shape) -> None:  # noqa: D102
        chords = (ids_shape[0], None, VOICES)
        for layer in (self.embedding, self.held):
            layer.build(chords)
        self.place.build(chords[1:2])
        self.reader.build(
            (*chords[:2], VOICES * (self.embedding.output_dim + self.held.output_dim))
        )
        read = (*chords[:2], self.place.output_dim)
        for block in self.blocks:
            block.build(read)
        self.norm.build(read)
        notes = (*chords, self.embedding.output_dim)
        self.writer.build(read, notes)
        self.intervals.build(chords)
        if self.rules is not None:
            self.rules.build(chords)

    def call(self, ids: Tensor, training: bool = False) -> Tensor:  # noqa: D102
        ids, found = ids if isinstance(ids, (tuple, list)) else (ids, None)
        length = ops.shape(ids)[1]
        chords = in_steps(ids[:, 1:])  # (B, N, 4), padded by at least one token
        last = ops.concatenate([step_before(ids[:, 0])[:, None], chords[:, :-1]], axis=1)
        lasted = repeats.held_lengths(chords)
        held = repeats.behind(lasted, 1)
        earlier = repeats.lagged(chords, self.lags)  # (B, N, D, 4)
        runs = repeats.run_lengths(repeats.matches(chords, earlier))
        proposed = repeats.propose(chords, earlier, repeats.behind(runs, 1), self.lags)
        places = ops.arange(ops.shape(chords)[1], dtype="int32") % self.period
        if self.memory is not None:
            if found is None:
                found = self.memory.index.look_up(*contexts.named(last, chords, lasted))
                found = ops.reshape(found, (-1, ops.shape(chords)[1], *found.shape[1:]))
            first = ops.broadcast_to(chords[..., :1], ops.shape(chords))[..., 1:]
            below = ops.concatenate([last[..., :1], first], axis=-1)
            proposed = self._with_found(proposed, found, last, below)
        notes = self.embedding(last)  # (B, N, 4, E)
        x = self._read(last, notes, held, places, training)  # (B, N, U)
        for block in self.blocks:
            x = block(x, training=training)
        candidates = self._candidates(last, held, proposed)
        notes = self.embedding(chords), notes
        logits = self.writer(self.norm(x), *notes, *candidates, training=training)
        logits = logits + self.intervals(last, chords)
        if self.rules is not None:
            logits = logits + self.rules(last, chords)
        logits = ops.reshape(logits, (-1, VOICES * ops.shape(chords)[1], logits.shape[-1]))
        return logits[:, :length]  # (B, T, V)

    def initial_state(self, batch_size: int) -> State:  # noqa: D102
        def zeros(*shape):
            return ops.zeros((batch_size, *shape), "int32")

        steps = {
            "last": zeros(VOICES),
            "held": zeros(VOICES),
            "chord": zeros(VOICES),
            "history": zeros(int(self.lags[-1]), VOICES),  # the most recent step last
            "earlier": zeros(len(self.lags), VOICES),
            "runs": zeros(len(self.lags), VOICES + 1),
            "base": ops.zeros((batch_size, VOICES * self.writer.units)),
            "tables": self._tables(),  # they stay as they are
            "caches": tuple(block.attention.initial_state(batch_size) for block in self.blocks),
        }
        if self.memory is not None:
            hashes = zeros(VOICES, contexts.DEEPEST, contexts.HASHES)
            steps["contexts"] = hashes, zeros(VOICES)
        return zeros(), steps

    def _tables(self):
        """Return functions of the weights that all steps share."""
        rules = ops.zeros(()) if self.rules is None else self.rules.scaled()
        return {
            "writer": self.writer.tables(),
            "intervals": self.intervals.tables(),
            "rules": ops.convert_to_tensor(rules),
        }

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: D102
        position, steps = state
        place = position[0]
        voice = place % VOICES  # whose note is written; `ids` is the one before it
        latest = np.arange(VOICES) == (voice - 1) % VOICES
        chord = ops.where(latest, ops.expand_dims(ids, -1), steps["chord"])
        steps = {**steps, "chord": chord}
        steps = ops.cond(voice == 0, lambda: self._next_step(ids, place, steps), lambda: steps)
        return self._write(voice, place < VOICES, steps), (position + 1, steps)

    def _write(self, voice, first, steps):
        """Return the logits of one voice of the current step: `(B, V)`."""
        last, chord, tables = steps["last"], steps["chord"], steps["tables"]
        candidates = self._candidates(*self._proposed_next(voice, first, steps))
        notes = self.embedding(chord)
        logits = self.writer.one(voice, steps["base"], notes, candidates, tables["writer"])
        logits = logits + self.intervals.one(voice, last, chord, tables["intervals"])
        if self.rules is not None:
            logits = logits + self.rules.one(voice, last, chord, tables["rules"])
        return logits

    def _proposed_next(self, voice, first, steps):
        """Return the last note of a voice, how long it has been held, and its candidates."""
        last, held, chord = steps["last"], steps["held"], steps["chord"]
        proposed = repeats.propose_next(voice, chord, steps["earlier"], steps["runs"], self.lags)
        own = taken(last, voice, axis=1)  # (B,)
        if self.memory is not None:
            named = contexts.named_next(steps["contexts"], last, chord, held, (voice, first))
            below = ops.where(voice > 0, chord[:, 0], last[:, 0])
            proposed = self._with_found(proposed, self.memory.index.look_up(*named), own, below)
        return own, taken(held, voice, axis=1), proposed

    def _with_found(self, proposed, found, last, below):
        """Append the candidates from the memory to the proposals; see `memories.follow`."""
        ids, lengths, lags = proposed
        more, kinds = memories.follow(found, last, below, self.vocab_size)
        ids = ops.concatenate([ids, more], axis=-1)  # (B, N, 4, 4)
        return ids, ops.concatenate([lengths, kinds], axis=-1), lags

    def _candidates(self, last, held, proposed):
        """Return the candidates as the writer needs them: embeddings, ids, lengths and lags."""
        ids, lengths, lags = proposed
        every = ops.concatenate([ops.expand_dims(last, -1), ids], axis=-1)  # (B, N, 4, C)
        lengths = ops.concatenate([ops.expand_dims(held, -1), lengths], axis=-1)
        return self.embedding(ids), every, lengths, lags

    def _next_step(self, ids, place, steps):
        """Return the state after the attention has read the step completed by `ids`."""
        begun = place > 0
        finished, earlier = steps["chord"], steps["earlier"]  # (B, 4), (B, D, 4)
        same = repeats.matches(finished[:, None], earlier[:, None])[:, 0]  # (B, D, 5)
        runs = ops.where(begun, same * (steps["runs"] + 1), 0)
        again = (finished == steps["last"]) & (place > VOICES)
        held = ops.where(begun, ops.where(again, steps["held"], 0) + 1, 0)
        last = ops.where(begun, finished, step_before(ids))
        held = ops.minimum(held, repeats.LONGEST)
        history = ops.concatenate([steps["history"][:, 1:], finished[:, None]], axis=1)
        history = ops.where(begun, history, steps["history"])
        return {
            **steps,
            **self._read_next(last, held, place // VOICES, steps["caches"]),
            **self._remembered(place, steps, last, held),
            "last": last,
            "held": held,
            "chord": ops.zeros_like(finished),
            "history": history,
            "earlier": taken(history, history.shape[1] - self.lags, axis=1),
            "runs": ops.minimum(runs, repeats.LONGEST),
        }

    def _read_next(self, last, held, step, caches):
        """Return the output of the attention after the last step, and its new caches."""
        notes = self.embedding(last)
        x = self._read(last, notes, held, step % self.period, False)  # (B, U)
        moment, caches = self.blocks[0].attention.moment(step, caches)
        read = []
        for block, cache in zip(self.blocks, caches):
            x, cache = block.step(x, moment, cache)
            read.append(cache)
        return {"base": self.writer.base(self.norm(x), notes), "caches": tuple(read)}

    def _remembered(self, place, steps, last, held):
        """Return the update of the contexts after a step, given the step and the state."""
        if self.memory is None:
            return {}
        code = contexts.moves(steps["last"], last, place == VOICES)
        advanced = contexts.advance(steps["contexts"], code, held, steps["held"])
        pairs = zip(advanced, steps["contexts"])
        return {"contexts": tuple(ops.where(place > 0, new, old) for new, old in pairs)}

    def _read(self, last, notes, held, places, training):
        """Return what the attention is given: `(B, N, U)`, or `(B, U)` of one step.

        Args:
            last: int32 `(B, N, 4)` or `(B, 4)`, the last notes.
            notes: float32 `(..., 4, E)`, the embeddings of the last notes.
            held: int32 `(..., 4)`, how long each has been held.
            places: int32 `(N,)` or `()`.
            training: whether dropout is on.
        """
        moved = self.moved_notes(last, training=training)
        if moved is not last:
            notes = self.embedding(moved)
        notes = self.note_dropout(notes, training=training)
        x = ops.concatenate([notes, self.held(held)], axis=-1)
        x = ops.reshape(x, (-1, *ops.shape(held)[1:-1], VOICES * x.shape[-1]))
        return self.dropout(self.reader(x) + self.place(places), training=training)

    def undecayed(self) -> list[keras.Variable]:
        """Return the weights without weight decay: embeddings, and scores of counted features."""
        scores = [self.intervals, self.rules, self.writer.trust, self.writer.trust_lag]
        special = {id(w) for layer in scores if layer is not None for w in layer.weights}
        return [w for w in self.trainable_weights if id(w) in special or len(w.shape) < 2]
