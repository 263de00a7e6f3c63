"""How close completed chorales come to Bach's: lower voices, inner voices, bars in the middle.

    python -m benchmarks.completing
    python -m benchmarks.completing --tasks bass,outer,middle --pieces 16
    python -m benchmarks.completing --likelihood --pieces 16
    python -m benchmarks.completing --tasks bass,outer,middle --results completing.json

Of each chorale of a split some voices or bars are given, and the rest is written in four ways:
straight through, one piece; the likeliest of as many such pieces as there are particles; the
particle filter of `bach-tf harmonize` with its defaults; and the same without the rule `parallels`
("lenient"). Beside them stand Bach's own. `equal` is the share of the written sixteenths that are
Bach's pitch. Straight pieces keep the same rules but for `cadence`, which steers.

The results of each way are printed as soon as all pieces are completed in it. With `--results` they
are also saved, and the ways in the file are not computed again.

With `--likelihood`: the estimated negative log-likelihood of what is given, and that of Bach's own
notes in the other voices given those, from the model alone at temperature 1, without rules.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
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
    doubled_leading_notes,
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
FILTERS = {"filter": (), "lenient": ("parallels",)}  # rules that are left out
WAYS = ("straight", "likeliest", *FILTERS, "Bach")


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


def complete(
    run: Run, scores: Sequence[Score], task: str, particles: int, ways: Sequence[str] = WAYS
) -> Iterator[tuple[str, list[Written]]]:
    """Complete all pieces in each way.

    Args:
        run: of four voices.
        scores: Bach's pieces.
        task: a name in `KEPT`.
        particles: of the filter, and straight pieces of which the likeliest is taken.
        ways: names in `WAYS`.

    Yields:
        a way and its pieces, as soon as they are completed.
    """
    outlines = [outline_for(run, score, task) for score in scores]
    pairs = list(zip(scores, outlines))
    options = _options(run, particles)
    if {"straight", "likeliest"} & {*ways}:
        write = _straight(run, options)
        both = list(_each(pairs, write, f"{task}, straight"))
        yield from (
            (way, [pair[n] for pair in both])
            for n, way in enumerate(("straight", "likeliest"))
            if way in ways
        )
    for way in [way for way in FILTERS if way in ways]:
        yield way, list(_each(pairs, _filtered(run, options, FILTERS[way]), f"{task}, {way}"))
    if "Bach" in ways:
        yield "Bach", list(_each(pairs, _bachs_own(run), f"{task}, Bach"))


def _each(
    pairs: Sequence[tuple[Score, Outline]], write: Callable[[Score, Outline], Any], title: str
) -> Iterator[Any]:
    """Yield what is written of each piece, and show the progress."""
    for number, pair in enumerate(pairs):
        if not number:
            write(*pair)  # compiles
        yield write(*pair)
        print(f"\r{title}: {number + 1} of {len(pairs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


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
        "doubled leading notes": 1000 * sum(doubled_leading_notes(g).sum() for g in grids) / notes,
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


def _filtered(run: Run, options: dict[str, Any], without: Sequence[str]):
    """Return a function that completes a piece by the particle filter, without some rules."""
    rules = [name for name in options["rules"] if name not in without]
    sampler = ParticleSampler(run.model, run.codec, rules)

    def write(score: Score, outline: Outline) -> Written:
        started = time.perf_counter()
        faults = partial(cost_of_faults, tonic=outline.tonic)
        how = {**options, "rules": rules}
        (version,) = harmonize(run, outline, **how, faults=faults, sampler=sampler)
        return _beside(score, outline, version, time.perf_counter() - started)

    return write


def _straight(run: Run, options: dict[str, Any]):
    """Return a function that completes a piece straight through, and by the likeliest of many."""
    rules = [name for name in options["rules"] if name != CADENCE]
    sampler = ParticleSampler(run.model, run.codec, rules)
    number = options["particles"]

    def write(score: Score, outline: Outline) -> tuple[Written, Written]:
        started = time.perf_counter()
        found = [
            sampler.sample(
                outline.given,
                seed=0,
                temperature=options["temperature"],
                particles=1,
                num_outputs=min(ROWS_AT_ONCE, number - first),
                first=first,
            )
            for first in range(0, number, ROWS_AT_ONCE)
        ]
        seconds = time.perf_counter() - started
        together = _joined(found)
        first, likeliest = (
            best(run.codec, outline, together, slice(0, count)) for count in (1, number)
        )
        one = _beside(score, outline, first, seconds / number)
        return one, _beside(score, outline, likeliest, seconds)

    return write


def _bachs_own(run: Run):
    """Return a function that returns Bach's own piece."""
    likelihood = Scorer(run.model, run.codec)

    def write(score: Score, outline: Outline) -> Written:
        nats = -likelihood.score(score).total
        part = slice(outline.start, outline.end)
        own = score.to_grid(len(VOICES))[part]
        return Written(own, own, ~outline.kept[part], nats, 0.0)

    return write


