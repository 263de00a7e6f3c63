"""Durations as note values: ties, dots, tuplets and beams.

Times are in ticks, `QUARTER` per quarter, counted from the beginning of a complete bar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

# Ticks per quarter: whole numbers for 1024ths and tuplets of 3, 5, 7, 9, 11, 13 and products.
QUARTER = 2**8 * 3**2 * 5 * 7 * 11 * 13
KINDS = (
    "1024th", "512th", "256th", "128th", "64th", "32nd", "16th", "eighth", "quarter", "half",
    "whole", "breve",
)  # fmt: skip
SHORTEST = QUARTER // 256  # the 1024th
PLAIN = {SHORTEST << power: kind for power, kind in enumerate(KINDS)}
DOTTED = {ticks * 3 // 2: kind for ticks, kind in PLAIN.items() if ticks > SHORTEST}
VALUES = sorted((*PLAIN, *DOTTED), reverse=True)
BEAMS = {kind: number for number, kind in enumerate(reversed(KINDS[:8]), start=1)}


class UnwritableError(ValueError):
    """Times that no combination of note values and tuplets can represent."""


class Event(NamedTuple):
    """A chord of a layer within a bar, or a rest if it has no pitches."""

    start: int
    end: int
    pitches: tuple[int, ...] = ()
    begun: bool = True  # False if it continues from the previous bar
    ended: bool = True


class Tuplet(NamedTuple):
    """A tuplet: `actual` notes in the time of `normal`."""

    start: int
    end: int
    actual: int
    normal: int


class Symbol(NamedTuple):
    """A note, chord or rest as it is written."""

    start: int
    ticks: int  # sounding duration
    kind: str
    dots: int
    tuplet: Tuplet | None
    pitches: tuple[int, ...]
    from_tie: bool  # tied to the symbol before
    to_tie: bool


@dataclass(frozen=True)
class Meter:
    """A time signature.

    Args:
        beats: beats per bar.
        value: the note value of a beat: 4 is a quarter.
    """

    beats: int
    value: int

    @property
    def bar(self) -> int:
        """Ticks in a bar."""
        return 4 * QUARTER * self.beats // self.value

    @property
    def compound(self) -> bool:
        """Whether the beats are grouped in threes, as in 6/8."""
        return self.value >= 8 and self.beats % 3 == 0

    @property
    def beat(self) -> int:
        """Ticks of the main beat: a quarter, or three short beats in compound metres."""
        return 12 * QUARTER // self.value if self.compound else QUARTER

    @property
    def span(self) -> int:
        """Ticks of the shortest tuplet bracket."""
        return self.beat // 3 if self.compound else QUARTER

    @property
    def levels(self) -> list[int]:
        """Ticks between the metrical points at which notes are split, the strongest first."""
        above = [self.beat * n for n in (4, 2) if self.bar % (self.beat * n) == 0]
        first = self.span
        below = [first >> n for n in range(1, 9) if (first >> n) * 2**n == first]
        return list(dict.fromkeys([*above, self.beat, first, *below]))


def symbols_of(events: list[Event], meter: Meter) -> list[Symbol]:
    """Return the symbols for the consecutive events of a bar.

    Raises:
        UnwritableError: no tuplet can represent an onset or end.
    """
    tuplets = _tuplets_of(events, meter)
    symbols = []
    for event in events:
        pieces = [
            piece
            for start, end in _cut_at(tuplets, event.start, event.end)
            for piece in _values(start, end, _around(tuplets, start, end), meter, event)
        ]
        for number, (start, ticks, written, tuplet) in enumerate(pieces):
            kind = PLAIN.get(written) or DOTTED[written]
            symbols.append(
                Symbol(
                    start,
                    ticks,
                    kind,
                    dots=int(written not in PLAIN),
                    tuplet=tuplet,
                    pitches=event.pitches,
                    from_tie=number > 0 or not event.begun,
                    to_tie=number < len(pieces) - 1 or not event.ended,
                )
            )
    return symbols


def _tuplets_of(events: list[Event], meter: Meter) -> list[Tuplet]:
    """Return the tuplets of a bar: one beat long, or longer if that avoids ties."""
    times = sorted({time for event in events for time in (event.start, event.end)})
    tuplets: list[Tuplet] = []
    for time in times:
        if time % SHORTEST == 0 or _around(tuplets, time, time):
            continue
        tuplets.append(_tuplet_at(time, times, events, meter, tuplets))
    return tuplets


def _tuplet_at(
    time: int, times: list[int], events: list[Event], meter: Meter, before: list[Tuplet]
) -> Tuplet:
    """Return the shortest tuplet around a time that needs no ties."""
    free_from = before[-1].end if before else 0
    found = _tuplet(time // meter.span * meter.span, meter.span, times, meter)
    for length in _lengths(meter):
        start = time // length * length
        tuplet = _tuplet(start, length, times, meter)
        if tuplet is None or start < free_from or start + length > events[-1].end:
            continue
        if _is_closed(tuplet, events):
            return tuplet
    if found is None:
        raise UnwritableError(f"no tuplet from {time // meter.span * meter.span} on")
    return found


def _lengths(meter: Meter) -> list[int]:
    """Return the possible lengths of tuplets, the shortest first."""
    lengths = [meter.span, *(meter.beat * n for n in (1, 2, 4))]
    return [length for length in dict.fromkeys(lengths) if length <= meter.bar]


def _tuplet(start: int, length: int, times: list[int], meter: Meter) -> Tuplet | None:
    """Return the tuplet of a time span that fits all times within it; `None` if none fits."""
    inside = [time - start for time in times if start <= time <= start + length]
    unit = math.gcd(length, *inside)
    parts = length // unit
    actual = parts // (parts & -parts)  # the odd part
    # Normal notes: the next smaller power of two, times three if the beat itself is ternary.
    threes = 3 if meter.compound and length % meter.beat == 0 else 1
    normal = threes << max(0, (actual // threes).bit_length() - 1)
    if normal > actual or unit * actual % normal or unit * actual // normal % SHORTEST:
        return None
    common = math.gcd(actual, normal)
    return Tuplet(start, start + length, actual // common, normal // common)


def _is_closed(tuplet: Tuplet, events: list[Event]) -> bool:
    """Return whether the events of a tuplet are single note values that stay within it."""
    for event in events:
        if event.start >= tuplet.end or event.end <= tuplet.start:
            continue
        written = (event.end - event.start) * tuplet.actual / tuplet.normal
        if event.start < tuplet.start or event.end > tuplet.end:
            if event.start % SHORTEST or event.end % SHORTEST:
                return False
        elif written not in PLAIN and written not in DOTTED:
            return False
    return True


def _around(tuplets: list[Tuplet], start: int, end: int) -> Tuplet | None:
    """Return the tuplet that contains a time span."""
    return next((t for t in tuplets if t.start <= start and end <= t.end), None)


def _cut_at(tuplets: list[Tuplet], start: int, end: int) -> list[tuple[int, int]]:
    """Split a time span at the edges of tuplets."""
    edges = {edge for tuplet in tuplets for edge in (tuplet.start, tuplet.end)}
    inside = sorted(edge for edge in edges if start < edge < end)
    return list(zip([start, *inside], [*inside, end]))


def _values(
    start: int, end: int, tuplet: Tuplet | None, meter: Meter, event: Event
) -> list[tuple[int, int, int, Tuplet | None]]:
    """Return start, sounding ticks, written ticks and tuplet of each symbol."""
    if tuplet is None:
        lengths = split(start, end - start, meter, rest=not event.pitches)
        return [(at, ticks, ticks, None) for at, ticks in zip(_starts(start, lengths), lengths)]
    written, left = [], (end - start) * tuplet.actual // tuplet.normal
    while left:
        written.append(next(value for value in VALUES if value <= left))
        left -= written[-1]
    lengths = [value * tuplet.normal // tuplet.actual for value in written]
    return [(*each, tuplet) for each in zip(_starts(start, lengths), lengths, written)]


def _starts(start: int, lengths: list[int]) -> list[int]:
    return [start + sum(lengths[:number]) for number in range(len(lengths))]


def split(start: int, length: int, meter: Meter, *, rest: bool = False) -> list[int]:
    """Split a duration within a bar into note values, in ticks.

    Notes are split at metrical points, except for the usual values on a beat and for syncopations
    centred on one.

    Args:
        start: ticks from the beginning of the bar.
        length: in ticks.
        meter: of the bar.
        rest: whether it is a rest; rests are split more often.

    Example:
        >>> [ticks / QUARTER for ticks in split(QUARTER // 2, 2 * QUARTER, Meter(4, 4))]
        [1.5, 0.5]
    """
    if _stands_well(start, length, meter, rest):
        return [length]
    cut = _strongest_point(start, start + length, meter)
    return [
        *split(start, cut - start, meter, rest=rest),
        *split(cut, start + length - cut, meter, rest=rest),
    ]


def _strongest_point(start: int, end: int, meter: Meter) -> int:
    for level in meter.levels:
        first, last = (start // level + 1) * level, (end - 1) // level * level
        if start < first <= last:
            return last if start % level == 0 else first
    raise AssertionError(f"no point between {start} and {end}")


def _stands_well(start: int, length: int, meter: Meter, rest: bool) -> bool:
    if length not in PLAIN and length not in DOTTED:
        return False
    beat = meter.beat
    if meter.compound and length % beat == 0:
        return start % beat == 0
    if meter.compound:
        return start // beat == (start + length - 1) // beat and _centred(
            start % beat, length, rest
        )
    if meter.levels[0] == beat and length >= beat and not rest:  # 3/4 and its like
        on_beat = start % beat == 0 and length % beat == 0
        return on_beat or (start % (beat // 2) == 0 and length in (beat, beat * 3 // 2))
    return _centred(start, length, rest)


def _centred(start: int, length: int, rest: bool) -> bool:
    """Return whether a value is on its own grid or, for notes, centred between two points."""
    if length in PLAIN:
        return start % length == 0 or (not rest and (start - length // 2) % (2 * length) == 0)
    third = length // 3
    return not rest and start % (4 * third) in (0, third)


def beams_of(symbols: list[Symbol], meter: Meter) -> list[list[str]]:
    """Return the state of each beam of each symbol: "begin", "continue", "end" or a hook.

    Notes shorter than a quarter are beamed within a beat.
    """
    beams = [[] for _ in symbols]
    group = []
    for number, symbol in enumerate(symbols):
        joins = group and _beat_of(symbols[group[-1]], meter) == _beat_of(symbol, meter)
        if not joins or not _has_beam(symbol):
            _join(group, symbols, beams)
            group = []
        if _has_beam(symbol):
            group.append(number)
    _join(group, symbols, beams)
    return beams


def _beat_of(symbol: Symbol, meter: Meter) -> int:
    """Return the beat of a symbol, or that in which its tuplet begins."""
    return (symbol.tuplet.start if symbol.tuplet else symbol.start) // meter.beat


def _has_beam(symbol: Symbol) -> bool:
    return bool(symbol.pitches) and symbol.kind in BEAMS


def _join(group: list[int], symbols: list[Symbol], beams: list[list[str]]) -> None:
    """Fill in the beams of a group of neighbouring symbols."""
    if len(group) < 2:
        return
    counts = [BEAMS[symbols[number].kind] for number in group]
    for place, number in enumerate(group):
        before = counts[place - 1] if place else 0
        after = counts[place + 1] if place + 1 < len(group) else 0
        beams[number] = [
            _beam(level <= before, level <= after, place > 0)
            for level in range(1, counts[place] + 1)
        ]


def _beam(before: bool, after: bool, has_before: bool) -> str:
    if before:
        return "continue" if after else "end"
    if after:
        return "begin"
    return "backward hook" if has_before else "forward hook"
