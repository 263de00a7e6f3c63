"""Versions of a piece with given notes: missing voices, or rewritten bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.codecs import Codec
from bach_tf.composing.outlines import Outline
from bach_tf.composing.particles import (
    PARTICLES,
    ROWS_AT_ONCE,
    Particles,
    ParticleSampler,
)
from bach_tf.composing.placing import Range, ranges_as_read
from bach_tf.composing.progress import Report, part, unheard
from bach_tf.formats.grid_csv import VOICES
from bach_tf.learning.runs import Run
from bach_tf.score import Score

OCTAVE = 12
Faults = Callable[[np.ndarray], float]  # cost in nats of a grid (T, 4)


@dataclass(frozen=True, eq=False)
class Version:
    """A version of a piece with its given notes.

    Args:
        score: the piece, as `Outline.restored` returns it.
        grid: ints `(T, 4)`, the same in sixteenths, from the first note to the last.
        nats: negative log-likelihood of the whole piece.
        tokens: number of tokens counted in `nats`.
        given_nats: estimated negative log-likelihood of the given notes alone.
        interventions: number of free tokens that a rule changed.
        cost: `nats`, minus the bonus for the ending, plus the cost of the faults: of all particles,
            the version has the lowest.
    """

    score: Score
    grid: np.ndarray
    nats: float
    tokens: int
    given_nats: float
    interventions: int
    cost: float


def no_faults(grid: np.ndarray) -> float:
    """Return no cost, so that the likelihood alone decides."""
    return 0.0


def harmonize(
    run: Run,
    outline: Outline,
    *,
    temperature: float,
    seed: int,
    num_outputs: int = 1,
    particles: int = PARTICLES,
    candidates: int = 1,
    rules: Sequence[str] = (),
    ranges: Mapping[str, Range] | None = None,
    faults: Faults = no_faults,
    sampler: ParticleSampler | None = None,
    progress: Report = unheard,
) -> Iterator[Version]:
    """Generate versions of a piece with given notes.

    Each version is the best particle of its candidates by likelihood, ending and faults.

    Args:
        run: a trained run that writes four voices.
        outline: the given notes.
        temperature: divides the logits.
        seed: version `n` depends only on the seed, on `n` and on `candidates`.
        num_outputs: number of versions.
        particles: number of particles of each candidate.
        candidates: number of candidates (particle filters) of each version.
        rules: names of the rules for free notes.
        ranges: lowest and highest sounding pitch of free notes by voice.
        faults: returns the cost of the faults of a grid, in nats.
        sampler: a sampler for the run and these rules, which avoids recompilation in repeated
            calls; by default, a new one.
        progress: called with the fraction done; an exception in it stops the work.

    Raises:
        ValueError: as `ParticleSampler.sample` and `placing.ranges_as_read`.

    Example:
        >>> versions = harmonize(run, outline, temperature=1.0, seed=1)  # doctest: +SKIP
        >>> next(versions).score  # doctest: +SKIP
    """
    sampler = ParticleSampler(run.model, run.codec, rules) if sampler is None else sampler
    key = None if outline.tonic is None else (outline.tonic + outline.shift) % OCTAVE
    bounds = ranges_as_read(run.codec, outline.shift, ranges or {})
    # Run as many filters at once as fit one call: two parallel loops use two cores.
    together = max(1, ROWS_AT_ONCE // (particles * candidates))
    for first in range(0, num_outputs, together):
        count = min(together, num_outputs - first)
        found = sampler.sample(
            outline.given,
            seed=seed,
            temperature=temperature,
            particles=particles,
            num_outputs=count * candidates,
            first=first * candidates,
            key=key,
            ranges=bounds,
            progress=part(progress, first / num_outputs, (first + count) / num_outputs),
        )
        for number in range(count):
            mine = slice(number * candidates, (number + 1) * candidates)
            yield best(run.codec, outline, found, mine, faults)


def best(
    codec: Codec, outline: Outline, found: Particles, mine: slice, faults: Faults = no_faults
) -> Version:
    """Return the best particle of some filters by likelihood, ending and faults.

    Args:
        codec: the run's codec.
        outline: the given notes.
        found: the particles of all filters.
        mine: the filters to choose from.
        faults: returns the cost of the faults of a grid, in nats.
    """
    ids = found.ids[mine]
    rows, where = np.unique(ids.reshape(-1, ids.shape[-1]), axis=0, return_index=True)
    nats = -found.log_likelihoods[mine].reshape(-1)[where].astype(float)
    grids = [_pitches(codec, outline, row) for row in rows]
    endings = found.endings[mine].reshape(-1)[where].astype(float)
    costs = nats - endings + [faults(outline.grid_of(grid)) for grid in grids]
    chosen = int(np.argmin(costs))
    return Version(
        score=outline.restored(grids[chosen]),
        grid=outline.grid_of(grids[chosen]),
        nats=float(nats[chosen]),
        tokens=grids[chosen].size,
        given_nats=-float(np.mean(found.log_likelihood_given[mine])),
        interventions=int(found.interventions[mine].reshape(-1)[where[chosen]]),
        cost=float(costs[chosen]),
    )


def _pitches(codec: Codec, outline: Outline, ids: np.ndarray) -> np.ndarray:
    """Return the pitches of a piece as read by the run: ints `(lead + T, 4)`."""
    grid = codec.decode(ids[1:]).to_grid(len(VOICES))
    return grid[: outline.given.length]
