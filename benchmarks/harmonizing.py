"""How long it takes to write pieces around given notes, against bars, particles and versions.

    python -m benchmarks.harmonizing --speed
    python -m benchmarks.harmonizing --speed --run RUN

A soprano is given, of notes that a beat lasts each; the time depends on neither them nor the
weights. Each row is timed after the first call, which compiles, and is the median of several.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.composing.given import Given
from bach_tf.composing.particles import ParticleSampler
from bach_tf.formats.grid_csv import VOICES
from bach_tf.learning.runs import SHIPPED, Run, find_run, load_trained_run
from benchmarks.machine import describe_machine

REPEATS = 3
BEAT = 4  # steps
# Bars of four quarters, particles and versions.
CASES = ((4, 32, 1), (8, 32, 1), (16, 32, 1), (16, 8, 1), (16, 16, 1), (16, 64, 1), (16, 32, 4))
QUICK_CASES = ((1, 2, 1), (2, 2, 1))


@dataclass(frozen=True)
class Timing:
    """A row of the table.

    Args:
        bars: of four quarters.
        particles: of each version.
        versions: written in one call.
        seconds: the median of several calls.
    """

    bars: int
    particles: int
    versions: int
    seconds: float

    @property
    def milliseconds(self) -> float:
        """For each bar and version."""
        return 1000 * self.seconds / self.bars / self.versions


def soprano(codec: SatbCodec, bars: int) -> Given:
    """Return a melody that goes up and down a scale, a note a beat.

    Args:
        codec: has its notes in its range.
        bars: of four quarters.
    """
    low, high = (codec.ranges or [[codec.lowest, codec.highest]])[0]
    scale = [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    there_and_back = [*scale, *scale[-2:0:-1]]
    notes = np.resize(there_and_back, 4 * bars)
    return Given.from_grid(
        [[pitch, *[None] * (len(VOICES) - 1)] for pitch in np.repeat(notes, BEAT)], ends=True
    )


def measure(run: Run, cases=CASES, repeats: int = REPEATS) -> list[Timing]:
    """Return the times of cases, each of bars, particles and versions."""
    sampler = ParticleSampler(run.model, run.codec, run.preset.music.rules)
    rows = []
    for bars, particles, versions in cases:
        given, seconds = soprano(run.codec, bars), []
        for turn in range(1 + repeats):
            start = time.perf_counter()
            sampler.sample(given, seed=turn, particles=particles, num_outputs=versions)
            seconds.append(time.perf_counter() - start)
        rows.append(Timing(bars, particles, versions, statistics.median(seconds[1:])))
    return rows


def format_table(rows: list[Timing]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| bars | particles | versions | seconds | ms a bar and version |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.bars} | {row.particles} | {row.versions} | {row.seconds:.2f} | "
        f"{row.milliseconds:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speed", action="store_true", required=True, help="the table of times")
    parser.add_argument(
        "--run", default=SHIPPED, help="a run of four voices (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="two bars: no figures")
    args = parser.parse_args(argv)
    try:
        run = load_trained_run(find_run(args.run))
        if not isinstance(run.codec, SatbCodec):
            raise ValueError(
                f"Expected a run of four voices. {args.run} writes {run.codec.step_name}s"
            )
    except ValueError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    cases, repeats = (QUICK_CASES, 1) if args.quick else (CASES, REPEATS)
    print(f"{describe_machine()}\n\n{format_table(measure(run, cases, repeats))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
