"""How close completed chorales come to Bach's: lower voices, inner voices, bars in the middle.

    python -m benchmarks.completing
    python -m benchmarks.completing --tasks bass,outer,middle --pieces 16
    python -m benchmarks.completing --likelihood --pieces 16

Of each chorale of a split some voices or bars are given, and the rest is written in three ways:
straight through, one piece; the likeliest of as many such pieces as there are particles; and the
particle filter of `bach-tf harmonize` with its defaults. Beside them stand Bach's own. `equal` is
the share of the written sixteenths that are Bach's pitch. Straight pieces keep the same rules but
for `cadence`, which steers.

With `--likelihood`: the estimated negative log-likelihood of what is given, and that of Bach's own
notes in the other voices given those, from the model alone at temperature 1, without rules.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.composing.harmonizing import Version, best, harmonize
from bach_tf.composing.options import MOST_PARTICLES, PARTICLES, harmonizing_options
from bach_tf.composing.particles import CADENCE, ROWS_AT_ONCE, Particles, ParticleSampler
from bach_tf.composing.requests import Asked, Outline, outline_of
from bach_tf.corpora import CORPORA, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.formats.grid_csv import VOICES
from bach_tf.learning.runs import SHIPPED, Run, find_run, load_trained_run
from bach_tf.measuring.counterpoint import (
    FIFTH,
    OCTAVE,
    dissonances,
    ending,
    note_starts,
    on_beats,
    parallels,
)
from bach_tf.measuring.grading import features, grade
from bach_tf.measuring.grading.reference import bach
from bach_tf.measuring.likelihood import Scorer
from bach_tf.measuring.versions import cost_of_faults
from bach_tf.score import Score
from bach_tf.theory.metre import with_metre
from benchmarks.machine import describe_machine

MIDDLE = 2  # bars that are left out of the middle of a piece
KEPT = {"soprano": ("soprano",), "bass": ("bass",), "outer": ("soprano", "bass"), "middle": None}
WAYS = ("straight", "likeliest", "filter")


@dataclass(frozen=True, eq=False)
class Written:
    """A completed piece beside Bach's.

    Args:
        grid: ints `(T, 4)`, as completed.
        bach: ints `(T, 4)`.
        free: bool `(T, 4)`, the cells that were written.
        nats: of the whole piece under the model.
        seconds: that writing it took.
    """

    grid: np.ndarray
    bach: np.ndarray
    free: np.ndarray
    nats: float
    seconds: float


def complete(run: Run, scores: Sequence[Score], task: str, particles: int) -> dict[str, list]:
    """Complete each piece in each way.

    Args:
        run: of four voices.
        scores: Bach's pieces.
        task: a name in `KEPT`.
        particles: of the filter, and straight pieces of which the likeliest is taken.

    Returns:
        for each of `WAYS`, and for Bach, the pieces as `Written`.
    """
    options = _options(run, particles)
    rules = options["rules"]
    steered = ParticleSampler(run.model, run.codec, rules)
    samplers = (
        steered,
        ParticleSampler(run.model, run.codec, [name for name in rules if name != CADENCE]),
    )
    written: dict[str, list[Written]] = {way: [] for way in (*WAYS, "Bach")}
    likelihood = Scorer(run.model, run.codec)
    warm = outline_for(run, scores[0], task)
    list(_versions(run, warm, options, samplers))  # compiles
    for number, score in enumerate(scores):
        outline = outline_for(run, score, task)
        for way, version, seconds in _versions(run, outline, options, samplers):
            written[way].append(_beside(score, outline, version.grid, version.nats, seconds))
        own = score.to_grid(len(VOICES))[outline.start : outline.end]
        nats = -likelihood.score(score).total
        written["Bach"].append(_beside(score, outline, own, nats, 0.0))
        print(f"\r{task}: {number + 1} of {len(scores)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return written


def outline_for(run: Run, score: Score, task: str) -> Outline:
    """Return what is given of a piece for a task, as a user would ask for it."""
    if KEPT[task] is not None:
        return outline_of(run.codec, run.preset.music, score, Asked(keep=KEPT[task]))
    score = with_metre(score)
    bars = -(-score.length // score.steps_per_bar)
    first = max(1, bars // 2)
    return outline_of(
        run.codec, run.preset.music, score, Asked(rewrite=f"{first}-{first + MIDDLE - 1}")
    )


def likelihoods(run: Run, scores: Sequence[Score], task: str, particles: int) -> tuple[float, ...]:
    """Return nats per cell: of all notes, of the given ones, and of the others given those.

    The model alone, at temperature 1; that of the given ones is the particle filter's estimate,
    whose logarithm tends to be too low with few particles.
    """
    sampler, likelihood = ParticleSampler(run.model, run.codec), Scorer(run.model, run.codec)
    nats, cells = np.zeros(2), np.zeros(2)
    for score in scores:
        outline = outline_for(run, score, task)
        found = sampler.sample(outline.given, seed=0, particles=particles)
        free = ~outline.kept[outline.start : outline.end]
        nats += -likelihood.score(score).total, -float(found.log_likelihood_given[0])
        cells += free.size, (~free).sum()
    whole, given = nats
    every, told = cells
    return whole / every, given / told, (whole - given) / (every - told)


def summary(pieces: Sequence[Written]) -> dict[str, float]:
    """Return the row of a way.

    Args:
        pieces: completed in that way.
    """
    equal = [piece.grid == piece.bach for piece in pieces]
    beats = [on_beats(len(piece.grid))[:, None] & piece.free for piece in pieces]
    row = {
        "equal": _share(equal, [piece.free for piece in pieces]),
        "on the beat": _share(equal, beats),
    }
    for number, voice in enumerate(VOICES):
        free = [piece.free[:, number] for piece in pieces]
        row[voice] = _share([each[:, number] for each in equal], free)
    grids = [piece.grid for piece in pieces]
    notes = sum(note_starts(grid).sum() for grid in grids)
    faulty = sum(parallels(grid, size).sum() for grid in grids for size in (FIFTH, OCTAVE))
    ends = np.array([ending(grid) for grid in grids])
    return row | {
        "parallels per 1,000 notes": 1000 * faulty / notes,
        "dissonant on the beat": _share(
            [dissonances(grid) for grid in grids], [on_beats(len(grid)) for grid in grids]
        ),
        "ends on a triad": ends[:, 0].mean(),
        "ends on its tonic": ends[:, 2].mean(),
        "grade (median)": float(
            np.median([sum(grade(features(grid), bach()).values()) for grid in grids])
        ),
        "nats per token": sum(piece.nats for piece in pieces) / sum(grid.size for grid in grids),
        "seconds a chorale": float(np.mean([piece.seconds for piece in pieces])),
    }


def format_rows(rows: dict[str, dict[str, float]]) -> str:
    """Return the table of all ways, a measure a line."""
    lines = [f"{'':28}" + "".join(f"{way:>12}" for way in rows)]
    for name in next(iter(rows.values())):
        cells = "".join(
            f"{'-' if np.isnan(row[name]) else format(row[name], '.3f'):>12}"
            for row in rows.values()
        )
        lines.append(f"{name:28}{cells}")
    return "\n".join(lines)


def _options(run: Run, particles: int) -> dict[str, Any]:
    asked = dict.fromkeys(("num_outputs", "candidates", "rules", "temperature", "range"))
    return harmonizing_options(
        run.preset.music, run.codec, {**asked, "seed": 0, "particles": particles}
    )


def _versions(
    run: Run,
    outline: Outline,
    options: dict[str, Any],
    samplers: tuple[ParticleSampler, ParticleSampler],
) -> Iterator[tuple[str, Version, float]]:
    """Yield the piece of each way, and the seconds it took."""
    steered, free = samplers
    started = time.perf_counter()
    faults = partial(cost_of_faults, tonic=outline.tonic)
    (version,) = harmonize(run, outline, **options, faults=faults, sampler=steered)
    yield "filter", version, time.perf_counter() - started
    started = time.perf_counter()
    straight = [
        free.sample(
            outline.given,
            seed=0,
            temperature=options["temperature"],
            particles=1,
            num_outputs=min(ROWS_AT_ONCE, options["particles"] - first),
            first=first,
        )
        for first in range(0, options["particles"], ROWS_AT_ONCE)
    ]
    seconds = time.perf_counter() - started
    together = _joined(straight)
    number = len(together.ids)
    yield "straight", best(run.codec, outline, together, slice(0, 1)), seconds / number
    yield "likeliest", best(run.codec, outline, together, slice(0, number)), seconds


def _joined(found: Sequence[Particles]) -> Particles:
    return Particles(
        *(np.concatenate([getattr(each, name) for each in found]) for name in vars(found[0]))
    )


def _beside(
    score: Score, outline: Outline, grid: np.ndarray, nats: float, seconds: float
) -> Written:
    part = slice(outline.start, outline.end)
    own = score.to_grid(len(VOICES))[part]
    return Written(grid, own, ~outline.kept[part], nats, seconds)


def _share(flags: Sequence[np.ndarray], among: Sequence[np.ndarray]) -> float:
    """Return how many of some cells have a flag; NaN where there are none."""
    counted = sum(mask.sum() for mask in among)
    return (
        sum((flag & mask).sum() for flag, mask in zip(flags, among)) / counted
        if counted
        else np.nan
    )


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return the exit status."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="benchmarks.completing", description=about)
    parser.add_argument("--run", default=SHIPPED, help="a run of four voices")
    parser.add_argument("--corpus", default="jsb", help="of four voices")
    parser.add_argument("--data-dir", type=Path, help="where the corpus is read from")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--tasks", default="soprano", help=f"of: {', '.join(KEPT)}")
    parser.add_argument("--pieces", type=int, help="so many pieces of the split; all by default")
    parser.add_argument("--particles", type=int, default=PARTICLES)
    parser.add_argument("--likelihood", action="store_true", help="what the model finds of Bach's")
    args = parser.parse_args(argv)
    try:
        for name in (tasks := args.tasks.split(",")):
            choose(KEPT, name, "task")
        if not 1 <= args.particles <= MOST_PARTICLES:
            raise ValueError(f"Expected 1 to {MOST_PARTICLES} particles, got: {args.particles}")
        run = load_trained_run(find_run(args.run))
        corpus = choose(CORPORA, args.corpus, "corpus").prepare(args.data_dir)
        scores = read_split(corpus, args.split)
        every = max(1, len(scores) // args.pieces) if args.pieces else 1
        scores = scores[::every][: args.pieces]
        print(f"{args.run} on {len(scores)} pieces of {args.corpus}, {args.split} split")
        print(describe_machine())
        for task in tasks:
            print(f"\n{task} given" if KEPT[task] else f"\n{MIDDLE} bars in the middle written")
            if args.likelihood:
                nats = likelihoods(run, scores, task, args.particles)
                print("nats per cell: all {:.3f}, given {:.3f}, the others {:.3f}".format(*nats))
                continue
            rows = complete(run, scores, task, args.particles)
            print(format_rows({way: summary(pieces) for way, pieces in rows.items()}), flush=True)
    except (ValueError, OSError) as error:
        print(f"benchmarks.completing: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
