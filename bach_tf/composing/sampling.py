"""The compiled sampling loop: the whole generation is one graph call, for every model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import tensorflow as tf

from bach_tf._basics.messages import shortened
from bach_tf.codecs import PAD, Codec, SatbCodec
from bach_tf.composing.rules import Rules
from bach_tf.models import NextTokenModel

HIGHEST_TEMPERATURE = 100  # at which nearly all ids are drawn alike
MOST_CHANCES = 1 << 28  # random numbers that one call draws: a gigabyte
SPLIT_BATCHES_FROM = 16  # larger batches run as two parallel loops
INPUTS = (  # of the compiled loop, as `Sampler.loop` takes them
    tf.TensorSpec([None], tf.int32),
    *(tf.TensorSpec([], kind) for kind in (tf.int32, tf.int32, tf.float32, tf.int32)),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None], tf.bool),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.float32),
)


class Sampler:
    """Writes pieces with a model, token by token, carrying the model's state.

    Compiled at the first call and reused for other prompts, lengths, temperatures, seeds and
    numbers of pieces: once more for `SPLIT_BATCHES_FROM` pieces, and once
    more with `top_k` or `top_p`. The cost of a token does not grow with the tokens before it,
    unless the model's own `step` does.

    Args:
        model: gives the logits.
        codec: gives the ids that may follow at each position, and the end token.
        rules: names of the rules that new pieces keep, of a codec of four voices.

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
        self._loops: dict[tuple[int, bool], Callable[..., tf.Tensor]] = {}  # compiled

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
    ) -> np.ndarray:
        """Return pieces that begin with the prompt.

        Args:
            prompt: ids `(P,)`, the start token first.
            length: ids of a piece, the start token left out, the rest of the prompt counted.
            temperature: divides the logits; above 1 is more daring, 0 takes the most probable id.
            seed: piece `n` depends on it and on `n` alone, not on `num_outputs`.
            num_outputs: how many pieces.
            first: the number of the first of them, where a larger set is drawn in parts.
            min_length: a piece does not end before so many ids, counted as `length` is; at
                least one follows the prompt in any case.
            top_k: restrict sampling to so many of the most probable ids; 0 for all.
            top_p: restrict sampling to the fewest ids with this total probability,
                after the temperature (the nucleus of Holtzman et al. 2020, arXiv 1904.09751).
            allowed: bool `(period, V)` of a period of its own, or `(V,)`: the only ids that may be
                drawn at a position of a step, such as those of a voice's range. What the codec
                forbids stays forbidden, and its opening is as it says.

        Returns:
            int32 `(num_outputs, 1 + length)`; padding follows the end of a piece.

        Raises:
            ValueError: an empty prompt, no room behind it, a temperature out of
                0..`HIGHEST_TEMPERATURE`, an invalid `top_k` or `top_p`, no
                output asked for, more than `MOST_CHANCES` ids, or positions at which nothing is
                allowed.
        """
        prompt = np.asarray(prompt, np.int32).reshape(-1)
        if not prompt.size or length < prompt.size:
            raise ValueError(
                f"`length` must leave room behind the prompt. Received: length={length} and a "
                f"prompt of {max(prompt.size - 1, 0)} ids behind the start token"
            )
        check_temperature(temperature)
        if num_outputs < 1:
            raise ValueError(f"`num_outputs` must be at least 1. Received: {num_outputs}")
        if num_outputs * length > MOST_CHANCES:
            raise ValueError(
                f"Expected at most {MOST_CHANCES:,} ids in one call. Received: "
                f"{num_outputs:,} pieces of {length:,}. Draw them in parts, with `first`."
            )
        check_top(top_k, top_p)
        vocab_size = self.codec.vocab_size
        top_k = min(top_k or vocab_size, vocab_size)
        # Sorting costs time: without need it is not in the graph.
        loop = self._compiled(
            2 if num_outputs >= SPLIT_BATCHES_FROM else 1, top_k < vocab_size or top_p < 1
        )
        ids = loop(
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
        return ids.numpy()

    def _compiled(self, parts: int, sorts: bool) -> Callable[..., tf.Tensor]:
        """Return the compiled loop, in so many parts, with or without what `top_k` needs."""
        if (parts, sorts) not in self._loops:
            # Shapes are left open: a primer of another length must not compile it anew. Loop and
            # branches are TensorFlow's own already: rewriting the source, which AutoGraph does at
            # the first call, takes longer than all the rest of it.
            self._loops[parts, sorts] = tf.function(
                partial(self._in_parts, parts, sorts), input_signature=INPUTS, autograph=False
            )
        return self._loops[parts, sorts]

    def _may_draw(self, allowed) -> np.ndarray:
        """Return which ids may be drawn in the opening, then at each position of a period."""
        return np.concatenate([self.codec.opening, self._in_steps(allowed)])

    def _in_steps(self, allowed) -> np.ndarray:
        """Return which ids may be drawn at each position of a common period."""
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
                f"`allowed` must leave an id to draw at every position. Received: none at position "
                f"{position} of {period}"
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
        """Return what `sample` returns, of tensors: for the graph of another function.

        Args:
            prompt: int32 `(P,)`, at least one id.
            length: int32 scalar, at least P.
            min_length: int32 scalar, at least P.
            temperature: float32 scalar, at least 0.
            seed: int32 scalar.
            outputs: int32 `(N,)`, the numbers of the pieces.
            may_draw: bool `(H + period, V)`: which ids may be drawn where, those of the codec's
                opening first.
            top_k: int32 scalar, at least 1; `None` for all ids, whatever `top_p`.
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
    ) -> tf.Tensor:
        """Return what `loop` returns, the pieces dealt out to so many loops."""
        options = (may_draw, top_k if sorts else None, top_p)
        ends = [tf.size(outputs) * part // parts for part in range(parts + 1)]
        pieces = [
            self._sample(
                prompt, length, min_length, temperature, seed, outputs[start:end], *options
            )
            for start, end in pairwise(ends)
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
    ):
        batch, prompt_length = tf.size(outputs), tf.size(prompt)
        chances = tf.map_fn(  # (N, L)
            lambda n: tf.random.stateless_uniform([length], tf.stack([seed, n])),
            outputs,
            fn_output_signature=tf.float32,
        )
        chances = tf.ensure_shape(chances, [None, None])
        end, opening = self.codec.END, len(self.codec.opening)
        period = tf.shape(may_draw)[0] - opening
        pieces = tf.TensorArray(tf.int32, length + 1, element_shape=[None])
        first = tf.fill([batch], prompt[0])  # (N,)

        rules = self.rules

        def go_on(t, ids, ended, state, kept, pieces):
            return (t < length) & ~tf.reduce_all(ended)

        def step(t, ids, ended, state, kept, pieces):
            logits, state = self.model.step(ids, state)  # (N, V)
            row = tf.where(t < opening, t, opening + (t - opening) % period)
            allowed = tf.gather(may_draw, row)  # (V,)
            allowed &= (tf.range(tf.size(allowed)) != end) | (t >= min_length)
            if rules is not None:
                heat = tf.where(temperature > 0, temperature, 1.0)
                logits = heat * rules.weigh(logits / heat, allowed, t, length, kept)
            ids = draw(logits, allowed, chances[:, t], temperature, top_k, top_p)
            ids = tf.where(ended, PAD, ids)
            given = tf.gather(prompt, tf.minimum(t + 1, prompt_length - 1))
            ids = tf.where(t + 1 < prompt_length, given, ids)  # (N,)
            kept = kept if rules is None else rules.advance(ids, t, kept)
            return t + 1, ids, ended | (ids == end), state, kept, pieces.write(t + 1, ids)

        state = self.model.initial_state(batch)
        ended = tf.zeros_like(first, tf.bool)
        kept = () if rules is None else rules.first_state(batch)
        loop = (tf.constant(0), first, ended, state, kept, pieces.write(0, first))
        pieces = tf.while_loop(go_on, step, loop)[-1]
        return tf.transpose(pieces.stack())  # (N, 1 + L)


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
    """Draw one id for each row, by inverting the cumulative distribution.

    Args:
        logits: float32 `(N, V)`.
        allowed: bool `(V,)`; the others are never drawn.
        chance: float32 `(N,)`, uniform in 0..1.
        temperature: float32 scalar; 0 takes the most probable id.
        top_k: int32 scalar, at least 1: of how many ids; all when `None`, whatever `top_p`.
        top_p: float32 scalar in 0..1: the probability mass that they have at least.

    Returns:
        int32 `(N,)`.
    """
    logits = tf.where(allowed, logits, -math.inf)
    greedy = tf.argmax(logits, axis=1, output_type=tf.int32)
    # Subtracting the highest first keeps the smallest temperatures finite.
    distances = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    scaled = distances / tf.where(temperature > 0, temperature, 1.0)
    if top_k is not None:
        everything = tf.greater_equal(top_k, tf.shape(scaled)[1]) & tf.greater_equal(top_p, 1.0)
        # Sorting costs time.
        scaled = tf.cond(everything, lambda: scaled, lambda: keep_top(scaled, top_k, top_p))
    # Not normalised: each is compared with the last one.
    cumulative = tf.cumsum(tf.exp(scaled), axis=1)  # (N, V)
    below = cumulative <= chance[:, None] * cumulative[:, -1:]
    drawn = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
    return tf.where(temperature > 0, drawn, greedy)


def keep_top(logits: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Return the logits with all but the most probable ids of each row at minus infinity.

    Args:
        logits: float32 `(N, V)`.
        top_k: int32 scalar: at most so many; of equally probable ids the lower ones.
        top_p: float32 scalar: the fewest whose probabilities sum up to at least this.

    Returns:
        float32 `(N, V)`.
    """
    order = tf.argsort(logits, axis=1, direction="DESCENDING", stable=True)  # (N, V)
    probs = tf.nn.softmax(tf.gather(logits, order, batch_dims=1))
    before = tf.cumsum(probs, axis=1, exclusive=True)  # of the more probable ones
    rank = tf.range(tf.shape(logits)[1])
    kept = (rank == 0) | ((before < top_p) & (rank < top_k))  # (N, V), in the order
    kept = tf.gather(kept, tf.argsort(order, axis=1), batch_dims=1)
    return tf.where(kept, logits, -math.inf)


def check_temperature(temperature: float) -> None:
    """Raise `ValueError` unless the temperature is a number in 0..`HIGHEST_TEMPERATURE`."""
    if not 0 <= temperature <= HIGHEST_TEMPERATURE:
        raise ValueError(
            "`temperature` must be a number of at least 0 and at most "
            f"{HIGHEST_TEMPERATURE}: higher is more daring, 0 is greedy. "
            f"Received: {shortened(temperature)}"
        )


def check_top(top_k: int, top_p: float) -> None:
    """Raise `ValueError` unless `top_k` is a whole number and `top_p` is in 0..1, 0 excluded."""
    if not 0 <= top_k < math.inf or top_k != int(top_k):
        raise ValueError(
            f"`top_k` must be a whole number, 0 for all ids. Received: {shortened(top_k)}"
        )
    if not 0 < top_p <= 1:
        raise ValueError(f"`top_p` must be above 0 and at most 1. Received: {shortened(top_p)}")


def to_int32(seed: int) -> int:
    """Return the seed folded into 32 bits, the sign included."""
    return (int(seed) + 2**31) % 2**32 - 2**31