def _joined(found: Sequence[Particles]) -> Particles:
    return Particles(
        *(np.concatenate([getattr(each, name) for each in found]) for name in vars(found[0]))
    )


def _beside(score: Score, outline: Outline, version: Version, seconds: float) -> Written:
    part = slice(outline.start, outline.end)
    own = score.to_grid(len(VOICES))[part]
    return Written(version.grid, own, ~outline.kept[part], version.nats, seconds)


class Results:
    """The results of each task and way, kept in a file.

    Args:
        path: a JSON file, read if it exists; `None` to keep them in memory only.
        about: the settings that they depend on.

    Raises:
        ValueError: if the file has results of other settings.
    """

    def __init__(self, path: Path | None, about: dict[str, Any]):
        self.path, self.about = path, about
        self.rows: dict[str, dict[str, dict[str, float]]] = {}
        if path is not None and path.exists():
            saved = json.loads(path.read_text())
            if saved["about"] != about:
                raise ValueError(f"{path} has results of {saved['about']}, not of {about}")
            self.rows = saved["rows"]

    def add(self, task: str, way: str, row: dict[str, float]) -> None:
        """Add a row, and save all rows."""
        self.rows.setdefault(task, {})[way] = row
        if self.path is not None:
            self.path.write_text(json.dumps({"about": self.about, "rows": self.rows}, indent=1))


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
    args = _parser().parse_args(argv)
    try:
        tasks, ways = args.tasks.split(","), args.ways.split(",")
        for names, known, kind in ((tasks, KEPT, "task"), (ways, dict.fromkeys(WAYS), "way")):
            for name in names:
                choose(known, name, kind)
        if not 1 <= args.particles <= MOST_PARTICLES:
            raise ValueError(f"Expected 1 to {MOST_PARTICLES} particles, got: {args.particles}")
        run = load_trained_run(find_run(args.run))
        corpus = choose(CORPORA, args.corpus, "corpus").prepare(args.data_dir)
        scores = read_split(corpus, args.split)
        every = max(1, len(scores) // args.pieces) if args.pieces else 1
        scores = scores[::every][: args.pieces]
        about = {name: getattr(args, name) for name in ("run", "corpus", "split", "particles")}
        results = Results(args.results, {**about, "pieces": len(scores)})
        _say(f"{args.run} on {len(scores)} pieces of {args.corpus}, {args.split} split")
        _say(describe_machine())
        for task in tasks:
            _say(f"\n{task} given" if KEPT[task] else f"\n{MIDDLE} bars in the middle written")
            if args.likelihood:
                nats = likelihoods(run, scores, task, args.particles)
                _say("nats per cell: all {:.3f}, given {:.3f}, the others {:.3f}".format(*nats))
                continue
            _measure(run, scores, task, ways, results)
    except (ValueError, OSError) as error:
        print(f"benchmarks.completing: {error}", file=sys.stderr)
        return 2
    return 0


def _measure(
    run: Run, scores: Sequence[Score], task: str, ways: Sequence[str], results: Results
) -> None:
    """Print the row of each way as soon as it is known, and then the table."""
    missing = [way for way in ways if way not in results.rows.get(task, {})]
    for way, pieces in complete(run, scores, task, results.about["particles"], missing):
        results.add(task, way, summary(pieces))
        row = ", ".join(f"{name} {value:.3f}" for name, value in summary(pieces).items())
        _say(f"{task}, {way}: {row}")
    rows = results.rows[task]
    _say(format_rows({way: rows[way] for way in WAYS if way in ways}))


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="benchmarks.completing", description=about)
    parser.add_argument("--run", default=SHIPPED, help="a run of four voices")
    parser.add_argument("--corpus", default="jsb", help="of four voices")
    parser.add_argument("--data-dir", type=Path, help="where the corpus is read from")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--tasks", default="soprano", help=f"of: {', '.join(KEPT)}")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of: {', '.join(WAYS)}")
    parser.add_argument("--pieces", type=int, help="so many pieces of the split; all by default")
    parser.add_argument("--particles", type=int, default=PARTICLES)
    parser.add_argument("--likelihood", action="store_true", help="what the model finds of Bach's")
    parser.add_argument("--results", type=Path, help="a JSON file of results, to be continued")
    return parser


if __name__ == "__main__":
    sys.exit(main())
