"""Stretches of time as the note values that are written for them: ties, dots, triplets, beams.

Times are in ticks, `QUARTER` to a quarter, and are counted from where a whole bar begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

QUARTER = 192  # ticks: every grid below, and their triplets, are whole numbers of them
# Steps a quarter that note values can say; other grids are moved to sixteenths.
GRIDS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)
KINDS = ("128th", "64th", "32nd", "16th", "eighth", "quarter", "half", "whole", "breve")
SHORTEST = QUARTER // 32  # the 128th
PLAIN = {SHORTEST << power: kind for power, kind in enumerate(KINDS)}
DOTTED = {ticks * 3 // 2: kind for ticks, kind in PLAIN.items()}
STRAIGHT = QUARTER // 16  # no grid has other times than triplets between these
BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4, "128th": 5}


class Event(NamedTuple):
    """What a line does in a bar for some time: notes or, where there are none, a rest."""

    start: int
    end: int
    pitches: tuple[int, ...] = ()
    begun: bool = True  # here, not in the bar before
    ended: bool = True


class Symbol(NamedTuple):
    """One note, chord or rest as it is written."""

    start: int
    ticks: int  # that it lasts
    kind: str
    dots: int
    triplet: bool
    pitches: tuple[int, ...]
    from_tie: bool  # goes on from the symbol before
    to_tie: bool


@dataclass(frozen=True)
class Meter:
    """How a bar is divided.

    Args:
        beats: in a bar.
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
        """Whether three of the beats that are counted make one that is felt, as in 6/8."""
        return self.value >= 8 and self.beats % 3 == 0

    @property
    def beat(self) -> int:
        """Ticks of a beat that is felt: a quarter, or three of the short beats."""
        return 12 * QUARTER // self.value if self.compound else QUARTER

    @property
    def triplet_span(self) -> int:
        """Ticks of the time within which a triplet is written."""
        return self.beat // 3 if self.compound else QUARTER

    @property
    def levels(self) -> list[int]:
        """Ticks between the points at which a note is cut, the strongest points first."""
        above = [self.beat * n for n in (4, 2) if self.bar % (self.beat * n) == 0]
        first = self.triplet_span
        below = [first >> n for n in range(1, 8) if (first >> n) * 2**n == first]
        return list(dict.fromkeys([*above, self.beat, first, *below]))


def symbols_of(events: list[Event], meter: Meter) -> list[Symbol]:
    """Return how the events of a bar, which follow one another, are written."""
    spans = _triplet_spans(events, meter)
    symbols = []
    for event in events:
        pieces = [
            piece
            for start, end in _cut_at_spans(event, spans, meter.triplet_span)
            for piece in _values(start, end, start // meter.triplet_span in spans, meter, event)
        ]
        for number, (start, ticks, written) in enumerate(pieces):
            kind = PLAIN.get(written) or DOTTED[written]
            symbols.append(
                Symbol(
                    start,
                    ticks,
                    kind,
                    dots=int(written not in PLAIN),
                    triplet=written != ticks,
                    pitches=event.pitches,
                    from_tie=number > 0 or not event.begun,
                    to_tie=number < len(pieces) - 1 or not event.ended,
                )
            )
    return symbols


def _triplet_spans(events: list[Event], meter: Meter) -> set[int]:
    """Return the spans of the bar within which an event begins or ends on a triplet."""
    times = {time for event in events for time in (event.start, event.end)}
    return {time // meter.triplet_span for time in times if time % STRAIGHT}


def _cut_at_spans(event: Event, spans: set[int], span: int) -> list[tuple[int, int]]:
    """Return the event in pieces, none of which goes into or out of a triplet."""
    edges = {edge * span for number in spans for edge in (number, number + 1)}
    inside = sorted(edge for edge in edges if event.start < edge < event.end)
    return list(zip([event.start, *inside], [*inside, event.end]))


def _values(
    start: int, end: int, in_triplet: bool, meter: Meter, event: Event
) -> list[tuple[int, int, int]]:
    """Return where each symbol starts, how long it lasts, and as how long it is written."""
    if not in_triplet:
        lengths = split(start, end - start, meter, rest=not event.pitches)
        return list(zip(_starts(start, lengths), lengths, lengths))
    written, left = [], (end - start) * 3 // 2
    while left:
        written.append(max(value for value in (*PLAIN, *DOTTED) if value <= left))
        left -= written[-1]
    lengths = [value * 2 // 3 for value in written]
    return list(zip(_starts(start, lengths), lengths, written))


def _starts(start: int, lengths: list[int]) -> list[int]:
    return [start + sum(lengths[:number]) for number in range(len(lengths))]


def split(start: int, length: int, meter: Meter, *, rest: bool = False) -> list[int]:
    """Return the note values, in ticks, as which a stretch of a bar is written.

    A note is cut where a player counts, unless it stands as all do: on the beat, or between two
    beats of which it takes half each.

    Args:
        start: ticks after the beginning of the bar.
        length: in ticks.
        meter: of the bar.
        rest: whether it is silence, which is cut more often.

    Example:
        >>> split(QUARTER // 2, 2 * QUARTER, Meter(4, 4))  # a dotted quarter, then an eighth
        [288, 96]
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
    """Return whether a value stands on its own grid or, if a note, in the middle of two."""
    if length in PLAIN:
        return start % length == 0 or (not rest and (start - length // 2) % (2 * length) == 0)
    third = length // 3
    return not rest and start % (4 * third) in (0, third)


def beams_of(symbols: list[Symbol], meter: Meter) -> list[list[str]]:
    """Return what each beam of each symbol of a bar does: "begin", "continue", "end", hooks.

    Notes shorter than a quarter are joined within a beat.
    """
    beams = [[] for _ in symbols]
    group = []
    for number, symbol in enumerate(symbols):
        joins = group and symbols[group[-1]].start // meter.beat == symbol.start // meter.beat
        if not joins or not _has_beam(symbol):
            _join(group, symbols, beams)
            group = []
        if _has_beam(symbol):
            group.append(number)
    _join(group, symbols, beams)
    return beams


def _has_beam(symbol: Symbol) -> bool:
    return bool(symbol.pitches) and symbol.kind in BEAMS


def _join(group: list[int], symbols: list[Symbol], beams: list[list[str]]) -> None:
    """Write the beams of neighbours that are joined into `beams`."""
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
