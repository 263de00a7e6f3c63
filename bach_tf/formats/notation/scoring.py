"""From a sheet to a score: ties joined, times on a grid, bars as metres and an upbeat."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import groupby, zip_longest
from operator import itemgetter

import numpy as np

from bach_tf.formats.notation.parting import from_the_highest, in_voices
from bach_tf.formats.notation.performing import in_seconds
from bach_tf.formats.notation.playing import played_out
from bach_tf.formats.notation.sheet import MOST_BARS, MOST_QUARTERS, Bar, Head, Metre, Sheet
from bach_tf.formats.reading import Grid, Notices, Piece
from bach_tf.formats.rendition import TEMPO_QPM
from bach_tf.score import MOST_VOICES, SECONDS, STEPS_PER_QUARTER, Score, move_places
from bach_tf.theory.grids import regrid
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO

FINEST = 5040  # steps a quarter: where notes need more, their file has rounded times
FINE_GRIDS = (48, 240, 336, 480, 960, 1680, FINEST)


def piece_of(
    sheet: Sheet, notices: Notices, grid: Grid | None = None, unfold: bool = False
) -> Piece:
    """Return the piece that a sheet is.

    Args:
        sheet: what was read.
        notices: takes what is lost.
        grid: that is asked for; notes are moved to its nearest step. `None` for the coarsest, from
            sixteenths on, on which all notes begin and end.
        unfold: play the repeats out.

    Raises:
        ValueError: there is no note, or more than a piece may have.
    """
    sheet = played_out(sheet) if unfold else sheet
    _check_size(sheet, notices)
    notes = _apart(joined(sheet.heads))
    if not sheet.as_written:
        parts, notes = from_the_highest(in_voices(sheet, notes, notices), notices)
        sheet = replace(sheet, parts=parts)
    score = _score(sheet, notes, _steps_for(sheet, notes, notices), notices)
    if grid is not None and grid.timing == SECONDS:
        score = in_seconds(score, grid.steps_per_quarter, TEMPO_QPM)
    elif grid is not None:
        _tell_of_moved(sheet, notes, grid.steps_per_quarter, notices)
        _tell_of_moved_signs(sheet, grid.steps_per_quarter, notices)
        score = regrid(score, grid.steps_per_quarter, quantize=True)
    return Piece(score, warnings=notices.sentences)


def _check_size(sheet: Sheet, notices: Notices) -> None:
    if not sheet.heads:
        why = [sentence.partition(": ")[2] for sentence in notices.sentences]  # without the file
        raise ValueError(": ".join(["expected music, got no note", *why[:1]]))
    if sheet.end > MOST_QUARTERS or len(sheet.bars) > MOST_BARS:
        raise ValueError(f"expected at most {MOST_QUARTERS} quarters, got a longer piece")
    voices = max(head.voice for head in sheet.heads) + 1
    if voices > MOST_VOICES:
        raise ValueError(f"expected at most {MOST_VOICES} voices, got {voices}")


def joined(heads: Iterable[Head]) -> list[Head]:
    """Return the notes in order: heads tied to one before, of their voice and pitch, go on."""
    notes: list[Head] = []
    ending: dict[tuple[int, int, Fraction], int] = {}  # {(voice, pitch, end): place in `notes`}
    for head in sorted(heads, key=lambda head: (float(head.start), float(head.end))):
        place = ending.pop((head.voice, head.pitch, head.start), None) if head.from_tie else None
        if place is None:
            place = len(notes)
            notes.append(head)
        else:
            fermata = notes[place].fermata or head.fermata
            notes[place] = notes[place]._replace(end=head.end, fermata=fermata)
        ending[head.voice, head.pitch, head.end] = place
    return notes


def _apart(notes: Iterable[Head]) -> list[Head]:
    """Return the notes without those that a voice has twice; one that is struck again ends there.

    Of those of one pitch that begin together, as in two lines of a part, the longest is left.
    """
    strikes: dict[tuple[int, int], dict[Fraction, Head]] = defaultdict(dict)
    for note in notes:
        others = strikes[note.voice, note.pitch]
        other = others.get(note.start)
        if other is None or other.end < note.end:
            others[note.start] = note
    apart = []
    for by_start in strikes.values():
        starts = sorted(by_start)
        for start, following in zip_longest(starts, starts[1:]):
            note = by_start[start]
            cut = following is not None and following < note.end
            apart.append(note._replace(end=following) if cut else note)
    return apart


def _steps_for(sheet: Sheet, notes: list[Head], notices: Notices) -> int:
    """Return the fewest steps a quarter, from sixteenths on, that hold all notes, bars and signs.

    Where they would be more than `FINEST`, those that hold the most notes.
    """
    steps = _common([time for note in notes for time in (note.start, note.end)])
    steps = math.lcm(steps, _common([sheet.end, *(bar.start for bar in sheet.bars)]))
    if steps > FINEST:
        steps = min(FINE_GRIDS, key=lambda steps: len(_moved(notes, steps, ends=True)))
        _tell_of_moved(sheet, notes, steps, notices, ends=True)
    with_signs = math.lcm(steps, _common([time for time, _ in (*sheet.tempi, *sheet.keys)]))
    if with_signs <= FINEST:
        return with_signs
    _tell_of_moved_signs(sheet, steps, notices)
    return steps


def _common(times: list[Fraction]) -> int:
    """Return the fewest steps a quarter, from sixteenths on, that hold all times."""
    return math.lcm(STEPS_PER_QUARTER, *{time.denominator for time in times})


def _score(sheet: Sheet, notes: list[Head], steps: int, notices: Notices) -> Score:
    def to_step(time: Fraction) -> int:
        return math.floor(time * steps + Fraction(1, 2))

    rows = _once([_row(note, to_step) for note in notes])
    onset, duration, pitch, voice, velocity = np.array(rows, np.int64).T
    metres = [(to_step(time), *metre) for time, metre in _metres(sheet)]
    length = max(to_step(sheet.end), int((onset + duration).max()))
    tempi = [(to_step(time), qpm) for time, qpm in _tempi(sheet, notices)]
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=length,
        steps_per_quarter=steps,
        title=sheet.title,
        key_signature=sheet.key_signature,
        key_changes=_key_changes(sheet, to_step, length),
        tempi=move_places(tempi, lambda step: min(step, length)),
        metres=move_places(metres, lambda step: min(step, length)),
        upbeat=to_step(upbeat_of(sheet.bars)),
        fermatas=tuple(sorted({to_step(time) for time in _fermatas(sheet, notes)})),
        parts=tuple(sheet.parts),
    )


def _row(note: Head, to_step: Callable[[Fraction], int]) -> tuple[int, int, int, int, int]:
    start, end = to_step(note.start), to_step(note.end)
    return start, max(end - start, 1), note.pitch, note.voice, note.velocity


def _moved(notes: list[Head], steps: int, ends: bool) -> list[Head]:
    """Return the notes that begin, or end, between the steps of a grid."""
    return [
        note
        for note in notes
        if steps % note.start.denominator or (ends and steps % note.end.denominator)
    ]


def _tell_of_moved(
    sheet: Sheet, notes: list[Head], steps: int, notices: Notices, ends: bool = False
) -> None:
    """Tell how many notes are moved to the steps of a grid, and where the first is."""
    moved = _moved(notes, steps, ends)
    if moved:
        first = min(moved)
        what = (
            f"{len(moved)} of {len(notes)} notes were moved to the nearest of {steps} steps of a "
            "quarter"
        )
        notices.remark(what, sheet.place(first.start, first.voice))


def _tell_of_moved_signs(sheet: Sheet, steps: int, notices: Notices) -> None:
    """Tell of tempi, keys and metres between the steps of a grid, and of bars that are shorter."""
    metres = metres_of(sheet.bars)
    times = sorted(time for time, *_ in (*sheet.tempi, *sheet.keys, *metres))
    between = [time for time in times if steps % time.denominator]
    if between:
        what = f"tempi, keys and metres were moved to the nearest of {steps} steps of a quarter"
        notices.remark(what, sheet.place(between[0]))
    for time, (beats, value) in metres:
        if 4 * steps * beats < value:
            what = "metres were left out whose bars are shorter than a step"
            notices.remark(what, sheet.place(time))


def _once(rows: list[tuple]) -> list[tuple]:
    """Return the notes without those that rounding has put on one another."""
    strikes: dict[tuple[int, int], dict[int, tuple]] = defaultdict(dict)
    for row in rows:
        start, duration, pitch, voice, _ = row
        others = strikes[pitch, voice]
        if start not in others or others[start][1] < duration:
            others[start] = row
    apart = []
    for by_start in strikes.values():
        starts = sorted(by_start)
        for start, following in zip_longest(starts, starts[1:], fillvalue=math.inf):
            _, duration, *rest = by_start[int(start)]
            apart.append((start, min(duration, following - start), *rest))
    return sorted(apart)


def _key_changes(
    sheet: Sheet, to_step: Callable[[Fraction], int], length: int
) -> tuple[tuple[int, int], ...]:
    """Return the key signatures after the first that change it, each from a step on."""
    changes: dict[int, int] = {}
    before = sheet.key_signature
    for time, sharps in sheet.keys[1:]:
        step = to_step(time)
        changes_it = sharps != before or sheet.as_written
        if sharps is not None and changes_it and 0 < step <= length:
            changes[step] = before = sharps
    return tuple(changes.items())


def _tempi(sheet: Sheet, notices: Notices) -> list[tuple[Fraction, float]]:
    """Return the tempi that can be, without those that change nothing."""
    if sheet.as_written:
        return sheet.tempi
    kept: list[tuple[Fraction, float]] = []
    for time, qpm in sheet.tempi:
        if not LOWEST_TEMPO <= qpm <= HIGHEST_TEMPO:
            what = f"tempi outside {LOWEST_TEMPO}..{HIGHEST_TEMPO} quarters a minute are left out"
            notices.fault(what, sheet.place(time))
        elif not kept or kept[-1][1] != qpm:
            kept.append((time, qpm))
    if kept and kept[0][0] > 0:
        # A score begins with its first tempo: the first that a file says may stand in bar 2.
        kept[0] = (Fraction(0), kept[0][1])
    return kept


def _metres(sheet: Sheet) -> list[tuple[Fraction, Metre]]:
    if sheet.as_written:
        return [(bar.start, bar.metre) for bar in sheet.bars if bar.new and bar.metre]
    return metres_of(sheet.bars)


def metres_of(bars: Iterable[Bar]) -> list[tuple[Fraction, Metre]]:
    """Return when each metre begins: where it changes, and where bar lines begin to fall anew.

    The second is so after a bar that is too short or too long, unless the next makes up for it, as
    two halves of a bar with a repeat sign between them do.
    """
    found: list[tuple[Fraction, Metre]] = []
    counted = Fraction(0)  # from where bars are counted
    for bar in bars:
        if bar.metre is None:
            continue
        changes = not found or found[-1][1] != bar.metre
        off = (bar.start - counted) % bar.whole
        if changes or (off and (bar.new or bar.end - bar.start >= bar.whole)):
            counted = bar.end if bar.upbeat else bar.start
            found.append((bar.start, bar.metre))
    return found


def upbeat_of(bars: list[Bar]) -> Fraction:
    """Return the quarters before the first bar line."""
    return bars[0].end - bars[0].start if bars and bars[0].upbeat else Fraction(0)


def _fermatas(sheet: Sheet, notes: list[Head]) -> list[Fraction]:
    """Return when notes with a fermata begin.

    Of those that sound together in several voices, where an inner voice may move a little earlier
    or later, the highest voice has it.
    """
    with_one = [note for note in notes if note.fermata]
    if sheet.as_written:
        return [note.start for note in with_one if note.start not in sheet.held]
    kept: list[Head] = []
    above: list[tuple[Fraction, Fraction]] = []  # when those of higher voices sound, apart
    for _, voice in groupby(sorted(with_one, key=lambda note: note.voice), lambda note: note.voice):
        alone = [note for note in voice if not _sounds_with(above, note)]
        kept += alone
        above = _united([*above, *((note.start, note.end) for note in alone)])
    return [note.start for note in kept]


def _sounds_with(spans: list[tuple[Fraction, Fraction]], note: Head) -> bool:
    """Return whether a note sounds within one of some spans of time, in order and apart."""
    place = bisect_left(spans, note.end, key=itemgetter(0)) - 1
    return place >= 0 and spans[place][1] > note.start


def _united(spans: list[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    united: list[tuple[Fraction, Fraction]] = []
    for start, end in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], end)
        else:
            united.append((start, end))
    return united
