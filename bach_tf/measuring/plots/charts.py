"""Pitch, interval and duration histograms: the corpus and new pieces side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from bach_tf.formats.piano_roll import COLOURS
from bach_tf.measuring.plots.curves import percent
from bach_tf.measuring.plots.distributions import (
    MEASURES,
    Distribution,
    distribution_in,
    total_variation,
)
from bach_tf.score import SECONDS, Score
from bach_tf.theory.note_names import note_name

CORPUS, GENERATED = COLOURS[1], COLOURS[0]
OCTAVE = 12
NAMED = ((52, "CDEFGAB"), (128, "CEG"))  # up to this range, the pitches labelled on the axis
MOST_LENGTHS = 14  # most frequent ones; the others share a bar
WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 12.0, 7.5, 110
BAR = 0.42  # width; there are two at each value


@dataclass(frozen=True)
class Bars:
    """The contents of a panel.

    Args:
        corpus: fraction of each value; `generated`, the same for new pieces.
        names: labels of the values, empty where there is no room.
        axis: what the values are.
    """

    corpus: list[float]
    generated: list[float]
    names: list[str]
    axis: str


def write_distributions(
    splits: Mapping[str, Sequence[Score]],
    generated: Sequence[Score],
    path: Path,
    *,
    tempo_qpm: float,
    title: str = "",
) -> None:
    """Plot pitches, intervals and durations of a corpus and of new pieces side by side.

    Each panel gives the total variation distance between them and, for comparison, that between
    two splits of the corpus.

    Args:
        splits: the pieces of "train" and "valid", which together form the corpus.
        generated: new pieces.
        path: the image; its ending determines the format.
        tempo_qpm: quarter notes per minute, to convert durations in performances to seconds.
        title: title of the figure.

    Raises:
        ValueError: if a split or the new pieces have no notes.

    Example:
        >>> write_distributions(
        ...     read_prepared(corpus), scores, Path("distributions.png"), tempo_qpm=90
        ... )  # doctest: +SKIP
    """
    from matplotlib.figure import Figure  # slow to import

    for what, scores in (*splits.items(), ("new pieces", generated)):
        if not any(map(len, scores)):
            raise ValueError(f"Expected at least one note in {what}. Received: none")
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    panels = figure.subplot_mosaic([["pitch", "pitch"], ["interval", "length"]])
    performed = generated[0].timing == SECONDS
    milliseconds = 60_000 / tempo_qpm if performed else None  # per quarter
    for name in MEASURES:
        _draw_measure(panels[name], name, splits, generated, milliseconds)
    handles = panels["pitch"].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=2, frameon=False)
    figure.savefig(path)


def _draw_measure(axes, name: str, splits: Mapping, generated, milliseconds: float | None) -> None:
    train, valid = splits["train"], splits["valid"]
    parts = ([*train, *valid], generated, train, valid)
    of_corpus, of_generated, of_train, of_valid = (
        distribution_in(scores, MEASURES[name]) for scores in parts
    )
    _draw_bars(axes, BARS[name](of_corpus, of_generated, milliseconds))
    apart, usual = total_variation(of_corpus, of_generated), total_variation(of_train, of_valid)
    title = f"{TITLES[name]}: total variation {apart:.3f} (validation from training {usual:.3f})"
    axes.set_title(title, loc="left", fontsize="medium")


def _pitch_bars(corpus: Distribution, generated: Distribution, _) -> Bars:
    values = corpus.keys() | generated.keys()
    pitches = range(min(values), max(values) + 1)
    named = next(letters for most, letters in NAMED if len(pitches) <= most)
    names = [note_name(pitch) for pitch in pitches]
    shown = [name if name.rstrip("-0123456789") in named else "" for name in names]
    return _bars(corpus, generated, pitches, shown, "")


def _interval_bars(corpus: Distribution, generated: Distribution, _) -> Bars:
    """Merge intervals wider than an octave at both ends."""
    widest = OCTAVE + 1
    values = range(-widest, widest + 1)
    names = [f"{value:+d}" if value % 2 == 0 and abs(value) < OCTAVE else "" for value in values]
    names[0], names[widest], names[-1] = f"< -{OCTAVE}", "0", f"> +{OCTAVE}"
    clipped = [
        _merged(each, lambda v: max(-widest, min(v, widest))) for each in (corpus, generated)
    ]
    return _bars(*clipped, values, names, "semitones to the next note of the voice")


def _length_bars(corpus: Distribution, generated: Distribution, milliseconds: float | None) -> Bars:
    """Show the most frequent durations, and all others as one bar."""
    weight = {v: corpus.get(v, 0) + generated.get(v, 0) for v in corpus.keys() | generated.keys()}
    common = sorted(sorted(weight, key=weight.get, reverse=True)[:MOST_LENGTHS])
    names = [str(v) if milliseconds is None else f"{float(v) * milliseconds:.0f}" for v in common]
    axis = "quarters" if milliseconds is None else "milliseconds"
    if len(common) < len(weight):
        other = Fraction(-1)
        corpus, generated = (
            _merged(each, lambda v: v if v in common else other) for each in (corpus, generated)
        )
        common, names = [*common, other], [*names, "other"]
    return _bars(corpus, generated, common, names, axis)


def _merged(distribution: Distribution, bin_of: Callable) -> Distribution:
    """Return the fraction of each bin, whose values share a bar."""
    sums: Distribution = {}
    for value, fraction in distribution.items():
        sums[bin_of(value)] = sums.get(bin_of(value), 0) + fraction
    return sums


def _bars(
    corpus: Distribution, generated: Distribution, values, names: list[str], axis: str
) -> Bars:
    heights = ([each.get(value, 0) for value in values] for each in (corpus, generated))
    return Bars(*heights, names, axis)


BARS = {"pitch": _pitch_bars, "interval": _interval_bars, "length": _length_bars}
TITLES = {"pitch": "Pitches", "interval": "Intervals", "length": "Durations"}


def _draw_bars(axes, bars: Bars) -> None:
    positions = np.arange(len(bars.names))
    axes.bar(positions - BAR / 2, bars.corpus, BAR, color=CORPUS, label="corpus")
    axes.bar(positions + BAR / 2, bars.generated, BAR, color=GENERATED, label="generated")
    named = [x for x in positions if bars.names[x]]
    axes.set_xticks(named, [bars.names[x] for x in named], fontsize="small")
    axes.set_xlim(-1, len(positions))
    axes.set_xlabel(bars.axis)
    axes.yaxis.set_major_formatter(percent)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
