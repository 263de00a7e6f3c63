"""The compiled loop of a particle filter, which writes all particles token by token."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.composing.endings import Ending
from bach_tf.composing.given_tokens import BEGINS, HOLDS
from bach_tf.composing.rules import Rules
from bach_tf.composing.sampling import draw
from bach_tf.composing.steering import count_step, goes_on
from bach_tf.formats.grid_csv import VOICES
from bach_tf.models import NextTokenModel, cpu

FEWEST = 0.5  # resample when the effective sample size falls below this fraction
BREACH = 0.01  # assumed probability of a given note that breaks a rule
LOWEST = -1e9  # log-probability of the impossible; sums of it stay finite
OPEN, ENDLESS, GIVEN = range(3)  # a token is free; is not the end; is constrained


class Plan(NamedTuple):
    """Inputs of the loop for each token, including the end: `(L, ...)` each.

    Args:
        base: bool `(L, V)`, the ids over which the probabilities of the model are normalised.
        allowed: bool `(L, V)`, the ids of these that may be sampled.
        kinds: int32 `(L,)`, `OPEN`, `ENDLESS` or `GIVEN`.
        links: int32 `(L,)`, as in `Constraints`.
        checks: bool `(L,)`, whether particles may be resampled after this token.
        home: as in `endings.Schedule`.
        dominant: as in `endings.Schedule`.
        away: as in `endings.Schedule`.
        fresh: as in `endings.Schedule`.
        tonics: as in `endings.Schedule`.
    """

    base: tf.Tensor
    allowed: tf.Tensor
    kinds: tf.Tensor
    links: tf.Tensor
    checks: tf.Tensor
    home: tf.Tensor
    dominant: tf.Tensor
    away: tf.Tensor
    fresh: tf.Tensor
    tonics: tf.Tensor


PLAN = Plan(
    base=tf.TensorSpec([None, None], tf.bool),
    allowed=tf.TensorSpec([None, None], tf.bool),
    kinds=tf.TensorSpec([None], tf.int32),
    links=tf.TensorSpec([None], tf.int32),
    checks=tf.TensorSpec([None], tf.bool),
    home=tf.TensorSpec([None], tf.float32),
    dominant=tf.TensorSpec([None], tf.float32),
    away=tf.TensorSpec([None], tf.float32),
    fresh=tf.TensorSpec([None], tf.bool),
    tonics=tf.TensorSpec([12], tf.bool),
)


class Rows(NamedTuple):
    """The state of each particle: `(N P, ...)` each."""

    ids: tf.Tensor
    state: Any  # state of the model
    kept: Any  # state of the rules
    paid: tf.Tensor  # bonus of each voice, to be replaced by the next one
    away: tf.Tensor  # bonus for the key, to be replaced by the next one
    bonus: tf.Tensor  # total bonus in the weights
    log_likelihood: tf.Tensor
    interventions: tf.Tensor


class Loop:
    """Writes several versions of a piece with many particles each.

    Args:
        model: the model.
        codec: the codec, for the start and end tokens and the tokens to count.
        keeps: the rules and the ending for four voices; `None` for other codecs.
        plan: the inputs for each token.
        temperature: float32 scalar.
        particles: int32 scalar.
        counter: handle of the counter of its steps, see `steering`.
    """

    def __init__(
        self,
        model: NextTokenModel,
        codec: Codec,
        keeps: tuple[Rules, Ending] | None,
        plan: Plan,
        temperature: tf.Tensor,
        particles: tf.Tensor,
        counter: tf.Tensor,
    ):
        self.model, self.codec, self.plan, self.particles = model, codec, plan, particles
        self.rules, self.ending = keeps or (None, None)
        self.counted = tf.constant(codec.counted)
        self.heat = tf.where(temperature > 0, temperature, 1.0)
        self.drawing = tf.where(temperature > 0, 1.0, 0.0)  # 0 selects the most probable id
        self.length = tf.size(plan.kinds)
        self.counter = counter

    def run(self, start: tf.Tensor, seed: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Write the pieces.

        Args:
            start: int32 scalar, the id before the first one.
            seed: int32 scalar.
            numbers: int32 `(N,)`, the numbers of the versions.

        Returns:
            the tokens, int32 `(L, N P)`; the ancestor of each particle of the next token, int32
            `(L, N P)`; and the fields of `Particles` except the ids.
        """
        versions, particles, length = tf.size(numbers), self.particles, self.length
        chances = tf.map_fn(  # (N, L + 1, P + 1)
            lambda n: tf.random.stateless_uniform([length + 1, particles + 1], tf.stack([seed, n])),
            numbers,
            fn_output_signature=tf.float32,
        )
        self.chances = tf.transpose(tf.ensure_shape(chances, [None, None, None]), (1, 0, 2))
        two, three = (self.model.initial_state(rows) for rows in (2, 3))
        # A state may also hold tensors without a row per particle: compare two numbers of rows.
        self.of_rows = tf.nest.map_structure(lambda a, b: a.shape != b.shape, two, three)
        with cpu.tracing_a_loop():
            begin = (
                tf.constant(0),
                self._first_rows(start, versions * particles),
                tf.zeros([versions, particles]),
                tf.zeros([versions]),
                *(tf.TensorArray(tf.int32, length, element_shape=[None]) for _ in range(2)),
            )
            _, rows, log_weights, evidence, tokens, ancestors = tf.while_loop(
                lambda t, *_: (t < length) & goes_on(self.counter), self._step, begin
            )
        total = tf.reduce_logsumexp(log_weights, axis=1)
        log_weights -= total[:, None]
        shape = tf.shape(log_weights)
        bonus = tf.reshape(rows.bonus, shape)
        # The weights include the bonus for the ending, which is not part of the given notes.
        without = tf.reduce_logsumexp(log_weights - bonus, axis=1)
        return (
            tokens.stack(),
            ancestors.stack(),
            log_weights,
            evidence + total - tf.math.log(tf.cast(particles, tf.float32)) + without,
            tf.reshape(rows.log_likelihood, shape),
            bonus,
            tf.reshape(rows.interventions, shape),
            self.chances[length, :, particles],
        )

    def _first_rows(self, start, rows) -> Rows:
        """Return the state of the particles before the first token."""
        return Rows(
            ids=tf.fill([rows], start),
            state=self.model.initial_state(rows),
            kept=() if self.rules is None else self.rules.first_state(rows),
            paid=tf.zeros([rows, len(VOICES)]),
            away=tf.zeros([rows]),
            bonus=tf.zeros([rows]),
            log_likelihood=tf.zeros([rows]),
            interventions=tf.zeros([rows], tf.int32),
        )

    def _step(self, t, rows: Rows, log_weights, evidence, tokens, ancestors):
        """Write a token, weight the particles, and resample them where this is due."""
        count_step(self.counter)
        gain, rows = self._written(t, rows)
        log_weights += tf.reshape(gain, tf.shape(log_weights))
        due = self.plan.checks[t] & (effective_share(log_weights) < FEWEST)  # (N,)
        tokens = tokens.write(t, rows.ids)
        own = tf.range(tf.size(rows.ids))
        chosen, rows, log_weights, evidence = tf.cond(
            tf.reduce_any(due),
            lambda: self._drawn_anew(t, due, rows, log_weights, evidence),
            lambda: (own, rows, log_weights, evidence),
        )
        return t + 1, rows, log_weights, evidence, tokens, ancestors.write(t, chosen)

    def _drawn_anew(self, t, due, rows: Rows, log_weights, evidence):
        """Resample the particles in proportion to their weights, in the versions that are due."""
        total = tf.reduce_logsumexp(log_weights, axis=1)
        mean = total - tf.math.log(tf.cast(self.particles, tf.float32))
        drawn = systematic(tf.exp(log_weights - total[:, None]), self.chances[t, :, -1])
        chosen = tf.where(due[:, None], drawn, tf.range(self.particles))
        begins = tf.range(tf.size(total)) * self.particles
        chosen = tf.reshape(chosen + begins[:, None], [-1])

        def gathered(x, of_rows=True):
            return tf.gather(x, chosen) if of_rows else x

        state = tf.nest.map_structure(gathered, rows.state, self.of_rows)
        rows = tf.nest.map_structure(gathered, rows._replace(state=()))._replace(state=state)
        log_weights = tf.where(due[:, None], 0.0, log_weights)
        return chosen, rows, log_weights, evidence + tf.where(due, mean, 0.0)

    def _written(self, t, rows: Rows):
        """Return the log-factors of the weights for a token, and the rows extended by it."""
        logits, state = self.model.step(rows.ids, rows.state)  # (N P, V)
        plain, ruled = self._compared(t, logits, rows)
        given = self.plan.kinds[t] == GIVEN
        # A given note that breaks a rule lowers the weight of its particle instead of losing it.
        both = tf.stack([ruled + math.log1p(-BREACH), plain + math.log(BREACH)])
        compared = tf.where(given, tf.reduce_logsumexp(both, axis=0), ruled)
        allowed = self._allowed(t, rows)
        bonus, before = self._bonus(t, rows)
        away = self._away(t, rows)
        inside = tf.where(allowed, compared + bonus + away, -math.inf)
        before += rows.away
        leads = (self.plan.home[t] > 0) | (self.plan.dominant[t] > 0)
        weighs = leads | (self.plan.away[t] > 0) | (self.plan.kinds[t] != OPEN)
        gain = tf.where(weighs, tf.reduce_logsumexp(inside, axis=1) - before, 0.0)
        chance = tf.reshape(self.chances[t, :, :-1], [-1])
        ids = draw(inside, allowed, chance, self.drawing)
        bonus, away = (tf.gather(each, ids, batch_dims=1) for each in (bonus, away))
        here = (tf.range(len(VOICES)) == t % len(VOICES)) & leads
        nats = tf.gather(tf.nn.log_softmax(logits), ids, batch_dims=1)
        rows = rows._replace(
            ids=ids,
            state=state,
            kept=() if self.rules is None else self.rules.advance(ids, t, rows.kept),
            paid=tf.where(here, bonus[:, None], rows.paid),
            away=away,
            bonus=rows.bonus + bonus + away - before,
            log_likelihood=rows.log_likelihood + tf.where(tf.gather(self.counted, ids), nats, 0.0),
            interventions=rows.interventions
            + self._intervened(given, plain, ruled, allowed, chance),
        )
        return gain, rows

    def _compared(self, t, logits, rows: Rows):
        """Return the log-probabilities of a token, without and with rules: `(N P, V)` both."""
        base = self.plan.base[t]
        logits = tf.where(base, logits, -math.inf)
        # Subtract the maximum first, so that the result is finite at the smallest temperatures.
        distances = (logits - tf.reduce_max(logits, axis=1, keepdims=True)) / self.heat
        heated = tf.where(base, tf.maximum(distances, LOWEST), -math.inf)
        plain = tf.nn.log_softmax(heated)
        if self.rules is None or not self.rules.names:
            return plain, plain
        weighed = self.rules.weigh(heated, base, t, self.length, rows.kept)
        return plain, tf.nn.log_softmax(weighed)

    def _allowed(self, t, rows: Rows):
        """Return which ids may be sampled: bool `(N P, V)`."""
        allowed = self.plan.allowed[t]
        if self.rules is None:
            return tf.repeat(allowed[None], tf.size(rows.ids), axis=0)
        last = rows.kept[0][:, -len(VOICES)]  # the previous id of the voice
        same = tf.range(tf.size(allowed)) == last[:, None]
        link = self.plan.links[t]
        return allowed & tf.where(link == HOLDS, same, ~same | (link != BEGINS))

    def _bonus(self, t, rows: Rows):
        """Return the bonus of each id `(N P, V)`, and the bonus it replaces: `(N P,)`."""
        shape = tf.size(rows.ids), tf.shape(self.plan.base)[1]
        nothing = tf.zeros(shape), tf.zeros(shape[:1])
        if self.rules is None or self.ending is None:
            return nothing
        home, dominant, voice = self.plan.home[t], self.plan.dominant[t], t % len(VOICES)

        def bonus():
            _, chord = self.rules.steps(voice, rows.kept[0])
            paid = tf.gather(rows.paid, voice, axis=1)
            return (
                self.ending.bonus(home, dominant, self.plan.tonics, voice, chord, rows.kept[2]),
                tf.where(self.plan.fresh[t], 0.0, paid),
            )

        return tf.cond((home > 0) | (dominant > 0), bonus, lambda: nothing)

    def _away(self, t, rows: Rows):
        """Return the bonus of each id for the key of the piece: `(N P, V)`."""
        nats, tonics = self.plan.away[t], self.plan.tonics
        nothing = tf.zeros([tf.size(rows.ids), tf.shape(self.plan.base)[1]])
        if self.rules is None or self.ending is None:
            return nothing
        return tf.cond(
            nats > 0, lambda: self.ending.away(nats, tonics, rows.kept[2]), lambda: nothing
        )

    def _intervened(self, given, plain, ruled, allowed, chance):
        """Return where a rule changes the token that would have been sampled: int32 `(N P,)`."""
        if plain is ruled:
            return 0
        ids = draw(tf.where(allowed, plain, -math.inf), allowed, chance, self.drawing)
        forbidden = tf.gather(ruled, ids, batch_dims=1) == -math.inf
        return tf.cast(forbidden & ~given, tf.int32)


