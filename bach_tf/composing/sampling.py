"""The compiled sampling loop: generation is one graph call, for every model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import tensorflow as tf

from bach_tf._basics.messages import shortened
from bach_tf.codecs import PAD, Codec, SatbCodec
from bach_tf.composing.progress import Report, unheard
from bach_tf.composing.rules import Rules
from bach_tf.composing.steering import COUNTER, count_step, goes_on, steered
from bach_tf.models import NextTokenModel, cpu

HIGHEST_TEMPERATURE = 100  # beyond it, sampling is practically uniform
MOST_CHANCES = 1 << 28  # random numbers per call: a gigabyte
SPLIT_BATCHES_FROM = 16  # larger batches run as two parallel loops
INPUTS = (  # of the compiled loop, in the order of `Sampler.loop`
    tf.TensorSpec([None], tf.int32),
    *(tf.TensorSpec([], kind) for kind in (tf.int32, tf.int32, tf.float32, tf.int32)),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None], tf.bool),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.float32),
)


class Sampler:
    """Samples pieces from a model token by token, carrying the model's state.

    Compiled at the first call and reused for other prompts, lengths, temperatures, seeds and
    numbers of pieces; compiled again for batches from `SPLIT_BATCHES_FROM` pieces on, and for
    `top_k` or `top_p`. The cost per token does not grow with the length of the piece, unless that
    of the model's `step` does.

    Args:
        model: computes the logits.
        codec: defines the ids allowed at each position, and the end token.
        rules: names of the rules enforced on new pieces, for four-part codecs.

    Raises:
        ValueError: rules for another codec.

    Example:
        >>> ids = Sampler(model, codec).sample(  # doctest: +SKIP
        ...     [codec.START], length=256, temperature=1.0, seed=7
        ... )
    """

    def __init__(self, model: NextTokenModel, codec: Codec, rules: Sequence[str] = ()):
        self.model = model
        self.codec = codec
        self.rules = _rules_of(codec, rules) if rules else None
        self._loops: dict[tuple[int, bool], Callable[..., tf.Tensor]] = {}  # compiled loops

    def sample(
        self,
        prompt: np.typing.ArrayLike,
        *,
        length: int,
        temperature: float,
        seed: int,
        num_outputs: int = 1,
        first: int = 0,
        min_length: int = 0,
        top_k: int = 0,
        top_p: float = 1.0,
        allowed: np.ndarray | None = None,
        progress: Report = unheard,
    ) -> np.ndarray:
        """Return pieces that begin with the prompt.

        Args:
            prompt: ids `(P,)`, beginning with the start token.
            length: ids per piece, including the prompt but not its start token.
            temperature: divides the logits; above 1 is more daring, 0 takes the most probable id.
            seed: random seed; piece `n` depends only on it and on `n`, not on `num_outputs`.
            num_outputs: number of pieces.
            first: index of the first piece, if a larger set is sampled in parts.
            min_length: minimum length of a piece, counted like `length`; at least one id follows
                the prompt in any case.
            top_k: restrict sampling to this many of the most probable ids; 0 for all.
            top_p: restrict sampling to the fewest ids with this total probability, after the
                temperature (nucleus sampling, Holtzman et al. 2020, arXiv 1904.09751).
            allowed: bool `(period, V)` with a period of its own, or `(V,)`: further restrictions of
                the ids at each position, such as to a voice's range. Those of the codec, including
                its opening, still apply.
            progress: called with the fraction done; an exception in it stops the loop.

        Returns:
            int32 `(num_outputs, 1 + length)`; padding follows the end of a piece.

        Raises:
            ValueError: if the prompt is empty or leaves no room, the temperature is outside
                0..`HIGHEST_TEMPERATURE`, `top_k` or `top_p` is invalid, no piece or more than
                `MOST_CHANCES` ids are requested, or no id is allowed at some position.
        """
        prompt = np.asarray(prompt, np.int32).reshape(-1)
        if not prompt.size or length < prompt.size:
            raise ValueError(
                f"`length` must leave room after the prompt. Received: length={length} and a "
                f"prompt of {max(prompt.size - 1, 0)} ids after the start token"
            )
        check_temperature(temperature)
        if num_outputs < 1:
            raise ValueError(f"`num_outputs` must be at least 1. Received: {num_outputs}")
        if num_outputs * length > MOST_CHANCES:
            raise ValueError(
                f"Expected at most {MOST_CHANCES:,} ids in one call. Received: "
                f"{num_outputs:,} pieces of {length:,}. Sample them in parts, using `first`."
            )
        check_top(top_k, top_p)
        vocab_size = self.codec.vocab_size
        top_k = min(top_k or vocab_size, vocab_size)
        # Sorting is slow, so it is only part of the graph if needed.
        parts = 2 if num_outputs >= SPLIT_BATCHES_FROM else 1
        loop = self._compiled(parts, top_k < vocab_size or top_p < 1)
        inputs = (
            tf.constant(prompt),
            tf.constant(length),
            tf.constant(max(min(min_length, length), prompt.size)),
            tf.constant(temperature, tf.float32),
            tf.constant(to_int32(seed)),
            tf.range(first, first + num_outputs),
            tf.constant(self._may_draw(allowed)),
            tf.constant(top_k),
            tf.constant(top_p, tf.float32),
        )
        return steered(lambda *counters: loop(*inputs, *counters).numpy(), parts, length, progress)

    def _compiled(self, parts: int, sorts: bool) -> Callable[..., tf.Tensor]:
        """Return the loop compiled for a number of parts, with or without sorting."""
        if (parts, sorts) not in self._loops:
            # Shapes are left open, so that primers of other lengths do not trigger compilation. The
            # code uses TensorFlow's own loops and conditions, because AutoGraph's rewriting at the
            # first call would take longer than everything else.
            loop = tf.function(
                partial(self._in_parts, parts, sorts),
                input_signature=(*INPUTS, *[COUNTER] * parts),
                autograph=False,
            )
            loop.get_concrete_function()  # traces it in this thread, where Ctrl-C can stop it
            self._loops[parts, sorts] = loop
        return self._loops[parts, sorts]

    def _may_draw(self, allowed) -> np.ndarray:
        """Return the ids allowed in the opening, then at each position of a period."""
        return np.concatenate([self.codec.opening, self._in_steps(allowed)])

    def _in_steps(self, allowed) -> np.ndarray:
        """Return the ids allowed at each position of a common period."""
        may_follow = self.codec.may_follow  # (P, V)
        if allowed is None:
            return may_follow
        allowed = np.atleast_2d(np.asarray(allowed, bool))
        period = math.lcm(len(may_follow), len(allowed))
        both = np.resize(may_follow, (period, may_follow.shape[1]))
        both = both & np.resize(allowed, both.shape)
        music = both & (np.arange(both.shape[1]) != self.codec.END)
        if not music.any(axis=1).all():
            position = int(np.argmin(music.any(axis=1)))
            raise ValueError(
                f"`allowed` must leave an id to sample at every position. Received: none at "
                f"position {position} of {period}"
            )
        return both

    def loop(
        self,
        prompt: tf.Tensor,
        length: tf.Tensor,
        min_length: tf.Tensor,
        temperature: tf.Tensor,
        seed: tf.Tensor,
        outputs: tf.Tensor,
        may_draw: tf.Tensor,
        top_k: tf.Tensor | None,
        top_p: tf.Tensor,
    ) -> tf.Tensor:
        """Compute the result of `sample` from tensors, for use in the graph of another function.

        Args:
            prompt: int32 `(P,)`, at least one id.
            length: int32 scalar, at least P.
            min_length: int32 scalar, at least P.
            temperature: float32 scalar, at least 0.
            seed: int32 scalar.
            outputs: int32 `(N,)`, indices of the pieces.
            may_draw: bool `(H + period, V)`: the ids allowed at each position, beginning with the
                codec's opening.
            top_k: int32 scalar, at least 1; `None` for all ids regardless of `top_p`.
            top_p: float32 scalar, above 0.

        Returns:
            int32 `(N, 1 + length)`.
        """
        return self._sample(
            prompt, length, min_length, temperature, seed, outputs, may_draw, top_k, top_p
        )

    def _in_parts(
        self,
        parts,
        sorts,
        prompt,
        length,
        min_length,
        temperature,
        seed,
        outputs,
        may_draw,
        top_k,
        top_p,
        *counters,
    ) -> tf.Tensor:
        """Run `loop` with the pieces divided among several parallel loops."""
        options = (may_draw, top_k if sorts else None, top_p)
        ends = [tf.size(outputs) * part // parts for part in range(parts + 1)]
        pieces = [
            self._sample(
                prompt, length, min_length, temperature, seed, outputs[start:end], *options, counter
            )
            for (start, end), counter in zip(pairwise(ends), counters)
        ]
        return tf.concat(pieces, axis=0)

    def _sample(
        self,
        prompt,
        length,
        min_length,
        temperature,
        seed,
        outputs,
        may_draw,
        top_k,
        top_p,
        counter=None,
    ):
        batch, rules, end = tf.size(outputs), self.rules, self.codec.END
        chances = _chances(seed, outputs, length)  # (N, L)
        pieces = tf.TensorArray(tf.int32, length + 1, element_shape=[None])
        first = tf.fill([batch], prompt[0])  # (N,)

        def go_on(t, ids, ended, state, kept, pieces):
            return (t < length) & ~tf.reduce_all(ended) & goes_on(counter)

        def step(t, ids, ended, state, kept, pieces):
            count_step(counter)
            logits, state = self.model.step(ids, state)  # (N, V)
            allowed = self._allowed_at(t, may_draw, min_length)  # (V,)
            if rules is not None:
                heat = tf.where(temperature > 0, temperature, 1.0)
                logits = heat * rules.weigh(logits / heat, allowed, t, length, kept)
            ids = draw(logits, allowed, chances[:, t], temperature, top_k, top_p)
            ids = _or_prompt(tf.where(ended, PAD, ids), prompt, t + 1)  # (N,)
            kept = kept if rules is None else rules.advance(ids, t, kept)
            return t + 1, ids, ended | (ids == end), state, kept, pieces.write(t + 1, ids)

        ended = tf.zeros_like(first, tf.bool)
        kept = () if rules is None else rules.first_state(batch)
        with cpu.tracing_a_loop():
            state = self.model.initial_state(batch)
            loop = (tf.constant(0), first, ended, state, kept, pieces.write(0, first))
            pieces = tf.while_loop(go_on, step, loop)[-1]
        return tf.transpose(pieces.stack())  # (N, 1 + L)

    def _allowed_at(self, t: tf.Tensor, may_draw: tf.Tensor, min_length: tf.Tensor) -> tf.Tensor:
        """Return the ids allowed at a position; the end token only after the minimum length."""
        opening = len(self.codec.opening)
        period = tf.shape(may_draw)[0] - opening
        row = tf.where(t < opening, t, opening + (t - opening) % period)
        allowed = tf.gather(may_draw, row)  # (V,)
        return allowed & ((tf.range(tf.size(allowed)) != self.codec.END) | (t >= min_length))


def _chances(seed: tf.Tensor, outputs: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return uniform random numbers `(N, length)`; each row depends on its piece alone."""
    chances = tf.map_fn(
        lambda n: tf.random.stateless_uniform([length], tf.stack([seed, n])),
        outputs,
        fn_output_signature=tf.float32,
    )
    return tf.ensure_shape(chances, [None, None])


