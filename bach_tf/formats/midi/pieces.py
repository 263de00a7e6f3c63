"""Pieces from MIDI files, on the grid that fits them where none is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from bach_tf.formats.midi.events import File, open_midi
from bach_tf.formats.midi.reading import to_performance, to_score
from bach_tf.formats.midi.voices import sounding
from bach_tf.formats.reading import MILLISECONDS, Grid, Notices, Piece
from bach_tf.score import SECONDS, STEPS_PER_QUARTER, Score
from bach_tf.theory.bars import place_of
from bach_tf.theory.grids import regrid

# Steps a quarter, the coarsest first. Ends of notes are often cut short for articulation: of them
# only the grids are tried that scores are written in.
WRITTEN = (4, 8, 12, 16, 24, 48)
EXACT = tuple(range(4, 49, 4))
# On the best grid for notes that were played: so many of them begin within a quarter of a step of
# it, of which half would by chance.
NEAR, MOST = Fraction(1, 4), 0.95
PLAYED = (2, 4, 8, 12, 24)


def read_midi_piece(path: Path, grid: Grid | None = None, strict: bool = False) -> Piece:
    """Read a MIDI file.

    Args:
        path: of the file.
        grid: `None` for the coarsest on which all notes begin and end, else the coarsest on which
            they begin; where there is none, as where a person has played them, the coarsest on
            which 95 % begin within a quarter of a step; and where there is none either it is a
            performance, in seconds.
        strict: refuse a file with a fault that could be read over.

    Raises:
        ValueError: as `read_midi` and `read_midi_seconds`.

    Example:
        >>> piece = read_midi_piece(Path("prelude.mid"))  # doctest: +SKIP
    """
    notices = Notices(path, strict)
    file = open_midi(path, notices)
    grid = grid_of(file) if grid is None else grid
    if grid.timing == SECONDS:
        score = to_performance(file, path, grid.steps_per_second, notices)
    else:
        score = _on_beats(file, path, grid, notices)
    return Piece(score, warnings=notices.sentences)


def _on_beats(file: File, path: Path, grid: Grid, notices: Notices) -> Score:
    """Return the score on a grid of beats; what a finer one says is not lost, where one fits."""
    fits = _fitting(file)
    steps = grid.steps_per_quarter if fits is None else fits
    if steps % grid.steps_per_quarter and grid.steps_per_quarter % steps:
        steps = grid.steps_per_quarter
    score = to_score(file, path, steps, notices)
    score = regrid(score, grid.steps_per_quarter, quantize=True)
    _tell_of_moved(file, score, notices)
    return score


def grid_of(file: File) -> Grid:
    """Return the grid of a file's notes, as `read_midi_piece` chooses it."""
    steps = _fitting(file)
    return MILLISECONDS if steps is None else Grid(max(STEPS_PER_QUARTER, steps))


def _fitting(file: File) -> int | None:
    """Return the steps of a quarter on which the notes are, or were meant; `None` for none."""
    notes = [note for *_, notes in sounding(file) for note in notes]
    onsets = sorted({note[0] for note in notes})
    ends = sorted({note[1] for note in notes})
    for steps in WRITTEN:
        if _is_exact([*onsets, *ends], steps, file.ticks_per_quarter):
            return steps
    for steps in EXACT:
        if _is_exact(onsets, steps, file.ticks_per_quarter):
            return steps
    for steps in PLAYED:
        if _near([note[0] for note in notes], steps, file.ticks_per_quarter) >= MOST:
            return steps
    return None


def _tell_of_moved(file: File, score: Score, notices: Notices) -> None:
    """Tell the notices how many notes were moved to the grid, and where the first of them is."""
    steps, quarter = score.steps_per_quarter, file.ticks_per_quarter
    onsets = sorted(note[0] for *_, notes in sounding(file) for note in notes)
    moved = [tick for tick in onsets if not _is_exact([tick], steps, quarter)]
    if moved:
        what = (
            f"{len(moved)} of {len(onsets)} notes were moved to the nearest of {steps} steps of a "
            "quarter"
        )
        notices.remark(what, place_of(score, moved[0] * steps / quarter))


def _is_exact(ticks: Sequence[int], steps: int, quarter: int) -> bool:
    """Return whether all ticks are as near to steps as a file can say them."""
    return all(2 * abs(_distance(tick, steps, quarter)) < steps for tick in ticks)


def _near(ticks: Sequence[int], steps: int, quarter: int) -> float:
    """Return the share of ticks within a quarter of a step of one."""
    near = [abs(_distance(tick, steps, quarter)) <= NEAR * quarter for tick in ticks]
    return sum(near) / max(1, len(near))


def _distance(tick: int, steps: int, quarter: int) -> int:
    """Return how far a tick is from the nearest step, in ticks times the steps of a quarter."""
    return (tick * steps + quarter // 2) % quarter - quarter // 2
