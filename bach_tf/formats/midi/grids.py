"""The grid of a MIDI file's notes: exact where there is one, else the one they were played to.

A grid of notes that were played is chosen by description length: each candidate is charged for
naming the place of each note in the quarter and for the deviations that remain, as a Gaussian of
their standard deviation. Notes at random places are described most cheaply without any grid.

Source: J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from bach_tf.score import STEPS_PER_QUARTER

# Steps per quarter, the coarsest first. Ends of notes are often cut short for articulation: they
# are only expected on grids that scores are written in.
WRITTEN = (4, 8, 12, 16, 24, 48)
EXACT = tuple(range(4, 49, 4))
# Into how many equal parts notation divides a quarter. A place of another kind, such as 1/48, is
# a deviation, whatever the resolution of the file.
DIVISIONS = frozenset((*range(1, 13), 16, 24, 32))
ENDS = DIVISIONS - {24}  # a note that ends so little before the next one is articulated
TICKS_APART = 4  # of two places, at least, so that being on one of them means something
FINE_FILE = 240  # ticks per quarter from which on tuplets are told from each other
ODD = 0.25  # share of such places in music that is written; in music that is played they prevail
NEARLY_ALL = 0.99  # share of the onsets that make the grid of written music
LATEST = Fraction(1, 16)  # of a quarter, by which all notes of a file may be late or early
SHIFTED = (1, 2, 4, 8, 3, 6, 12)  # parts of a quarter on which such notes lie
FEWEST_SHIFTED = 3  # onsets that show it
ONE_SIDED = 0.9  # share of notes on the same side of the grid that makes all of them late

TOLERANCE = 0.2  # of a step: RMS deviation of notes that were played; at random it is 0.29
LEAST_GAIN = 3.0  # nats, by which a grid describes the notes better than none
RESOLUTION = 1 / 120  # of a quarter; RMS deviations below it count as equal
HABIT, FEWEST_HABITUAL = 1 / 60, 4  # quarters by which a place may be early or late; its notes
FEWEST_SWUNG = 16  # notes that show that off-beats are late
GAUSSIAN = 0.5 * math.log(2 * math.pi * math.e)  # nats per note, of standard deviation 1


class Lattice(NamedTuple):
    """Places of a quarter at which notes that were played may have been meant to begin.

    Args:
        steps: per quarter.
        places: of these steps; the first is 0.
        swing: quarters by which every other place may be late, from and to; negative if early.
    """

    steps: int
    places: tuple[int, ...]
    swing: tuple[float, float] = (0.0, 0.0)


# Swung off-beats lie between the half of a beat and its last third, and are read as the nearer.
PLAYED = (
    Lattice(4, (0, 2), swing=(0, 1 / 12)),
    Lattice(12, (0, 8), swing=(-1 / 12, 1 / 24)),
    Lattice(12, (0, 4, 8)),
    Lattice(4, (0, 1, 2, 3), swing=(0, 1 / 24)),
    Lattice(12, (0, 4, 6, 10), swing=(-1 / 24, 1 / 48)),
    Lattice(12, (0, 2, 4, 6, 8, 10)),
    Lattice(12, (0, 3, 4, 6, 8, 9)),  # sixteenths and triplets
    Lattice(8, (0, 1, 2, 3, 4, 5, 6, 7)),
    Lattice(12, (0, 2, 3, 4, 6, 8, 9, 10)),  # sixteenths and their triplets
    Lattice(24, (0, 3, 6, 8, 9, 12, 15, 16, 18, 21)),  # thirty-seconds and triplets
)


@dataclass(frozen=True)
class NoteGrid:
    """The grid on which the notes of a file are.

    Args:
        steps: per quarter.
        places: of these steps, at which notes begin and end; all when empty.
        shift: ticks by which all notes are late; negative for early ones.
    """

    steps: int
    places: tuple[int, ...] = ()
    shift: int = 0

    def finer(self, steps: int) -> NoteGrid:
        """Return the grid in other steps; where its places are none of those, all of them count.

        Example:
            >>> NoteGrid(4, (0, 2)).finer(8).places
            (0, 4)
        """
        factor, rest = divmod(steps, self.steps)
        places = () if rest else tuple(place * factor for place in self.places)
        return NoteGrid(steps, places, self.shift)

    def nearest(self, tick: int, quarter: float) -> int:
        """Return the step nearest to a tick.

        Args:
            tick: of a note's beginning or end.
            quarter: its length in ticks.

        Example:
            >>> NoteGrid(12, (0, 4, 8), shift=10).nearest(480 + 190, quarter=480)
            16
        """
        tick = max(0, tick - self.shift)
        if not self.places:
            return round(tick * self.steps / quarter)
        whole, rest = divmod(tick, quarter)
        places = (*self.places, self.steps)
        return int(whole) * self.steps + min(
            places, key=lambda place: (abs(place * quarter - rest * self.steps), -place)
        )


def grid_of_notes(notes: Sequence[tuple[int, ...]], quarter: int) -> NoteGrid | None:
    """Return the grid on which notes are, or were meant; `None` for none.

    That is the coarsest grid on which all notes begin and end exactly, else the same after a
    constant shift, else the coarsest on which they begin. Notes that were played are put on the
    places of `PLAYED` that describe them best, if their RMS deviation is at most a fifth of a step.

    Args:
        notes: start and end of each in ticks, and more.
        quarter: its length in ticks.

    Example:
        >>> triplets = [(160 * n + off, 160 * n + 140) for n, off in enumerate([0, 9, -12] * 8)]
        >>> grid_of_notes(triplets, 480)
        NoteGrid(steps=12, places=(0, 4, 8), shift=0)
    """
    onsets = sorted({note[0] for note in notes})
    ends = sorted({note[1] for note in notes})
    coarse = _exact([*onsets, *ends], quarter, WRITTEN[:3])
    if coarse is not None:
        return NoteGrid(coarse)
    shifted = _shifted(onsets, quarter)
    if shifted is not None:
        return shifted
    exact = _exact_grid(onsets, ends, quarter)
    if exact is not None and _is_notation(onsets, quarter):
        return exact
    return _played(np.array([note[0] for note in notes]) / quarter, quarter) or exact


def _exact_grid(onsets: Sequence[int], ends: Sequence[int], quarter: int) -> NoteGrid | None:
    """Return the coarsest grid on which all notes begin, and end if they do so at usual places.

    Where a few notes fit no grid beside the others, as fives beside thirty-seconds, it is the
    coarsest for nearly all.
    """
    usual = all(_is_written(tick, quarter, ENDS) for tick in ends)
    both = [*onsets, *ends] if usual else onsets
    steps = _exact(both, quarter, WRITTEN) or _exact(onsets, quarter, EXACT)
    if steps is None:
        fitting = {s: sum(is_exact(tick, s, quarter) for tick in onsets) for s in WRITTEN}
        enough = NEARLY_ALL * len(onsets)
        steps = next((s for s, number in fitting.items() if number >= enough), None)
    return None if steps is None else NoteGrid(steps)


def _is_notation(onsets: Sequence[int], quarter: int) -> bool:
    """Return whether nearly all notes begin at places of a quarter that notation has."""
    return sum(_is_written(tick, quarter) for tick in onsets) >= (1 - ODD) * len(onsets)


def is_exact(tick: int, steps: int, quarter: float) -> bool:
    """Return whether a tick is as near to a step as a file can say it."""
    return 2 * abs(distance(tick, steps, quarter)) < steps


def distance(tick: int, steps: int, quarter: float) -> float:
    """Return how far a tick is from the nearest step, in ticks times the steps of a quarter."""
    return (tick * steps + quarter // 2) % quarter - quarter // 2


def _exact(ticks: Iterable[int], quarter: int, grids: Iterable[int]) -> int | None:
    """Return the first grid on which all ticks are."""
    ticks = list(ticks)
    fitting = (steps for steps in grids if all(is_exact(t, steps, quarter) for t in ticks))
    return next(fitting, None)


def _is_written(tick: int, quarter: int, divisions: Iterable[int] = DIVISIONS) -> bool:
    """Return whether a tick is at a place of a quarter as notation has them.

    Where a file has few ticks in a quarter, only places count that it can tell from others.

    Example:
        >>> _is_written(96, 480), _is_written(10, 480), _is_written(1, 24)
        (True, False, False)
    """
    telling = (division for division in divisions if division * TICKS_APART <= quarter)
    return any(
        is_exact(tick, division, quarter)
        for division in telling
        if quarter >= FINE_FILE or quarter % division == 0
    )


def _shifted(onsets: Sequence[int], quarter: int) -> NoteGrid | None:
    """Return the grid on which all notes begin once they are moved by the same ticks."""
    if len(onsets) < FEWEST_SHIFTED:
        return None
    for division in SHIFTED:
        shift = round(distance(onsets[0], division, quarter) / division)
        moved = [tick - shift for tick in onsets]
        if 0 < abs(shift) <= LATEST * quarter and _exact(moved, quarter, [division]):
            return NoteGrid(math.lcm(STEPS_PER_QUARTER, division), shift=shift)
    return None


def _played(onsets: np.ndarray, quarter: int) -> NoteGrid | None:
    """Return the grid that describes onsets, in quarters, best; `None` where none is enough."""
    best, most = None, LEAST_GAIN
    for lattice in PLAYED:
        shift = _lateness(onsets, lattice)
        gain = _gain(*_deviations(onsets - shift, lattice), lattice)
        if gain > most:
            best, most = NoteGrid(lattice.steps, lattice.places, round(shift * quarter)), gain
    return best


def _deviations(onsets: np.ndarray, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the place nearest to each onset, and its deviation in quarters."""
    places = np.array([*lattice.places, lattice.steps]) / lattice.steps
    apart = (onsets % 1)[:, None] - places
    number = np.abs(apart).argmin(axis=1)
    return number % len(lattice.places), apart[np.arange(len(onsets)), number]


