"""The layout of a score in parts, staves, layers and bars.

A layer, here `Line`, holds one chord at a time; MusicXML calls it a voice. Times are in ticks.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from bach_tf.formats.musicxml.rhythm import QUARTER, Event, Meter
from bach_tf.formats.notation.sheet import MOST_BARS
from bach_tf.formats.notation.text import SHORTEST_BEAT
from bach_tf.formats.rendition import CHURCH_ORGAN, CLOSED, Rendition, Span, WritingWarning
from bach_tf.score import BEATS, STEPS_PER_QUARTER, VELOCITY, Score, move_places
from bach_tf.score import Part as Player
from bach_tf.theory.bars import place_of

CLOSED_VOICES = 4
MIDDLE_C = 60
# A keyboard's part that goes below the first and above the second of these has two staves.
TWO_STAVES = (48, 72)
KEYBOARDS = frozenset((*range(9), *range(16, 22), 46))  # and the harp
TUPLET_GRIDS = (48, 240, 336)  # steps a quarter that note values and tuplets can always say


class Chord(NamedTuple):
    """Notes of a layer that begin and end together."""

    start: int
    end: int
    pitches: tuple[int, ...]  # ascending


class Bar(NamedTuple):
    """The span of a bar.

    Args:
        start: in ticks.
        end: in ticks.
        lacks: ticks missing at its beginning, as in an upbeat.
        meter: its time signature.
        says_meter: whether the time signature is printed.
    """

    start: int
    end: int
    lacks: int
    meter: Meter
    says_meter: bool


@dataclass(frozen=True)
class Line:
    """A layer: consecutive chords.

    Args:
        chords: in order of time.
        staff: the staff of its part, counted from 0.
        stem: "up" or "down"; "" leaves it to the notation program.
        main: whether its silences are written as rests.
        fermatas: ticks with a fermata, each on the note or tied note that sounds there.
        player: the player of the part, counted from 0.
        velocities: velocities other than the default, by onset and pitch.
        given: spans of given notes, `(start, end)` in ticks each.
    """

    chords: tuple[Chord, ...]
    staff: int = 0
    stem: str = ""
    main: bool = True
    fermatas: frozenset[int] = frozenset()
    player: int = 0
    velocities: Mapping[tuple[int, int], int] = field(default_factory=dict)
    given: tuple[tuple[int, int], ...] = ()

    def is_given(self, tick: int) -> bool:
        """Return whether a note that sounds at a tick was given."""
        return any(start <= tick < end for start, end in self.given)


@dataclass(frozen=True)
class Part:
    """A part for one player, or for two on one staff.

    Args:
        name: printed beside the first staff.
        clefs: "G" or "F" for each staff.
        lines: the layers of all staves.
        players: one, or those who share the staff.
        id: its id in the file.
    """

    name: str
    clefs: tuple[str, ...]
    lines: tuple[Line, ...]
    players: tuple[Player, ...]
    id: str = ""

    def player_id(self, player: int) -> str:
        """Return the id of a player, counted from 0."""
        return f"{self.id}-I{player + 1}"


def on_grid(score: Score) -> Score:
    """Return the score on a grid whose steps are whole ticks.

    Scores in beats keep their times if these are multiples of a tick. Performances, in seconds, are
    quantised to sixteenths.
    """
    if score.timing != BEATS:
        return moved(score, STEPS_PER_QUARTER)
    if QUARTER % score.steps_per_quarter == 0:
        return score
    places = [*score.onset, *(score.onset + score.duration), score.length, score.upbeat]
    signs = (*score.tempi, *score.metres, *score.key_changes)
    step = math.gcd(score.steps_per_quarter, *map(int, places), *(place for place, *_ in signs))
    steps = score.steps_per_quarter // step
    return rounded(score) if QUARTER % steps else moved(score, steps)


def rounded(score: Score) -> Score:
    """Quantise a score to a grid that tuplets can represent, with a warning for moved notes."""

    def moved_on(steps: int) -> np.ndarray:
        times = np.stack([score.onset, score.onset + score.duration]) * steps
        return np.any(times % score.steps_per_quarter, axis=0)

    steps = min(TUPLET_GRIDS, key=lambda steps: np.count_nonzero(moved_on(steps)))
    notes = np.flatnonzero(moved_on(steps))
    if notes.size:
        place = place_of(score, int(score.onset[notes[0]]))
        warnings.warn(
            f"{place}: {notes.size} of {len(score)} notes were moved to the nearest of {steps} "
            "steps of a quarter: no tuplet of MusicXML can represent their onsets or ends",
            WritingWarning,
            stacklevel=2,
        )
    return moved(score, steps)


def moved(score: Score, steps_per_quarter: int) -> Score:
    """Quantise everything in a score to the nearest step of another grid.

    Notes last at least a step. Of notes of one voice and pitch that then begin together the longest
    is kept; a repeated pitch ends the note before.
    """

    def to_step(step: int) -> int:
        """Return the nearest step of the new grid."""
        old = score.steps_per_quarter
        return (2 * int(step) * steps_per_quarter + old) // (2 * old)

    columns = (score.onset, score.duration, score.pitch, score.voice, score.velocity)
    strikes = defaultdict(dict)  # {(pitch, voice): {start: (end, velocity)}}
    for onset, duration, pitch, voice, velocity in zip(*(column.tolist() for column in columns)):
        start, end = to_step(onset), to_step(onset + duration)
        others = strikes[pitch, voice]
        others[start] = max((max(end, start + 1), velocity), others.get(start, (0, 0)))
    notes = []
    for (pitch, voice), by_start in strikes.items():
        starts = sorted(by_start)
        for start, following in zip_longest(starts, starts[1:], fillvalue=math.inf):
            end, velocity = by_start[start]
            notes.append((start, min(end, following) - start, pitch, voice, velocity))
    onset, duration, pitch, voice, velocity = np.array(notes, int).reshape(-1, 5).T
    keys = move_places(score.key_changes, to_step)
    return replace(
        score,
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=max(to_step(score.length), int((onset + duration).max(initial=0))),
        steps_per_quarter=steps_per_quarter,
        tempi=move_places(score.tempi, to_step),
        metres=move_places(score.metres, to_step),
        key_changes=tuple(place for place in keys if place[0] > 0),
        upbeat=to_step(score.upbeat),
        fermatas=tuple(to_step(step) for step in score.fermatas),
        pedals=(),  # not written in MusicXML
    )


def spans_on(spans: Iterable[Span], old: int, new: int) -> tuple[Span, ...]:
    """Return spans on another grid, at the nearest steps.

    Args:
        spans: from where to where something holds, and its voice.
        old: steps of a quarter.
        new: those of the other grid.

    Example:
        >>> spans_on([(0, 8, 2)], 4, 12)
        ((0, 24, 2),)
    """
    moved = ((round(a * new / old), round(b * new / old), voice) for a, b, voice in spans)
    return tuple((a, b, voice) for a, b, voice in moved if a < b)


def bars_of(score: Score) -> list[Bar]:
    """Return the bars; the last bar of each metre may be short.

    Unknown metres are taken as 4/4. So are metres that cannot be written, with a warning.
    """
    tick = QUARTER // score.steps_per_quarter
    metres = {0: Meter(4, 4)}
    metres |= {step * tick: _meter(*metre) for step, *metre in score.metres}
    upbeat = score.upbeat * tick % metres[0].bar
    starts = sorted(start for start in metres if start < score.length * tick)
    bars: list[Bar] = []
    for start, end in zip_longest(starts, starts[1:], fillvalue=score.length * tick):
        meter, first = metres[start], start
        if (end - start) // meter.bar > MOST_BARS:
            meter = _without(f"{meter.beats}/{meter.value}: there would be {MOST_BARS} of them")
        if start == 0 and upbeat:
            bars.append(Bar(0, min(upbeat, end), meter.bar - upbeat, meter, True))
            first = upbeat
        for begin in range(first, end, meter.bar):
            bars.append(Bar(begin, min(begin + meter.bar, end), 0, meter, begin == start))
    return bars or [Bar(0, metres[0].bar, 0, metres[0], True)]


def _meter(beats: int, value: int) -> Meter:
    if value <= SHORTEST_BEAT and value.bit_count() == 1:
        return Meter(beats, value)
    return _without(f"{beats}/{value}")


def _without(what: str) -> Meter:
    """Warn of a metre that cannot be written, and return its replacement."""
    sentence = f"bars of 4/4 are written, and none of {what}"
    warnings.warn(sentence, WritingWarning, stacklevel=2)
    return Meter(4, 4)


def parts_of(score: Score, rendition: Rendition) -> list[Part]:
    """Return the parts of a score, without its fermatas.

    Args:
        score: whose steps are whole ticks.
        rendition: gives the instruments (wide keyboard parts have two staves) and the layout:
            "parts" for one part per voice; "closed" for soprano and alto on one staff, tenor and
            bass on another, if there are four monophonic voices.
    """
    name = score.parts[0].name if score.parts else "voice 1"
    nobody = Player(name, CHURCH_ORGAN if rendition.program is None else rendition.program)
    players = rendition.parts_of(score) or [nobody]
    lines = [_lines_of(score, voice, rendition) for voice in range(score.voices)]
    if rendition.layout == CLOSED and score.voices == CLOSED_VOICES and all(map(_sings, lines)):
        alone = [line for own in lines for line in own]
        parts = [_two_on_a_staff(score, players, alone, upper) for upper in (0, 2)]
    else:
        parts = [_own_part(score, player, voice, rendition) for voice, player in enumerate(players)]
    return [replace(part, id=f"P{number}") for number, part in enumerate(parts, start=1)]


def _sings(lines: Sequence[Line]) -> bool:
    """Return whether a voice is monophonic."""
    return len(lines) == 1 and all(len(chord.pitches) == 1 for chord in lines[0].chords)


def _two_on_a_staff(
    score: Score, players: Sequence[Player], lines: Sequence[Line], upper: int
) -> Part:
    both = (
        replace(lines[upper], stem="up"),
        replace(lines[upper + 1], stem="down", player=1),
    )
    clef = _clef(score.pitch[(score.voice == upper) | (score.voice == upper + 1)])
    names = f"{players[upper].name}\n{players[upper + 1].name}"
    return Part(names, (clef,), both, tuple(players[upper : upper + 2]))


def _own_part(score: Score, player: Player, voice: int, rendition: Rendition) -> Part:
    notes = _notes(score, voice)
    pitches = score.pitch[score.voice == voice]
    low, high = TWO_STAVES
    wide = len(notes) > 0 and pitches.min() < low and pitches.max() > high
    if not (wide and player.program in KEYBOARDS):
        lines = _lines_of(score, voice, rendition)
        return Part(player.name, (_clef(pitches),), tuple(lines), (player,))
    above = [note for note in notes if note[2] >= MIDDLE_C]
    below = [note for note in notes if note[2] < MIDDLE_C]
    lower = [replace(line, staff=1) for line in _lines(below)]
    both = _marked((*_lines(above), *lower), score, voice, rendition)
    return Part(player.name, ("G", "F"), tuple(both), (player,))


def _notes(score: Score, voice: int) -> list[tuple[int, int, int]]:
    """Return the start, end and pitch of each note of a voice."""
    tick = QUARTER // score.steps_per_quarter
    mine = score.voice == voice
    start, pitch = score.onset[mine] * tick, score.pitch[mine]
    end = start + score.duration[mine] * tick
    return list(zip(start.tolist(), end.tolist(), pitch.tolist()))


def _lines_of(score: Score, voice: int, rendition: Rendition) -> list[Line]:
    return _marked(_lines(_notes(score, voice)), score, voice, rendition)


def _marked(lines: Iterable[Line], score: Score, voice: int, rendition: Rendition) -> list[Line]:
    """Return the lines of a voice with what is to be known of its notes."""
    velocities = _velocities(score, voice)
    tick = QUARTER // score.steps_per_quarter
    given = tuple((a * tick, b * tick) for a, b, of in rendition.given if of == voice)
    return [replace(line, velocities=velocities, given=given) for line in lines]


def _velocities(score: Score, voice: int) -> dict[tuple[int, int], int]:
    """Return the velocities other than the default, by onset and pitch."""
    tick = QUARTER // score.steps_per_quarter
    other = (score.voice == voice) & (score.velocity != VELOCITY)
    columns = (score.onset[other] * tick, score.pitch[other], score.velocity[other])
    onsets, pitches, velocities = (column.tolist() for column in columns)
    return dict(zip(zip(onsets, pitches), velocities))


def _clef(pitches: np.ndarray) -> str:
    return "G" if not pitches.size or np.median(pitches) >= MIDDLE_C else "F"


def _lines(notes: Iterable[tuple[int, int, int]]) -> list[Line]:
    """Distribute notes to as few layers as possible, at least one; the first is the highest."""
    chords = defaultdict(set)
    for start, end, pitch in notes:
        chords[start, end].add(pitch)
    lines: list[list[Chord]] = []
    for (start, end), pitches in sorted(
        chords.items(), key=lambda chord: (chord[0][0], -max(chord[1]), -chord[0][1])
    ):
        free = next((line for line in lines if line[-1].end <= start), None)
        if free is None:
            lines.append(free := [])
        free.append(Chord(start, end, tuple(sorted(pitches))))
    return [Line(tuple(line), main=number == 0) for number, line in enumerate(lines or [[]])]


def events_in(line: Line, bar: Bar) -> list[Event]:
    """Return the events of a layer in a bar, rests included; empty if it has no notes there.

    Times are counted from the beginning of a complete bar.
    """
    start, end, lacks = bar.start, bar.end, bar.lacks
    offset = lacks - start
    events, now = [], start
    sounding = slice(
        bisect_right(line.chords, start, key=attrgetter("end")),
        bisect_left(line.chords, end, key=attrgetter("start")),
    )
    for chord in line.chords[sounding]:
        first, last = max(chord.start, start), min(chord.end, end)
        if first > now:
            events.append(Event(now + offset, first + offset))
        begun, ended = chord.start >= start, chord.end <= end
        events.append(Event(first + offset, last + offset, chord.pitches, begun, ended))
        now = last
    if events and now < end:
        events.append(Event(now + offset, end + offset))
    return events
