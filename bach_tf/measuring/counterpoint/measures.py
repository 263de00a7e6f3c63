"""All measures of a set of pieces, as a flat dict and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from bach_tf.measuring.counterpoint.copies import find_copies
from bach_tf.measuring.counterpoint.harmony import (
    chords,
    dissonances,
    ending,
    entropy_bits,
    on_beats,
    pitch_class_steps,
)
from bach_tf.measuring.counterpoint.voice_leading import (
    FIFTH,
    OCTAVE,
    VOICES,
    crossings,
    longest_chord,
    melodic_intervals,
    neighbours_sound,
    note_lengths,
    note_starts,
    out_of_range,
    parallels,
    wide_spacings,
)
from bach_tf.score import STEPS_PER_QUARTER, Score
from bach_tf.theory.metre import with_metre

FOURTH = 5
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # in sixteenths; all others are "other"
STEPS_PER_BAR = 16  # regardless of the metre, which a grid does not have
LONG_COPY_BARS = 4
LONG_CHORD_BARS = 2

# Shown beside a value in a table; "%" marks a fraction, printed in percent.
UNITS = {
    "pieces": "",
    "steps": "sixteenths",
    "notes": "",
    "parallel_fifths": "per piece",
    "parallel_fifths_per_1000": "per 1,000 notes",
    "parallel_octaves": "per piece",
    "parallel_octaves_per_1000": "per 1,000 notes",
    "parallels_per_1000": "per 1,000 notes",
    "crossing": "% of steps",
    "wide_spacing": "% of steps",
    "out_of_range": "% of notes",
    "pitch_class_entropy": "bits, mean of pieces",
    "pitch_class_entropy_of_all": "bits",
    "length_mean": "sixteenths",
    **{f"length_{length}": "% of notes" for length in (*LENGTHS, "other")},
    "longest_chord_bars_median": "bars of 16",
    "longest_chord_bars_max": "bars of 16",
    "long_chord": f"% of pieces, over {LONG_CHORD_BARS} bars",
    "dissonant_on_beat": "% of chords on it",
    "dissonant_off_beat": "% of chords off it",
    **{f"leaps_{voice}": "% of intervals" for voice in VOICES},
    **{f"leaps_over_octave_{voice}": "% of intervals" for voice in VOICES},
    "final_triad": "% of pieces",
    "final_root_position": "% of pieces",
    "final_tonic": "% of pieces",
}
COPY_UNITS = {
    "steps_mean": "sixteenths",
    "steps_median": "sixteenths",
    "steps_max": "sixteenths",
    "bars_mean": "bars of 16",
    "bars_max": "bars of 16",
    "changes_mean": "changes",
    "share_mean": "% of a piece",
    "long": f"% of pieces with {LONG_COPY_BARS} bars",
}
UNITS |= {f"copied_{name}": unit for name, unit in COPY_UNITS.items()}
UNITS |= {f"copied_soprano_{name}": unit for name, unit in COPY_UNITS.items()}


def measure(scores: Sequence[Score], training: Sequence[Score] | None = None) -> dict[str, float]:
    """Measure counterpoint, harmony and copying in a set of pieces.

    Scores are evaluated as grids: a note is a change of pitch in a voice, repeated notes are held
    notes, and if there are fewer than four voices they are the highest ones. Fractions are in 0..1,
    or NaN if there is nothing to count (such as leaps of a silent voice).

    Args:
        scores: scores with at most four voices each, highest first, on a grid of sixteenths.
        training: pieces that could be copied from. Leave it out for the training pieces
            themselves, because each one would find itself.

    Returns:
        `pieces`, `notes`, `steps` in sixteenths;
        `parallel_fifths` and `parallel_octaves` (including unisons) per piece, and with
        `_per_1000` per 1,000 notes, see `parallels`; `parallels_per_1000`, both together;
        `crossing`, the fraction of steps with two adjacent voices in which some voice is below
        its lower neighbour; `wide_spacing`, of steps with two adjacent upper voices in which two
        such voices are more than an octave apart; `out_of_range`, of notes, see `RANGES`;
        `pitch_class_entropy` in bits, the mean over pieces, weighted by duration;
        `pitch_class_entropy_of_all`, that of all pieces together, which grows with the number of
        keys (published figures near 2.9 bits for chorales are of the first kind);
        `length_mean` in sixteenths, and `length_1` to `length_16` and `length_other`, the fractions
        of notes with these durations;
        `longest_chord_bars_median` and `longest_chord_bars_max`, of the longest chord of each
        piece, in bars of 16 steps; `long_chord`, the fraction of pieces with a chord of more than
        two bars: see `longest_chord`;
        `dissonant_on_beat` and `dissonant_off_beat`, the fractions of steps on and off quarter
        beats, where two voices sound, with a dissonance against the lowest note: see
        `dissonances`;
        `leaps_VOICE` and `leaps_over_octave_VOICE`, the fractions of melodic intervals larger than
        a fourth and than an octave, for each voice;
        `final_triad`, `final_root_position`, `final_tonic`, fractions of pieces: see `ending`;
        and with `training`, for the longest passage of each piece that is copied from there in any
        key, for all voices together as `copied_...` and the soprano alone as `copied_soprano_...`:
        `steps_mean`, `steps_median`, `steps_max`, `bars_mean`, `bars_max` in bars of 16 steps,
        `changes_mean`, the number of changes in it, `share_mean`, its fraction of the piece, and
        `long`, the fraction of pieces with a copy of at least 4 bars; see `find_copies`.

    Raises:
        ValueError: if there are no scores or no notes, or a score has too many voices or another
            grid.

    Example:
        >>> piece = Score.from_grid([[67, 64, 60, 48]] * 4 + [[69, 65, 62, 50]] * 4)
        >>> measures = measure([piece], training=[piece.transpose(-2)])
        >>> measures["parallel_fifths"], measures["parallel_octaves"], measures["copied_bars_max"]
        (2.0, 1.0, 0.5)
    """
    grids = _grids(scores, "scores")
    if not any(grid.any() for grid in grids):
        raise ValueError(f"Expected scores with at least one note. Received: {len(grids)} without")
    return {
        **_sizes(grids),
        **_parallels(grids),
        **_positions(grids),
        **_pitch_classes(grids),
        **_lengths(grids),
        **_held(grids),
        **_dissonances(grids, [with_metre(score).upbeat for score in scores]),
        **_leaps(grids),
        **_endings(grids),
        **({} if training is None else _copies(grids, _grids(training, "training scores"))),
    }


def format_table(
    columns: dict[str, dict[str, float]], units: Mapping[str, str] = MappingProxyType(UNITS)
) -> str:
    """Return the measures of several sets side by side, one line per measure.

    Args:
        columns: for each set its name and (part of) the result of `measure`; cells for missing
            values stay empty.
        units: printed after each line; a unit beginning with "%" marks a fraction, printed in
            percent.

    Raises:
        ValueError: if there are no sets.

    Example:
        >>> print(format_table({"Bach": {"crossing": 0.024}, "model": {"crossing": 0.1, "nll": 2}}))
                  Bach  model
        crossing  2.40  10.00  % of steps
        nll                 2
    """
    if not columns:
        raise ValueError("Expected the measures of at least one set. Received: none")
    names = list(dict.fromkeys(name for measures in columns.values() for name in measures))
    rows = [["", *columns, ""]]
    for name in names:
        unit = units.get(name, "")
        cells = [_cell(measures.get(name), unit) for measures in columns.values()]
        rows.append([name, *cells, unit])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for first, *cells, unit in rows:
        cells = [cell.rjust(width) for cell, width in zip(cells, widths[1:-1])]
        lines.append("  ".join([first.ljust(widths[0]), *cells, unit]).rstrip())
    return "\n".join(lines)


def _cell(value: float | None, unit: str) -> str:
    if value is None or np.isnan(value):
        return ""
    if unit.startswith("%"):
        return f"{100 * value:.2f}"
    return f"{value:d}" if isinstance(value, int) else f"{value:.3f}"


def _grids(scores: Sequence[Score], what: str) -> list[np.ndarray]:
    """Return the grids of scores, `(T, 4)` each."""
    if not len(scores):
        raise ValueError(f"Expected at least one of the {what}. Received: none")
    for i, score in enumerate(scores):
        if score.voices > len(VOICES):
            raise ValueError(
                f"{what} {i}: expected at most {len(VOICES)} voices. Received: {score.voices}, "
                f"title={score.title!r}"
            )
        if score.steps_per_quarter != STEPS_PER_QUARTER:
            raise ValueError(
                f"{what} {i}: expected a grid of sixteenths, steps_per_quarter="
                f"{STEPS_PER_QUARTER}. Received: {score.steps_per_quarter}, title={score.title!r}"
            )
    return [score.to_grid(len(VOICES)) for score in scores]


def _share(flags: np.ndarray, among: np.ndarray | None = None) -> float:
    """Return the fraction of true `flags`, optionally only of those `among`; NaN if none."""
    counted = flags if among is None else flags[among]
    return float(counted.mean()) if counted.size else float("nan")


def _sizes(grids: Sequence[np.ndarray]) -> dict[str, float]:
    return {
        "pieces": len(grids),
        "notes": int(sum(note_starts(grid).sum() for grid in grids)),
        "steps": sum(map(len, grids)),
    }


def _parallels(grids: Sequence[np.ndarray]) -> dict[str, float]:
    notes = sum(note_starts(grid).sum() for grid in grids)
    measures = {}
    for name, interval in (("parallel_fifths", FIFTH), ("parallel_octaves", OCTAVE)):
        count = sum(parallels(grid, interval).sum() for grid in grids)
        measures[name] = float(count / len(grids))
        measures[f"{name}_per_1000"] = float(1000 * count / notes)
    together = measures["parallel_fifths"] + measures["parallel_octaves"]
    return measures | {"parallels_per_1000": float(1000 * together * len(grids) / notes)}


def _positions(grids: Sequence[np.ndarray]) -> dict[str, float]:
    steps = np.concatenate(grids)
    together = neighbours_sound(steps)
    return {
        "crossing": _share(crossings(steps).any(axis=1), together.any(axis=1)),
        "wide_spacing": _share(wide_spacings(steps).any(axis=1), together[:, :-1].any(axis=1)),
        "out_of_range": _share(
            np.concatenate([out_of_range(grid)[note_starts(grid)] for grid in grids])
        ),
    }


def _pitch_classes(grids: Sequence[np.ndarray]) -> dict[str, float]:
    counts = [pitch_class_steps(grid) for grid in grids if grid.any()]
    return {
        "pitch_class_entropy": float(np.mean([entropy_bits(count) for count in counts])),
        "pitch_class_entropy_of_all": entropy_bits(np.sum(counts, axis=0)),
    }


def _lengths(grids: Sequence[np.ndarray]) -> dict[str, float]:
    lengths = np.concatenate([note_lengths(grid) for grid in grids])
    return {
        "length_mean": float(lengths.mean()),
        **{f"length_{length}": _share(lengths == length) for length in LENGTHS},
        "length_other": _share(~np.isin(lengths, LENGTHS)),
    }


def _held(grids: Sequence[np.ndarray]) -> dict[str, float]:
    bars = np.array([longest_chord(grid) for grid in grids]) / STEPS_PER_BAR
    return {
        "longest_chord_bars_median": float(np.median(bars)),
        "longest_chord_bars_max": float(bars.max()),
        "long_chord": _share(bars > LONG_CHORD_BARS),
    }


def _dissonances(grids: Sequence[np.ndarray], upbeats: Sequence[int]) -> dict[str, float]:
    steps = np.concatenate(grids)
    on = np.concatenate([on_beats(len(grid), upbeat) for grid, upbeat in zip(grids, upbeats)])
    dissonant, counted = dissonances(steps), chords(steps)
    return {
        "dissonant_on_beat": _share(dissonant, counted & on),
        "dissonant_off_beat": _share(dissonant, counted & ~on),
    }


def _leaps(grids: Sequence[np.ndarray]) -> dict[str, float]:
    sizes = [
        np.abs(np.concatenate([melodic_intervals(grid[:, voice]) for grid in grids]))
        for voice in range(len(VOICES))
    ]
    kinds = (("leaps", FOURTH), ("leaps_over_octave", OCTAVE))
    return {
        f"{name}_{voice}": _share(size > largest)
        for name, largest in kinds
        for voice, size in zip(VOICES, sizes)
    }


def _endings(grids: Sequence[np.ndarray]) -> dict[str, float]:
    fractions = np.mean([ending(grid) for grid in grids], axis=0)
    return dict(zip(("final_triad", "final_root_position", "final_tonic"), map(float, fractions)))


def _copies(grids: Sequence[np.ndarray], training: Sequence[np.ndarray]) -> dict[str, float]:
    measures = {}
    for name, voices in (("copied", slice(None)), ("copied_soprano", slice(1))):
        copies = find_copies([grid[:, voices] for grid in grids], [g[:, voices] for g in training])
        bars = copies.steps / STEPS_PER_BAR
        measures |= {
            f"{name}_steps_mean": float(copies.steps.mean()),
            f"{name}_steps_median": float(np.median(copies.steps)),
            f"{name}_steps_max": int(copies.steps.max()),
            f"{name}_bars_mean": float(bars.mean()),
            f"{name}_bars_max": float(bars.max()),
            f"{name}_changes_mean": float(copies.changes.mean()),
            f"{name}_share_mean": float((copies.steps / np.maximum(copies.length, 1)).mean()),
            f"{name}_long": _share(bars >= LONG_COPY_BARS),
        }
    return measures
