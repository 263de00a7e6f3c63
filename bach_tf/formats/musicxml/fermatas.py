"""The fermatas of a score in its layers: over every part that sounds, as in engraved chorales.

Times are in ticks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from bach_tf.formats.musicxml.parts import Chord, Line, Part
from bach_tf.formats.musicxml.rhythm import QUARTER
from bach_tf.score import Score


def with_fermatas(parts: Sequence[Part], score: Score) -> list[Part]:
    """Return the parts of a score with its fermatas.

    Every part that sounds has them: a voice that moves under the fermata of another one on its last
    note there, and a note that began earlier where it sounds on. Two voices on a staff share one
    above each system, where singers and congregation look for it.

    Args:
        parts: without fermatas.
        score: whose steps are whole ticks.
    """
    spans = _spans(score)
    if any(len(part.players) > 1 for part in parts):
        top, *others = parts
        return [_above_the_system(top, spans), *others]
    return [_over_each_part(part, spans) for part in parts]


def held_under(parts: Sequence[Part], score: Score) -> list[int]:
    """Return when notes with a fermata begin that is not one of the score's, in order.

    Args:
        parts: with fermatas.
        score: whose steps are whole ticks.
    """
    tick = QUARTER // score.steps_per_quarter
    lines = [line for part in parts for line in part.lines]
    onsets = {_sounding(line, at, at + 1)[-1].start for line in lines for at in line.fermatas}
    return sorted(onsets - {step * tick for step in score.fermatas})


def _spans(score: Score) -> dict[int, int]:
    """Return the ends of the notes with a fermata, of the highest voice that begins there."""
    tick = QUARTER // score.steps_per_quarter
    marked = set(score.fermatas)
    columns = (score.onset, score.voice, score.onset + score.duration)
    spans: dict[int, tuple[int, int]] = {}  # {onset: (voice, end)}
    for onset, voice, end in zip(*(column.tolist() for column in columns)):
        if onset in marked:
            spans[onset] = min(spans.get(onset, (voice, end)), (voice, end))
    return {onset * tick: end * tick for onset, (_, end) in spans.items()}


def _above_the_system(part: Part, spans: Mapping[int, int]) -> Part:
    """Assign each fermata to the first layer with a note that begins there."""
    left, lines = set(spans), []
    for line in part.lines:
        here = frozenset(left & {chord.start for chord in line.chords})
        left -= here
        lines.append(replace(line, fermatas=here))
    return replace(part, lines=tuple(lines))


def _over_each_part(part: Part, spans: Mapping[int, int]) -> Part:
    """Assign each fermata to the layer of a part in which a note begins there, or sounds on."""
    places: list[set[int]] = [set() for _ in part.lines]
    for start, end in spans.items():
        sounding = [_sounding(line, start, end) for line in part.lines]
        here = [number for number, chords in enumerate(sounding) if chords]
        here.sort(key=lambda number: all(chord.start != start for chord in sounding[number]))
        for number in here[:1]:
            places[number].add(max(sounding[number][-1].start, start))
    lines = [replace(line, fermatas=frozenset(at)) for line, at in zip(part.lines, places)]
    return replace(part, lines=tuple(lines))


def _sounding(line: Line, start: int, end: int) -> Sequence[Chord]:
    """Return the chords of a layer that sound within a span, in order."""
    first = bisect_right(line.chords, start, key=attrgetter("end"))
    return line.chords[first : bisect_left(line.chords, end, key=attrgetter("start"))]
