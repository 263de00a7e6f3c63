"""Changing the grid of a score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from bach_tf.score import SECONDS, Score, move_places
from bach_tf.theory.bars import place_of

Note = tuple[int, int, int, int, int]  # onset, end, pitch, voice, velocity


def regrid(score: Score, steps_per_quarter: int, *, quantize: bool = False) -> Score:
    """Return a score on another grid.

    Note ends are rounded to the nearest step, because they are a matter of articulation. Onsets
    make up the rhythm and are only moved with `quantize`; if several notes of a monophonic voice
    then share a step, the one that was closest to it is kept.

    Args:
        score: a score in beats.
        steps_per_quarter: resolution of the new grid.
        quantize: whether to move onsets that lie between two steps.

    Raises:
        ValueError: if the score is in seconds, or onsets lie between two steps; the message gives
            bar and beat of the first.

    Example:
        >>> regrid(Score.from_grid([[60], [62]]), 12).onset.tolist()
        [0, 3]
        >>> regrid(Score.from_grid([[60], [62]], steps_per_quarter=8), 4)
        Traceback (most recent call last):
        ValueError: bar 1, beat 1.12: 1 of 2 notes begins between the 4 steps of a quarter
    """
    if score.steps_per_quarter == steps_per_quarter:
        return score
    if score.timing == SECONDS:
        raise ValueError("a performance in seconds has no beats")
    ratio = Fraction(steps_per_quarter, score.steps_per_quarter)
    if not quantize:
        _check_onsets(score, ratio, steps_per_quarter)
    notes = [note for voice in range(score.voices) for note in _moved(score, voice, ratio)]
    onset, end, pitch, voice, velocity = np.array(notes, int).reshape(-1, 5).T

    def to_step(step: int) -> int:
        return _nearest(step * ratio)

    return replace(
        score,
        onset=onset,
        duration=end - onset,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=max(int(end.max(initial=0)), to_step(score.length)),
        steps_per_quarter=steps_per_quarter,
        tempi=move_places(score.tempi, to_step),
        metres=move_places(_whole_bars(score, steps_per_quarter), to_step),
        key_changes=tuple(p for p in move_places(score.key_changes, to_step) if p[0] > 0),
        upbeat=to_step(score.upbeat),
        fermatas=tuple(map(to_step, score.fermatas)),
        pedals=_moved_pedals(score, ratio),
    )


def _check_onsets(score: Score, ratio: Fraction, steps_per_quarter: int) -> None:
    onsets = score.onset[score.onset * ratio.numerator % ratio.denominator != 0]
    if onsets.size:
        raise ValueError(
            f"{place_of(score, int(onsets[0]))}: {onsets.size} of {len(score)} notes "
            f"begin{'s' * (onsets.size == 1)} between the {steps_per_quarter} steps of a quarter"
        )


def _whole_bars(score: Score, steps_per_quarter: int) -> Iterable[tuple[int, int, int]]:
    """Return the metres whose bars last at least one step of the new grid."""
    return [place for place in score.metres if 4 * steps_per_quarter * place[1] >= place[2]]


def _nearest(place: Fraction) -> int:
    """Round to a step, halves down: a pair of fast notes stays before the next beat."""
    return math.ceil(place - Fraction(1, 2))


def _moved_pedals(score: Score, ratio: Fraction) -> tuple[tuple[int, int, int], ...]:
    moved = ((_nearest(down * ratio), _nearest(up * ratio), v) for down, up, v in score.pedals)
    return tuple((down, up, voice) for down, up, voice in moved if down < up)


def _moved(score: Score, voice: int, ratio: Fraction) -> list[Note]:
    """Return the notes of a voice on the new grid."""
    mine = score.voice == voice
    columns = (score.onset, score.onset + score.duration, score.pitch, score.velocity)
    notes = list(zip(*(column[mine].tolist() for column in columns)))
    is_line = all(note[1] <= following[0] for note, following in pairwise(notes))
    by_place: dict[tuple, tuple[Fraction, Note]] = {}
    for onset, end, pitch, velocity in notes:
        step = _nearest(onset * ratio)
        place = (step,) if is_line else (step, pitch)
        distance = abs(onset * ratio - step)
        moved = (
            step,
            max(step + 1, math.floor(end * ratio + Fraction(1, 2))),
            pitch,
            voice,
            velocity,
        )
        if place not in by_place or distance < by_place[place][0]:
            by_place[place] = distance, moved
    kept = [note for _, note in by_place.values()]
    return _cut(kept) if is_line else kept


def _cut(notes: list[Note]) -> list[Note]:
    """Return the notes of a melody, each truncated where the next begins."""
    ends = [*(following[0] for following in notes[1:]), notes[-1][1]] if notes else []
    return [(note[0], min(note[1], end), *note[2:]) for note, end in zip(notes, ends)]
