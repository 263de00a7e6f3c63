"""Repeats, played out: which bars are played, in which order.

Read are repeat signs with the number of passes, endings (volte), and from the sign, from the
beginning, to the coda and to the end. After such a jump repeats are not played again and the last
ending is taken, as is the custom.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter, itemgetter
from typing import TypeVar

from bach_tf.formats.notation.sheet import MOST_BARS, MOST_QUARTERS, Bar, Head, Sheet, Signs

Number = TypeVar("Number")


def played_out(sheet: Sheet) -> Sheet:
    """Return a piece with its repeats written out.

    Raises:
        ValueError: it would be longer than a piece may be.
    """
    order = order_of_play(sheet.bars) if sheet.order is None else sheet.order
    if order == list(range(len(sheet.bars))):
        return sheet
    sheet = replace(sheet, heads=sorted(sheet.heads, key=lambda head: float(head.start)))
    played = replace(sheet, heads=[], bars=[], tempi=[], keys=[], order=None)
    now = Fraction(0)
    for first, last in _runs(order):
        start, end = sheet.bars[first].start, sheet.bars[last].end
        if len(played.bars) + last - first >= MOST_BARS or now + end - start > MOST_QUARTERS:
            raise ValueError(
                f"expected a piece of at most {MOST_QUARTERS} quarters with its repeats played, "
                "got a longer one"
            )
        _add_passage(played, sheet, (first, last), now - start)
        now += end - start
    return played


def _add_passage(played: Sheet, sheet: Sheet, bars: tuple[int, int], offset: Fraction) -> None:
    """Append some bars of a piece, moved in time; notes that go on behind them end there."""
    first, last = bars
    start, end = sheet.bars[first].start, sheet.bars[last].end
    passage = [
        bar._replace(start=bar.start + offset, end=bar.end + offset)
        for bar in sheet.bars[first : last + 1]
    ]
    if played.bars and first == 0:
        # An upbeat that is played again fills the bar before it.
        passage[0] = passage[0]._replace(upbeat=False, new=False)
    played.bars += passage
    played.heads += [
        head._replace(start=head.start + offset, end=min(head.end, end) + offset)
        for head in sheet.heads[_from(sheet.heads, start) : _from(sheet.heads, end)]
    ]
    _add_changes(played.tempi, sheet.tempi, (start, end), offset)
    _add_changes(played.keys, sheet.keys, (start, end), offset)


def _add_changes(
    played: list[tuple[Fraction, Number]],
    printed: Sequence[tuple[Fraction, Number]],
    span: tuple[Fraction, Fraction],
    offset: Fraction,
) -> None:
    """Append what holds at the beginning of a span of time, and what changes in it."""
    start, end = span
    after = bisect_right(printed, start, key=itemgetter(0))
    before = bisect_left(printed, end, key=itemgetter(0))
    for time, number in printed[max(after - 1, 0) : before]:
        if not played or played[-1][1] != number:
            played.append((max(time, start) + offset, number))


def _from(heads: Sequence[Head], time: Fraction) -> int:
    """Return the place of the first head from a time on."""
    return bisect_left(heads, time, key=attrgetter("start"))


def _runs(order: Sequence[int]) -> list[tuple[int, int]]:
    """Return the bars that are played as stretches of neighbours: first and last of each."""
    runs: list[tuple[int, int]] = []
    for number in order:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs


def order_of_play(bars: Sequence[Bar]) -> list[int]:
    """Return the numbers of the bars, from 0 on, in the order in which they are played.

    Example:
        >>> from bach_tf.formats.notation.sheet import Signs
        >>> signs = [Signs(), Signs(endings={1}, backward=2), Signs(endings={2})]
        >>> order_of_play([Bar(n, n + 1, signs=sign) for n, sign in enumerate(signs)])
        [0, 1, 0, 2]
    """
    return _Player(bars).play()


class _Player:
    """Who plays from a sheet: where, and for which time."""

    def __init__(self, bars: Sequence[Bar]):
        self.bars = bars
        self.endings = _endings(bars)  # {first bar: (last bar, passes, the last pass of all)}
        self.ends = {last: most for last, _, most in self.endings.values()}
        self.places = {sign: _places(bars, sign) for sign in ("segno", "coda")}
        self.at = 0
        self.begun = 0  # the bar to which a repeat goes back
        self.passing = 1
        self.jumped = False
        self.order: list[int] = []

    def play(self) -> list[int]:
        while self.at < len(self.bars) and len(self.order) <= MOST_BARS:
            if not self._skips_an_ending():
                self._play_bar()
        return self.order

    def _skips_an_ending(self) -> bool:
        if self.at not in self.endings:
            return False
        last, passes, most = self.endings[self.at]
        if (most if self.jumped else self.passing) in passes:
            return False
        self.at = last + 1
        self._leave_endings()
        return True

    def _leave_endings(self) -> None:
        """Let the next repeat go back to here, unless another ending follows."""
        if self.at not in self.endings:
            self.begun, self.passing = self.at, 1

    def _play_bar(self) -> None:
        signs = self.bars[self.at].signs
        if signs.forward and self.at != self.begun:
            self.begun, self.passing = self.at, 1
        self.order.append(self.at)
        to = self._leap_of(signs) if self.jumped else self._jump_of(signs)
        if signs.backward and not self.jumped:
            self._repeat(signs.backward)
        elif to is not None:
            self.at, self.jumped = to, True
        else:
            self.at += 1
            if self.at - 1 in self.ends:
                self._leave_endings()

    def _repeat(self, times: int) -> None:
        """Go back at a repeat sign, or on after the last pass."""
        # A repeat sign within an ending ends it.
        if self.passing < self.ends.get(self.at, times):
            self.at = self.begun
            self.passing += 1
            return
        signs = self.bars[self.at].signs
        to = self._jump_of(signs)
        self.jumped = to is not None
        self.at = self.at + 1 if to is None else to
        self._leave_endings()

    def _leap_of(self, signs: Signs) -> int | None:
        """Return where to go on a pass after a jump: behind the end, or to the coda."""
        if signs.fine:
            return len(self.bars)
        return self._find("coda", signs.to_coda) if signs.to_coda else None

    def _jump_of(self, signs: Signs) -> int | None:
        """Return where a jump goes back to."""
        if signs.da_capo:
            return 0
        return self._find("segno", signs.dal_segno) if signs.dal_segno else None

    def _find(self, sign: str, name: str) -> int | None:
        """Return the bar of a sign: the one of this name, or the first of any."""
        places = self.places[sign]
        return places.get(name, next(iter(places.values()), None))


def _places(bars: Sequence[Bar], sign: str) -> dict[str, int]:
    """Return the first bar of each name of a sign, in order."""
    found: dict[str, int] = {}
    for number, bar in enumerate(bars):
        name = getattr(bar.signs, sign)
        if name:
            found.setdefault(name, number)
    return found


def _endings(bars: Sequence[Bar]) -> dict[int, tuple[int, frozenset[int], int]]:
    """Return the endings by their first bars: the last bar, the passes, the last pass of all.

    All is what follows one another without a bar between: the 1st, the 2nd and so on.
    """
    found, groups = {}, []
    for first, bar in enumerate(bars):
        if not bar.signs.endings:
            continue
        last = _last_of_ending(bars, first)
        if groups and groups[-1][-1][1] == first - 1:
            groups[-1].append((first, last))
        else:
            groups.append([(first, last)])
    for group in groups:
        most = max(max(bars[first].signs.endings) for first, _ in group)
        if len(group) == 1 and bars[group[0][1]].signs.backward:
            most += 1  # what follows a lone first ending is the second
        found |= {first: (last, bars[first].signs.endings, most) for first, last in group}
    return found


def _last_of_ending(bars: Sequence[Bar], first: int) -> int:
    for number in range(first, len(bars)):
        following = bars[number + 1].signs if number + 1 < len(bars) else None
        here = bars[number].signs
        if here.last_of_ending or here.backward or following is None or following.endings:
            return number
    return len(bars) - 1