def _or_prompt(ids: tf.Tensor, prompt: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Return the prompt's id at a position within it, otherwise `ids`."""
    length = tf.size(prompt)
    given = tf.gather(prompt, tf.minimum(position, length - 1))
    return tf.where(position < length, given, ids)


def _rules_of(codec: Codec, rules: Sequence[str]) -> Rules:
    if not isinstance(codec, SatbCodec):
        raise ValueError(
            f"Expected a codec of four voices, for `rules` {', '.join(rules)}. Received: a "
            f"{type(codec).__name__}"
        )
    return Rules(codec, rules)


def draw(
    logits: tf.Tensor,
    allowed: tf.Tensor,
    chance: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor | None = None,
    top_p: tf.Tensor | None = None,
) -> tf.Tensor:
    """Sample one id per row by inverting the cumulative distribution.

    Args:
        logits: float32 `(N, V)`.
        allowed: bool `(V,)`; other ids are never sampled.
        chance: float32 `(N,)`, uniform in 0..1.
        temperature: float32 scalar; 0 takes the most probable id.
        top_k: int32 scalar, at least 1; `None` for all ids regardless of `top_p`.
        top_p: float32 scalar in 0..1: minimum total probability of the ids kept.

    Returns:
        int32 `(N,)`.
    """
    logits = tf.where(allowed, logits, -math.inf)
    greedy = tf.argmax(logits, axis=1, output_type=tf.int32)
    # Subtracting the maximum first keeps very low temperatures finite.
    distances = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    scaled = distances / tf.where(temperature > 0, temperature, 1.0)
    if top_k is not None:
        everything = tf.greater_equal(top_k, tf.shape(scaled)[1]) & tf.greater_equal(top_p, 1.0)
        # Sorting is slow.
        scaled = tf.cond(everything, lambda: scaled, lambda: keep_top(scaled, top_k, top_p))
    # Not normalised: compared with the last entry instead.
    cumulative = tf.cumsum(tf.exp(scaled), axis=1)  # (N, V)
    below = cumulative <= chance[:, None] * cumulative[:, -1:]
    drawn = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
    return tf.where(temperature > 0, drawn, greedy)


def keep_top(logits: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Set all but the most probable ids of each row to minus infinity.

    Args:
        logits: float32 `(N, V)`.
        top_k: int32 scalar: maximum number of ids; ties are resolved in favour of lower ids.
        top_p: float32 scalar: the fewest ids are kept whose probabilities sum to at least this.

    Returns:
        float32 `(N, V)`.
    """
    order = tf.argsort(logits, axis=1, direction="DESCENDING", stable=True)  # (N, V)
    probs = tf.nn.softmax(tf.gather(logits, order, batch_dims=1))
    before = tf.cumsum(probs, axis=1, exclusive=True)  # total of the more probable ids
    rank = tf.range(tf.shape(logits)[1])
    kept = (rank == 0) | ((before < top_p) & (rank < top_k))  # (N, V), in sorted order
    kept = tf.gather(kept, tf.argsort(order, axis=1), batch_dims=1)
    return tf.where(kept, logits, -math.inf)


def check_temperature(temperature: float) -> None:
    """Raise `ValueError` unless the temperature is in 0..`HIGHEST_TEMPERATURE`."""
    if not 0 <= temperature <= HIGHEST_TEMPERATURE:
        raise ValueError(
            "`temperature` must be a number of at least 0 and at most "
            f"{HIGHEST_TEMPERATURE}: higher is more daring, 0 is greedy. "
            f"Received: {shortened(temperature)}"
        )


def check_top(top_k: int, top_p: float) -> None:
    """Raise `ValueError` unless `top_k` is a whole number and `top_p` is in (0, 1]."""
    if not 0 <= top_k < math.inf or top_k != int(top_k):
        raise ValueError(
            f"`top_k` must be a whole number, 0 for all ids. Received: {shortened(top_k)}"
        )
    if not 0 < top_p <= 1:
        raise ValueError(f"`top_p` must be above 0 and at most 1. Received: {shortened(top_p)}")


def to_int32(seed: int) -> int:
    """Fold a seed into a signed 32-bit integer."""
    return (int(seed) + 2**31) % 2**32 - 2**31
