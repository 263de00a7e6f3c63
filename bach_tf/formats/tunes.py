"""Tunes for a corpus: a single monophonic voice in sixteenths."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from bach_tf.formats.notation.scoring import joined, upbeat_of
from bach_tf.formats.notation.sheet import Head, Sheet
from bach_tf.score import STEPS_PER_QUARTER, Score


class OffGridError(ValueError):
    """A tune that is valid but does not fit a grid of sixteenths."""


def tune_of(sheet: Sheet) -> Score:
    """Convert a sheet to a tune, as printed, with its first metre.

    Raises:
        OffGridError: a note or a rest begins or ends between two sixteenths.
        ValueError: no notes, or simultaneous notes.
    """
    notes = joined(sheet.heads)
    _check_one_voice(sheet, notes)
    onset, duration = (
        np.array([_steps(time) for time in times], np.int64)
        for times in ([n.start for n in notes], [n.end - n.start for n in notes])
    )
    metres = [bar.metre for bar in sheet.bars if bar.metre is not None]
    return Score(
        onset=onset,
        duration=duration,
        pitch=np.array([note.pitch for note in notes], np.int64),
        voice=np.zeros(len(notes), np.int64),
        velocity=np.array([note.velocity for note in notes], np.int64),
        length=_steps(sheet.end),
        title=sheet.title,
        key_signature=sheet.key_signature,
        metres=((0, *metres[0]),) if metres else (),
        upbeat=_steps(upbeat_of(sheet.bars)),
    )


def check_bars(sheet: Sheet) -> None:
    """Check that no bar, except the last, exceeds its length by a fraction of a beat.

    Additional whole beats are accepted: many folk songs change metre without notating it. So are
    bars of several times the length: some collections only have bar lines at the ends of lines.
    Tunes with several metres are not checked.

    Raises:
        ValueError: a bar is too long by a fraction of a beat; the message says which.
    """
    metres = {bar.metre for bar in sheet.bars}
    if len(metres) != 1 or None in metres:
        return
    for bar in sheet.bars[:-1]:
        assert bar.metre is not None
        beats, value = bar.metre
        beat, length = Fraction(4, value), bar.end - bar.start
        too_long = length % bar.whole
        if length > bar.whole and 0 < too_long < beat:
            raise ValueError(
                f"expected whole beats in bars of {beats}/{value}, got {length} quarters "
                f"from quarter {bar.start} to the bar line: a triplet was lost, perhaps"
            )


def _check_one_voice(sheet: Sheet, notes: list[Head]) -> None:
    if not notes:
        raise ValueError("expected a tune, got no note")
    if len(sheet.parts) > 1:
        raise ValueError(f"expected a tune of one voice, got {len(sheet.parts)}")
    for one, other in pairwise(notes):
        if other.start < one.end:
            place = sheet.place(other.start)
            raise ValueError(f"expected a tune of one voice, got notes that overlap in {place}")


def _steps(quarters: Fraction) -> int:
    steps = quarters * STEPS_PER_QUARTER
    if steps.denominator != 1:
        raise OffGridError(f"expected sixteenths only, got a time of {quarters} quarters")
    return int(steps)