def effective_share(log_weights: tf.Tensor) -> tf.Tensor:
    """Return the effective sample size as a fraction of the particles: `(N,)` for `(N, P)`.

    Example:
        >>> effective_share(tf.constant([[0.0, 0.0], [0.0, -99.0]])).numpy().tolist()
        [1.0, 0.5]
    """
    sums = tf.reduce_logsumexp(tf.stack([log_weights, 2 * log_weights]), axis=2)  # (2, N)
    particles = tf.cast(tf.shape(log_weights)[1], tf.float32)
    return tf.exp(2 * sums[0] - sums[1]) / particles


def systematic(weights: tf.Tensor, chance: tf.Tensor) -> tf.Tensor:
    """Systematic resampling: return the indices of particles, int32 `(N, P)`, in order.

    Each particle is selected in proportion to its weight, rounded up or down. Source: G. Kitagawa,
    "Monte Carlo filter and smoother for non-Gaussian nonlinear state space models", Journal of
    Computational and Graphical Statistics 5 (1996).

    Args:
        weights: float32 `(N, P)`, not necessarily normalised.
        chance: float32 `(N,)`, uniform in 0..1.

    Example:
        >>> systematic(tf.constant([[1.0, 5.0, 2.0]]), tf.constant([0.5])).numpy().tolist()
        [[1, 1, 2]]
    """
    particles = tf.shape(weights)[1]
    cumulative = tf.cumsum(weights, axis=1)
    steps = tf.cast(tf.range(particles), tf.float32) + chance[:, None]
    places = steps * cumulative[:, -1:] / tf.cast(particles, tf.float32)
    # Particles of weight 0 are never selected, not even the last one through rounding.
    last = tf.reduce_sum(tf.cast(cumulative < cumulative[:, -1:], tf.int32), axis=1)
    drawn = tf.searchsorted(cumulative, places, side="right")
    return tf.minimum(drawn, last[:, None])


def traced_back(ids: np.ndarray, ancestors: np.ndarray) -> np.ndarray:
    """Return the tokens of each surviving particle: int32 `(R, L)`.

    Args:
        ids: int32 `(L, R)`, the tokens of all particles.
        ancestors: int32 `(L, R)`, the ancestor of each particle of the next token.

    Example:
        >>> traced_back(np.array([[5, 6], [7, 8]]), np.array([[1, 1], [0, 1]])).tolist()
        [[6, 7], [6, 8]]
    """
    rows = np.arange(ids.shape[1])
    whole = np.empty_like(ids)
    for t in reversed(range(len(ids))):
        rows = ancestors[t, rows]
        whole[t] = ids[t, rows]
    return whole.T