def _lateness(onsets: np.ndarray, lattice: Lattice) -> float:
    """Return by how much notes are late, in quarters; 0 unless nearly all of them are."""
    _, apart = _deviations(onsets, lattice)
    late = float(np.median(apart))
    one_sided = np.mean(np.sign(apart) == np.sign(late)) >= ONE_SIDED
    return late if one_sided and abs(late) <= LATEST else 0.0


def _gain(number: np.ndarray, apart: np.ndarray, lattice: Lattice) -> float:
    """Return what a lattice gains over no grid, in nats; -inf beyond the tolerance."""
    swing = _swing(number, apart, *lattice.swing)
    even = np.where(number % 2 == 1, apart - swing, apart)
    if _rms(even) * len(lattice.places) > TOLERANCE:
        return -math.inf
    naming = _cost_of_places(number, len(lattice.places))
    rest = _without_habits(number, even, swung=abs(swing) > HABIT)
    return -naming - len(apart) * (math.log(_rms(rest)) + GAUSSIAN)


def _swing(number: np.ndarray, apart: np.ndarray, low: float, high: float) -> float:
    """Return the deviation that every other place has in common, as far as it may be swing."""
    swung = number % 2 == 1
    if len(apart) < FEWEST_SWUNG or not swung.any():
        return 0.0
    return float(np.clip(np.median(apart[swung]), low, high))


def _without_habits(number: np.ndarray, apart: np.ndarray, swung: bool) -> np.ndarray:
    """Return deviations without the small ones that all notes at a place have in common.

    A place that is always a little early would otherwise be described better by a finer grid.

    Args:
        number: of the place of each note.
        apart: quarters from it.
        swung: whether what every other place has in common has been taken for swing.
    """
    counts = np.bincount(number)
    means = np.bincount(number, apart) / np.maximum(1, counts)
    habits = np.where(counts >= FEWEST_HABITUAL, np.clip(means, -HABIT, HABIT), 0)
    if swung:
        habits[1::2] = 0
    return apart - habits[number]


def _rms(apart: np.ndarray) -> float:
    return max(RESOLUTION, float(np.sqrt(np.mean(apart**2))))


def _cost_of_places(number: np.ndarray, places: int) -> float:
    """Return what it costs to say which places there are, and where each note is, in nats."""
    counts = np.bincount(number, minlength=places)
    counts = counts[counts > 0]
    entropy = -float(np.sum(counts * np.log(counts / counts.sum())))
    rates = (len(counts) - 1) / 2 * math.log(counts.sum())
    return entropy + rates + math.log(math.comb(places, len(counts)))
