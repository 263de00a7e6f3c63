"""Versions of a piece of which some notes are given: the missing voices, or bars written anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.codecs import Codec, SatbCodec
from bach_tf.composing.outlines import Outline
from bach_tf.composing.particles import (
    PARTICLES,
    ROWS_AT_ONCE,
    Particles,
    ParticleSampler,
)
from bach_tf.formats.grid_csv import VOICES
from bach_tf.learning.runs import Run
from bach_tf.score import Score

OCTAVE = 12
Range = tuple[int, int]  # lowest and highest pitch
Faults = Callable[[np.ndarray], float]  # of a grid (T, 4), in nats


@dataclass(frozen=True, eq=False)
class Version:
    """A piece with its given notes.

    Args:
        score: the piece, as `Outline.restored` returns it.
        grid: ints `(T, 4)`, the same in sixteenths, from the first note to the last.
        nats: how unlikely the model finds the whole piece: minus its log-likelihood.
        tokens: of the piece, those that `nats` are of.
        given_nats: the estimate of how unlikely the model finds what is given, whatever the rest.
        interventions: how many free tokens a rule has changed.
        cost: `nats` and what its faults cost, by which it was chosen.
    """

    score: Score
    grid: np.ndarray
    nats: float
    tokens: int
    given_nats: float
    interventions: int
    cost: float


def no_faults(grid: np.ndarray) -> float:
    """Return that nothing is wrong with a grid: likelihood alone chooses."""
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
) -> Iterator[Version]:
    """Write versions of a piece of which some notes are given.

    Each version is the best particle of its candidates: the likeliest, but for its faults.

    Args:
        run: a trained one that writes four voices.
        outline: what is given.
        temperature: divides the logits.
        seed: version `n` depends on it, on `n` and on `candidates` alone.
        num_outputs: number of versions.
        particles: of each candidate, that are weighed by the given notes.
        candidates: of each version.
        rules: names of the rules that free notes keep.
        ranges: lowest and highest pitch that free notes of a voice may have, as they sound.
        faults: what the faults of a grid cost, in nats.
        sampler: of the run's model and codec and these rules, to compile it once for several
            calls; a fresh one when `None`.

    Raises:
        ValueError: as `ParticleSampler.sample`.

    Example:
        >>> versions = harmonize(run, outline, temperature=1.0, seed=1)  # doctest: +SKIP
        >>> next(versions).score  # doctest: +SKIP
    """
    sampler = ParticleSampler(run.model, run.codec, rules) if sampler is None else sampler
    key = None if outline.tonic is None else (outline.tonic + outline.shift) % OCTAVE
    bounds = _as_seen(run.codec, outline, ranges or {})
    # As many filters at once as share a call: two loops side by side use two cores.
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
        )
        for number in range(count):
            mine = slice(number * candidates, (number + 1) * candidates)
            yield best(run.codec, outline, found, mine, faults)


def best(
    codec: Codec, outline: Outline, found: Particles, mine: slice, faults: Faults = no_faults
) -> Version:
    """Return the particle of some filters that is the likeliest, but for its faults.

    Args:
        codec: of the run.
        outline: what was given.
        found: the particles of all filters.
        mine: which filters.
        faults: what the faults of a grid cost, in nats.
    """
    ids = found.ids[mine]
    rows, where = np.unique(ids.reshape(-1, ids.shape[-1]), axis=0, return_index=True)
    nats = -found.log_likelihoods[mine].reshape(-1)[where].astype(float)
    grids = [_pitches(codec, outline, row) for row in rows]
    costs = nats + [faults(outline.grid_of(grid)) for grid in grids]
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
    """Return the pitches of a piece as the run sees it: ints `(lead + T, 4)`."""
    grid = codec.decode(ids[1:]).to_grid(len(VOICES))
    return grid[: outline.given.length]


def _as_seen(
    codec: Codec, outline: Outline, ranges: Mapping[str, Range]
) -> dict[str, Range] | None:
    """Return the ranges of free notes as the run sees them; `None` for those of the codec.

    A piece that is shown higher than it sounds is not to sound lower than singers sing: as far as
    less than an octave lies between them, notes keep to the ranges of both.
    """
    shift = outline.shift
    own: dict[str, Range] = {}
    if isinstance(codec, SatbCodec) and codec.ranges and shift and abs(shift) < OCTAVE:
        own = {
            name: (low + max(shift, 0), high + min(shift, 0))
            for name, (low, high) in zip(VOICES, codec.ranges)
        }
    asked = {name: (low + shift, high + shift) for name, (low, high) in ranges.items()}
    return {**own, **asked} or None
