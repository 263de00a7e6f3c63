"""Pieces from MIDI files, on the grid that fits them where none is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from bach_tf.formats.midi.events import File, open_midi
from bach_tf.formats.midi.grids import NoteGrid, distance, grid_of_notes, is_exact
from bach_tf.formats.midi.metas import KEY, METRE, TEMPO
from bach_tf.formats.midi.reading import to_performance, to_score
from bach_tf.formats.midi.timeline import metres_and_upbeat
from bach_tf.formats.midi.voices import sounding
from bach_tf.formats.reading import MILLISECONDS, Grid, Notices, Piece
from bach_tf.score import SECONDS, Score
from bach_tf.theory.bars import place_of
from bach_tf.theory.grids import regrid

FINEST = 48  # steps per quarter that a metre may ask for
AUDIBLE = Fraction(1, 4)  # of a step: an end that is moved farther changes a rest
CHANGES = {TEMPO: "tempo", METRE: "metre", KEY: "key"}


def read_midi_piece(path: Path, grid: Grid | None = None, strict: bool = False) -> Piece:
    """Read a MIDI file.

    Args:
        path: of the file.
        grid: `None` for the one that fits the notes, as `grid_of_notes` finds it; where there is
            none, and in files that count seconds, the piece is read as a performance, in seconds.
        strict: refuse a file with a fault that could be read over.

    Raises:
        ValueError: as `read_midi` and `read_midi_seconds`.

    Example:
        >>> piece = read_midi_piece(Path("prelude.mid"))  # doctest: +SKIP
    """
    notices = Notices(path, strict)
    file = open_midi(path, notices)
    fit = _fitting(file)
    if grid is None:
        grid = MILLISECONDS if fit is None else Grid(fit.steps)
        if fit is None and any(sounding(file)):
            why = "the notes fit no grid of beats" if file.has_beats else "its ticks are of seconds"
            notices.remark(f"{why}: it is read as a performance, in seconds and in one voice")
    if grid.timing == SECONDS:
        score = to_performance(file, path, grid.steps_per_second, notices)
    else:
        score = _on_beats(file, path, grid, fit, notices)
    return Piece(score, warnings=notices.sentences)


def _on_beats(file: File, path: Path, grid: Grid, fit: NoteGrid | None, notices: Notices) -> Score:
    """Return the score on a grid of beats; a finer one that fits is read first, then rounded."""
    asked = grid.steps_per_quarter
    fit = NoteGrid(asked) if fit is None else fit
    if fit.steps % asked and asked % fit.steps:
        fit = fit.finer(asked)
    score = regrid(to_score(file, path, fit.steps, notices, fit), asked, quantize=True)
    _tell_of_moved_notes(file, score, fit.shift, notices)
    _tell_of_moved_changes(file, score, notices)
    _tell_of_broken_bars(file, asked, notices)
    return score


def _fitting(file: File) -> NoteGrid | None:
    """Return the grid of a file's notes, fine enough for its bars; `None` for none."""
    notes = [note for *_, notes in sounding(file) for note in notes]
    if not file.has_beats or not notes:
        return None
    fit = grid_of_notes(notes, int(file.ticks_per_quarter))
    if fit is None:
        return None
    metres = [(beats, value) for _, beats, value in metres_and_upbeat(file)[0]]
    steps = fit.steps
    while any(4 * steps * beats % value for beats, value in metres):
        steps *= 2
    return fit.finer(steps) if steps <= FINEST else fit


def _tell_of_moved_notes(file: File, score: Score, shift: int, notices: Notices) -> None:
    """Report how many notes were moved to the grid, and where the first of them is."""
    steps, quarter = score.steps_per_quarter, int(file.ticks_per_quarter)
    onsets = sorted(note[0] - shift for *_, notes in sounding(file) for note in notes)
    if shift:
        late = f"{abs(shift)} ticks {'late' if shift > 0 else 'early'}"
        part = f"{abs(shift) / quarter:.2g} of a quarter"
        notices.remark(f"all notes are about {late} ({part}) and were moved back by as much")
    moved = [tick for tick in onsets if not is_exact(tick, steps, quarter)]
    if moved:
        what = (
            f"{len(moved)} of {len(onsets)} notes were moved to the nearest of {steps} steps of a "
            "quarter"
        )
        notices.remark(what, place_of(score, max(0, moved[0]) * steps / quarter))
    else:
        _tell_of_moved_ends(file, score, shift, notices)


def _tell_of_moved_ends(file: File, score: Score, shift: int, notices: Notices) -> None:
    """Report rests that are longer or shorter than in the file: ends go to the nearest step."""
    steps, quarter = score.steps_per_quarter, int(file.ticks_per_quarter)
    ends = sorted(end - shift for *_, notes in sounding(file) for end in _free_ends(notes))
    moved = [end for end in ends if abs(distance(end, steps, quarter)) > AUDIBLE * quarter]
    if moved:
        what = (
            f"{len(moved)} notes end between two steps: their ends were moved to the nearest of "
            f"{steps} steps of a quarter"
        )
        notices.remark(what, place_of(score, moved[0] * steps / quarter))


def _free_ends(notes: Iterable[tuple[int, int, int, int]]) -> list[int]:
    """Return the ends of notes of a channel during which no other note begins."""
    notes = list(notes)
    onsets = sorted(note[0] for note in notes)
    return [
        end for start, end, *_ in notes if bisect_right(onsets, end) == bisect_right(onsets, start)
    ]


def _tell_of_broken_bars(file: File, steps: int, notices: Notices) -> None:
    """Report metres whose bars are no whole number of steps."""
    for beats, value in dict.fromkeys(metre[1:] for metre in metres_and_upbeat(file)[0]):
        bar = Fraction(4 * steps * beats, value)
        if bar.denominator > 1:
            made = "shortened to one" if bar > 1 else "left out"
            what = f"bars of {beats}/{value} are no whole number of steps, and were {made}"
            notices.remark(f"{what}: a finer grid can hold them")


def _tell_of_moved_changes(file: File, score: Score, notices: Notices) -> None:
    """Report changes of tempo, metre and key between two steps, and where the first of them is."""
    steps, quarter = score.steps_per_quarter, int(file.ticks_per_quarter)
    for kind, name in CHANGES.items():
        ticks = sorted({event.tick for event in file.events if event.kind == kind and event.tick})
        ticks = [tick for tick in ticks if tick * steps < score.length * quarter]
        moved = [tick for tick in ticks if not is_exact(tick, steps, quarter)]
        if moved:
            what = f"{len(moved)} of {len(ticks)} changes of {name} were moved to the nearest step"
            notices.remark(what, place_of(score, moved[0] * steps / quarter))
