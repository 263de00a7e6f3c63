"""A notated piece as it is read: note heads, bars and signs in exact time.

Times are in quarters, as fractions, from the beginning of the piece as it is printed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from bach_tf._basics.messages import shortened
from bach_tf.score import VELOCITY, Part

KeyAt = tuple[Fraction, int | None]  # a time, and the sharps from there on
Metre = tuple[int, int]  # beats in a bar, and the note value of a beat
MOST_QUARTERS = 25_000  # of a piece: hours; a damaged file can claim to last for years
MOST_BARS = 50_000
# Of a quarter: times are whole numbers of them. Notes of up to 1/1024 and tuplets of 3, 5, 7, 9,
# 11 and 13 are exact; others, as of a damaged file, would need numbers of thousands of digits.
TICKS = 2**8 * 3**2 * 5 * 7 * 11 * 13


def in_ticks(quarters: Fraction) -> Fraction:
    """Return a time as a whole number of `TICKS`: nearly always the same.

    Example:
        >>> in_ticks(Fraction(1, 3)), in_ticks(Fraction(1, 17)).denominator <= TICKS
        (Fraction(1, 3), True)
    """
    if TICKS % quarters.denominator == 0:
        return quarters
    return Fraction(round(quarters * TICKS), TICKS)


class Head(NamedTuple):
    """One note as it is printed: tied ones are several.

    Args:
        start: when it begins.
        end: when it ends.
        pitch: MIDI number, as it sounds.
        voice: 0 is the first.
        from_tie: whether it goes on from the one before.
        fermata: whether it has one.
        velocity: 1..127.
    """

    start: Fraction
    end: Fraction
    pitch: int
    voice: int = 0
    from_tie: bool = False
    fermata: bool = False
    velocity: int = VELOCITY


class Signs(NamedTuple):
    """What stands in a bar, or on its bar lines, that says where to go on.

    Args:
        forward: a repeat begins with the bar.
        backward: how often what ends with the bar is played; 0 where no repeat ends.
        endings: the passes for which the ending that begins here is (1st, 2nd); none for no
            ending.
        last_of_ending: whether an ending ends with the bar.
        segno: the name of a sign that stands here; "" for none.
        coda: the same of a coda that begins here.
        to_coda: the name of the coda to which a later pass leaves after this bar.
        dal_segno: the name of the sign to which to go back after this bar.
        da_capo: whether to go back to the beginning after this bar.
        fine: whether a later pass ends with this bar.
    """

    forward: bool = False
    backward: int = 0
    endings: frozenset[int] = frozenset()
    last_of_ending: bool = False
    segno: str = ""
    coda: str = ""
    to_coda: str = ""
    dal_segno: str = ""
    da_capo: bool = False
    fine: bool = False


PLAIN_BAR = Signs()


class Bar(NamedTuple):
    """A bar as it is printed.

    Args:
        start: when it begins.
        end: when it ends.
        number: as it is printed or counted.
        metre: beats and note value of a beat; `None` where there is none.
        signs: of repeats.
        upbeat: whether it is the first, and shorter than a bar of its metre.
        new: whether its metre is written in it.
    """

    start: Fraction
    end: Fraction
    number: str = ""
    metre: Metre | None = None
    signs: Signs = PLAIN_BAR
    upbeat: bool = False
    new: bool = False

    @property
    def whole(self) -> Fraction:
        """Quarters that the metre gives it; as many as it has where there is none."""
        if self.metre is None:
            return self.end - self.start
        return Fraction(4 * self.metre[0], self.metre[1])


@dataclass
class Sheet:
    """What was read of a piece.

    Args:
        heads: the notes, in any order.
        bars: in order, without gaps.
        parts: of the voices.
        tempi: quarter notes a minute from a time on, in order.
        keys: sharps (positive) or flats from a time on, in order; `None` where unknown.
        title: "" where there is none.
        order: the bars in the order in which they are played, where the file lists it.
        as_written: whether the file is one of ours, of which each voice and fermata holds.
        held: when notes begin whose fermata is that of another voice, in one of ours.
    """

    heads: list[Head] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    tempi: list[tuple[Fraction, float]] = field(default_factory=list)
    keys: list[KeyAt] = field(default_factory=list)
    title: str = ""
    order: list[int] | None = None
    as_written: bool = False
    held: set[Fraction] = field(default_factory=set)

    @property
    def key_signature(self) -> int | None:
        """The first; `None` where there is none."""
        return self.keys[0][1] if self.keys else None

    @property
    def end(self) -> Fraction:
        """When the last bar or note ends."""
        last_bar = self.bars[-1].end if self.bars else Fraction(0)
        return max([last_bar, *(head.end for head in self.heads)])

    def place(self, time: Fraction, voice: int | None = None) -> str:
        """Return where a time is, in words: "voice 2 (Alto), measure 3, beat 2.5".

        Args:
            time: in quarters.
            voice: that is meant; `None` for all of them.
        """
        words = [] if voice is None else [part_in_words(voice, self._name(voice), "voice")]
        bar = self.bar_at(time)
        if bar is not None:
            words.append(beat_in_words(bar.number, time - bar.start, bar.metre))
        return ", ".join(words)

    def bar_at(self, time: Fraction) -> Bar | None:
        """Return the bar at a time: the last where that is behind the end, `None` without bars."""
        number = bisect_right(self.bars, time, key=attrgetter("start")) - 1
        return self.bars[max(number, 0)] if self.bars else None

    def _name(self, voice: int) -> str:
        return self.parts[voice].name if voice < len(self.parts) else ""


def cut_at(bars: Sequence[Bar], times: Iterable[Fraction]) -> list[Bar]:
    """Return bars, cut where something begins within one, such as a section or a metre.

    What stands at the beginning of a bar stays with its first part, what ends it with the last.

    Args:
        bars: in order, without gaps.
        times: in any order.

    Example:
        >>> [bar.end for bar in cut_at([Bar(Fraction(0), Fraction(4))], [Fraction(3)])]
        [Fraction(3, 1), Fraction(4, 1)]
    """
    cuts = sorted({*times})
    found: list[Bar] = []
    for bar in bars:
        inside = cuts[bisect_right(cuts, bar.start) : bisect_left(cuts, bar.end)]
        found += [_between(bar, *ends) for ends in pairwise([bar.start, *inside, bar.end])]
    return found


def _between(bar: Bar, start: Fraction, end: Fraction) -> Bar:
    """Return a bar from one time in it to another."""
    signs = bar.signs
    if start > bar.start:
        signs = signs._replace(forward=False, endings=frozenset(), segno="", coda="")
        bar = bar._replace(start=start, upbeat=False, new=False)
    if end < bar.end:
        signs = signs._replace(backward=0, last_of_ending=False, to_coda="", dal_segno="")
        return bar._replace(end=end, signs=signs._replace(da_capo=False, fine=False))
    return bar._replace(signs=signs)


def with_metres(
    bars: Sequence[Bar],
    metres: Sequence[tuple[Fraction, Metre | None]],
    had_bar_lines: bool,
) -> list[Bar]:
    """Return bars with the metre in which each begins, counted, a short first one as an upbeat.

    Where a metre begins within a bar, the bar is cut there.

    Args:
        bars: in order.
        metres: from a time on, in order.
        had_bar_lines: whether the notes were in bars: a tune without any has no upbeat.
    """
    found: list[Bar] = []
    begins = [time for time, _ in metres]
    for bar in cut_at(bars, changes(metres)):
        place = bisect_right(begins, bar.start) - 1
        metre = metres[place][1] if place >= 0 else None
        bar = bar._replace(metre=metre, new=place >= 0 and begins[place] == bar.start)
        upbeat = not found and had_bar_lines and bar.end - bar.start < bar.whole
        counted = len(found) + (0 if upbeat or (found and found[0].upbeat) else 1)
        found.append(bar._replace(upbeat=upbeat, number=bar.number or str(counted)))
    return found


def changes(metres: Sequence[tuple[Fraction, Metre | None]]) -> list[Fraction]:
    """Return when another metre begins than the one before.

    Example:
        >>> changes([(Fraction(0), (3, 4)), (Fraction(3), (3, 4)), (Fraction(6), (2, 4))])
        [Fraction(0, 1), Fraction(6, 1)]
    """
    before = [None, *(metre for _, metre in metres)]
    return [time for (time, metre), former in zip(metres, before) if metre != former]


def part_in_words(number: int, name: str, what: str = "part") -> str:
    """Return "part 2 (Alto)" of a part's place, from 0 on, and its name.

    Example:
        >>> part_in_words(1, "Alto")
        'part 2 (Alto)'
    """
    said = f" ({shortened(name, 40)})" if name else ""
    return f"{what} {number + 1}{said}"


def beat_in_words(number: str, inside: Fraction, metre: Metre | None) -> str:
    """Return "measure 3, beat 2.5".

    Args:
        number: of the measure.
        inside: quarters since it began.
        metre: beats and note value of a beat; quarters are counted where there is none.

    Example:
        >>> beat_in_words("3", Fraction(3, 4), (6, 8))
        'measure 3, beat 2.5'
    """
    value = 4 if metre is None else metre[1]
    beat = float(1 + inside * value / 4)
    return f"measure {shortened(number, 20)}, beat {beat:.5g}"
