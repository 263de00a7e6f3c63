"""Generation with given notes: a particle filter over the tokens of a model.

Many particles write a piece in parallel. Given notes are forced, and multiply the weight of a
particle by their probability under the model; when few particles have most of the weight, the
particles are resampled in proportion to it. The particles thus approximate the model's conditional
distribution of pieces given these notes, past and future, and the product of the mean weights is an
unbiased estimate of the likelihood of the given notes: N. Chopin and O. Papaspiliopoulos, "An
Introduction to Sequential Monte Carlo" (2020), chapter 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import tensorflow as tf

from bach_tf._basics.choices import choose
from bach_tf.codecs import Codec, SatbCodec
from bach_tf.composing.endings import Ending, schedule
from bach_tf.composing.given import Given
from bach_tf.composing.given_tokens import Constraints, GivenTokens
from bach_tf.composing.options import MOST_PARTICLES, PARTICLES
from bach_tf.composing.particle_loop import (
    ENDLESS,
    GIVEN,
    OPEN,
    PLAN,
    Loop,
    Plan,
    traced_back,
)
from bach_tf.composing.progress import Report, part, unheard
from bach_tf.composing.rules import Rules
from bach_tf.composing.sampling import check_temperature, to_int32
from bach_tf.composing.steering import COUNTER, steered
from bach_tf.formats.grid_csv import VOICES
from bach_tf.models import NextTokenModel

ROWS_AT_ONCE = 128  # particles of all versions in one graph call: 5 MB each with `chorale`
CADENCE = "cadence"
QUOTATION = "quotation"  # a rule for whole pieces
INPUTS = (
    PLAN,
    tf.TensorSpec([], tf.float32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([], tf.int32),
)


@dataclass(frozen=True, eq=False)
class Particles:
    """Versions of a piece with many particles each.

    Args:
        ids: int32 `(N, P, 1 + L)`, with the start token first, and the end token last if it is
            given.
        log_weights: float32 `(N, P)`, normalised: their exponentials sum to 1 in each version.
        log_likelihood_given: float32 `(N,)`, estimated log-likelihood of the given notes, in nats,
            under the model with temperature and rules. Too low with the rule "cadence" by the
            probability of endings that no particle has.
        log_likelihoods: float32 `(N, P)`, log-likelihood in nats of each piece without its end
            under the model itself, as in `measuring.likelihood`.
        endings: float32 `(N, P)`, in nats, at most 0: the bonus of each particle for its ending.
        interventions: int32 `(N, P)`, number of free tokens in which a rule changed the choice of
            the model.
        chances: float32 `(N,)`, uniform in 0..1, for `drawn`.
    """

    ids: np.ndarray
    log_weights: np.ndarray
    log_likelihood_given: np.ndarray
    log_likelihoods: np.ndarray
    endings: np.ndarray
    interventions: np.ndarray
    chances: np.ndarray

    @property
    def drawn(self) -> np.ndarray:
        """Index of a particle of each version, sampled in proportion to the weights: int `(N,)`."""
        cumulative = np.exp(self.log_weights.astype(float)).cumsum(axis=1)
        below = cumulative <= self.chances[:, None] * cumulative[:, -1:]
        return below.sum(axis=1)

    @property
    def likeliest(self) -> np.ndarray:
        """Index of the most likely particle of each version under the model: int `(N,)`.

        The bonus for the ending counts: particles without one can be likely otherwise.
        """
        return (self.log_likelihoods + self.endings).argmax(axis=1)

    def pieces(self, chosen: np.ndarray) -> np.ndarray:
        """Return the ids of one particle of each version: int32 `(N, 1 + L)`."""
        return self.ids[np.arange(len(self.ids)), chosen]


class ParticleSampler:
    """Generates pieces with given notes, with any model.

    The loop is compiled at the first call and reused for other pieces, lengths, temperatures, seeds
    and numbers of particles; several versions need a second compilation. The cost is linear in
    tokens and particles.

    Args:
        model: the model.
        codec: the codec, for the ids allowed at each position and the end token.
        rules: names of the rules for free notes, with a codec of four voices. They never change
            given notes, but lower the weight of particles in which given notes break a rule. With
            "cadence" a piece with a given end gets a cadence on its tonic, see `endings`.

    Example:
        >>> sampler = ParticleSampler(run.model, run.codec)  # doctest: +SKIP
        >>> found = sampler.sample(Given.of(score, ["soprano"]), seed=1)  # doctest: +SKIP
        >>> run.codec.decode(found.pieces(found.drawn)[0])  # doctest: +SKIP
    """

    def __init__(self, model: NextTokenModel, codec: Codec, rules: Sequence[str] = ()):
        self.model = model
        self.codec = codec
        self.leads = CADENCE in rules
        self.keeps: tuple[Rules, Ending] | None = None
        if isinstance(codec, SatbCodec):
            # The end is given, so the part of the rule that makes an end likely does not apply.
            names = [name for name in rules if name not in (CADENCE, QUOTATION)]
            self.keeps = Rules(codec, names), Ending(codec)
        self._loops: dict[int, Callable[..., tuple[tf.Tensor, ...]]] = {}  # compiled

    def sample(
        self,
        given: Given | GivenTokens,
        *,
        seed: int,
        temperature: float = 1.0,
        particles: int = PARTICLES,
        num_outputs: int = 1,
        first: int = 0,
        start: int | None = None,
        key: int | None = None,
        ranges: Mapping[str, tuple[int, int]] | None = None,
        progress: Report = unheard,
    ) -> Particles:
        """Generate pieces that contain the given notes.

        Args:
            given: the given notes and the length of the pieces.
            seed: version `n` depends only on the seed and on `n`, not on `num_outputs`.
            temperature: divides the logits; 0 selects the most probable free notes.
            particles: particles per version; more approximate the model's distribution better.
            num_outputs: number of versions.
            first: number of the first version, for a larger set generated in parts.
            start: id before the first one; by default, the start token.
            key: pitch class of the final tonic (0 is C); by default, the one that fits the notes
                best.
            ranges: lowest and highest pitch of free notes by voice; by default, those of the codec.
            progress: called with the fraction done; an exception in it stops the loop.

        Raises:
            ValueError: as `constraints`; or if the temperature, the number of particles or
                versions, the key or a range is invalid.
        """
        constraints = given.constraints(self.codec)
        check_temperature(temperature)
        if not 1 <= particles <= MOST_PARTICLES or num_outputs < 1:
            raise ValueError(
                f"Expected at least one version of 1..{MOST_PARTICLES} particles. "
                f"Received: `num_outputs` {num_outputs}, `particles` {particles}"
            )
        if key is not None and key not in range(12):
            raise ValueError(f"`key` must be a pitch class in 0..11. Received: {key}")
        plan = self._plan(constraints, key, ranges)
        at_once = max(1, ROWS_AT_ONCE // particles)
        start = self.codec.START if start is None else start
        numbers = range(first, first + num_outputs)
        how = tf.constant(temperature, tf.float32), tf.constant(start), tf.constant(to_int32(seed))
        parts = []
        for begin in range(0, num_outputs, at_once):
            some = numbers[begin : begin + at_once]
            share = part(progress, begin / num_outputs, (begin + len(some)) / num_outputs)
            parts.append(self._run((plan, *how), some, particles, share))
        ids, *others = map(np.concatenate, zip(*parts))
        ids = np.pad(ids, ((0, 0), (0, 0), (1, 0)), constant_values=start)
        return Particles(ids, *others)

    def _run(self, how, numbers, particles, progress) -> tuple[np.ndarray, ...]:
        parts, (plan, *_) = 2 if len(numbers) > 1 else 1, how
        loop = self._compiled(parts)
        inputs = (*how, tf.constant(list(numbers), tf.int32), tf.constant(particles))
        ids, ancestors, *others = steered(
            lambda *counters: [x.numpy() for x in loop(*inputs, *counters)],
            parts,
            len(plan.kinds),
            progress,
        )
        return traced_back(ids, ancestors).reshape(len(numbers), particles, -1), *others

    def _compiled(self, parts: int) -> Callable[..., tuple[tf.Tensor, ...]]:
        """Return the compiled loop with the given number of parts."""
        if parts not in self._loops:
            loop = tf.function(
                partial(self._in_parts, parts),
                input_signature=(*INPUTS, *[COUNTER] * parts),
                autograph=False,
            )
            loop.get_concrete_function()  # traces it in this thread, where Ctrl-C can stop it
            self._loops[parts] = loop
        return self._loops[parts]

    def _plan(self, constraints: Constraints, key, ranges) -> Plan:
        """Return the inputs of the loop for each token."""
        end = np.arange(self.codec.vocab_size) == self.codec.END
        allowed, given = constraints.allowed, constraints.given
        period = len(self.codec.may_follow)
        opening = len(self.codec.opening)
        rows = (np.arange(len(allowed)) - opening) % period
        # Ranges apply to free notes only; given notes are normalised over all allowed ids.
        base = np.where(given[:, None], self.codec.may_follow[rows], self._may_write(ranges)[rows])
        base[:opening] = self.codec.opening
        base[:, end] &= constraints.ends
        base[0, end] = False  # no model was trained on empty pieces
        allowed = np.where(given[:, None], allowed, base & ~end)
        kinds = np.where(given, GIVEN, np.where(base[:, self.codec.END], ENDLESS, OPEN))
        checks = (kinds == GIVEN) & ~np.append(given[1:], constraints.ends)
        if constraints.ends:
            base = np.concatenate([base, self.codec.may_follow[:1]])
            allowed = np.concatenate([allowed, end[None]])
        count = len(base)
        leads = schedule(constraints, key, self.leads and self.keeps is not None)
        return Plan(
            tf.constant(base),
            tf.constant(allowed & base),
            tf.constant(np.append(kinds, GIVEN)[:count], tf.int32),
            tf.constant(np.append(constraints.links, 0)[:count], tf.int32),
            tf.constant(np.append(checks, False)[:count]),
            tf.constant(leads.home[:count]),
            tf.constant(leads.dominant[:count]),
            tf.constant(leads.away[:count]),
            tf.constant(leads.fresh[:count]),
            tf.constant(leads.tonics),
        )

    def _may_write(self, ranges) -> np.ndarray:
        """Return the allowed ids of free notes at each position of a step."""
        if not ranges:
            return self.codec.may_write
        if not isinstance(self.codec, SatbCodec):
            raise ValueError("Ranges are those of four voices. Leave them out.")
        may_write = self.codec.may_write.copy()
        pitches = np.arange(self.codec.vocab_size) - self.codec.FIRST_PITCH + self.codec.lowest
        for name, (low, high) in ranges.items():
            number = self.codec.order.index(choose(dict(zip(VOICES, range(4))), name, "voice"))
            inside = (pitches >= low) & (pitches <= high)
            inside[: self.codec.FIRST_PITCH] = True
            may_write[number] = self.codec.may_follow[number] & inside
            if not may_write[number, self.codec.FIRST_PITCH :].any():
                raise ValueError(
                    f"Expected a range with notes of the run, {self.codec.lowest}.."
                    f"{self.codec.highest}. Received: {low}..{high} ({name})"
                )
        return may_write

    def _in_parts(self, parts, plan, temperature, start, seed, numbers, particles, *counters):
        """Return the result of `Loop.run`, with the versions distributed over several loops."""
        ends = [tf.size(numbers) * part // parts for part in range(parts + 1)]
        found = [
            Loop(self.model, self.codec, self.keeps, plan, temperature, particles, counter).run(
                start, seed, numbers[begin:end]
            )
            for (begin, end), counter in zip(pairwise(ends), counters)
        ]
        if parts == 1:
            return found[0]
        ids, ancestors, *others = zip(*found)
        # Indices of the second loop start at its own first particle.
        begins = [end * particles for end in ends]
        moved = [each + begin for each, begin in zip(ancestors, begins)]
        return tf.concat(ids, 1), tf.concat(moved, 1), *(tf.concat(x, 0) for x in others)
