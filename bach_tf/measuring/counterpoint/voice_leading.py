"""Voice leading: parallels, crossings, spacing, ranges, leaps.

A grid is ints `(T, V)`: one row per step, one column per voice from the highest down, MIDI pitches,
0 for silence. A note is a change of pitch, so repeated notes count as one held note.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from bach_tf.score import SILENCE
from bach_tf.theory.ranges import RANGES

FIFTH, OCTAVE = 7, 12
VOICES = ("soprano", "alto", "tenor", "bass")


def parallels(grid: np.ndarray, interval: int) -> np.ndarray:
    """Return where two voices move in the same direction from an interval to the same interval.

    Both voices change their pitch between two steps, neither from nor to silence. Contrary motion,
    such as from a fifth to a twelfth, is not parallel.

    Intervals are measured from the lower voice up to the higher one, modulo the octave. So if
    voices are crossed, a fourth counts as a fifth, as if the displaced voice were an octave away:
    11 of the 70 fifths in the canonical chorales are such fourths.

    Args:
        grid: ints `(T, V)`.
        interval: in semitones; `FIFTH`, or `OCTAVE` for octaves and unisons.

    Returns:
        bool `(T - 1, V * (V - 1) / 2)`, one column per pair of voices: the highest with each
        lower one, then the second with each lower one, and so on.

    Example:
        >>> parallels(np.array([[67, 60], [69, 62]]), FIFTH).tolist()
        [[True]]
    """
    grid = np.asarray(grid, np.int64)
    high, low = np.array(list(combinations(range(grid.shape[1]), 2)), np.int64).reshape(-1, 2).T
    motion = np.sign(np.diff(grid, axis=0))  # (T - 1, V)
    sounds = grid != SILENCE
    holds = sounds[:, high] & sounds[:, low]
    holds &= (grid[:, high] - grid[:, low] - interval) % OCTAVE == 0  # (T, pairs)
    together = (motion[:, high] == motion[:, low]) & (motion[:, high] != 0)
    return together & holds[:-1] & holds[1:]


class Parallel(NamedTuple):
    """A pair of parallel fifths, octaves or unisons.

    Args:
        kind: "fifth", or "octave" (also for unisons).
        voices: the numbers of the two voices, the higher one first; 0 is the highest.
        start: step from which both notes of the first interval sound.
        step: step of the second interval.
    """

    kind: str
    voices: tuple[int, int]
    start: int
    step: int


def find_parallels(grid: np.ndarray) -> list[Parallel]:
    """Return each place where two voices move in parallel fifths, octaves or unisons.

    Args:
        grid: ints `(T, V)`, as for `parallels`.

    Returns:
        in the order of the piece.

    Example:
        >>> find_parallels(np.array([[67, 60], [67, 60], [69, 62]]))
        [Parallel(kind='fifth', voices=(0, 1), start=0, step=2)]
    """
    grid = np.asarray(grid, np.int64)
    pairs = list(combinations(range(grid.shape[1]), 2))
    starts = note_starts(grid)
    found = [
        Parallel(kind, pairs[pair], _both_from(starts[: step + 1, pairs[pair]]), step + 1)
        for kind, interval in (("fifth", FIFTH), ("octave", OCTAVE))
        for step, pair in np.argwhere(parallels(grid, interval)).tolist()
    ]
    return sorted(found, key=lambda each: (each.step, each.voices))


def _both_from(starts: np.ndarray) -> int:
    """Return the step at which the later of the last notes begins: from bool `(T, 2)`."""
    return int(max(np.flatnonzero(column)[-1] for column in starts.T))


def neighbours_sound(grid: np.ndarray) -> np.ndarray:
    """Return where adjacent voices both sound: bool `(T, V - 1)`."""
    sounds = np.asarray(grid) != SILENCE
    return sounds[:, :-1] & sounds[:, 1:]


def crossings(grid: np.ndarray) -> np.ndarray:
    """Return where a voice is below the next lower one: bool `(T, V - 1)`.

    Voices in unison are not crossed, nor are silent ones.

    Example:
        >>> crossings(np.array([[64, 60], [60, 60], [59, 60], [59, 0]])).ravel().tolist()
        [False, False, True, False]
    """
    return neighbours_sound(grid) & (np.diff(np.asarray(grid, np.int64), axis=1) > 0)


def wide_spacings(grid: np.ndarray) -> np.ndarray:
    """Return where adjacent voices are more than an octave apart, except the lowest pair.

    Between tenor and bass, any distance is common.

    Returns:
        bool `(T, V - 2)`: for four voices, soprano with alto, and alto with tenor.

    Example:
        >>> wide_spacings(np.array([[72, 60, 47, 36], [74, 60, 48, 24]])).tolist()
        [[False, True], [True, False]]
    """
    apart = np.abs(np.diff(np.asarray(grid, np.int64), axis=1)) > OCTAVE
    return (neighbours_sound(grid) & apart)[:, :-1]


def note_starts(grid: np.ndarray) -> np.ndarray:
    """Return where a note begins: bool `(T, V)`.

    Example:
        >>> note_starts(np.array([[60], [60], [0], [60], [62]])).ravel().tolist()
        [True, False, False, True, True]
    """
    grid = np.asarray(grid)
    before = np.vstack([np.full((1, grid.shape[1]), SILENCE), grid])[: len(grid)]
    return (grid != before) & (grid != SILENCE)


def note_lengths(grid: np.ndarray) -> np.ndarray:
    """Return the duration of each note in steps: int64 `(N,)`, voice after voice.

    Example:
        >>> note_lengths(np.array([[60], [60], [0], [60], [62]])).tolist()
        [2, 1, 1]
    """
    grid = np.asarray(grid)
    starts = note_starts(grid)
    note_of = np.cumsum(starts.T.ravel()) - 1  # (V T,), of each cell that sounds
    return np.bincount(note_of[grid.T.ravel() != SILENCE], minlength=starts.sum())


def longest_chord(grid: np.ndarray) -> int:
    """Return the duration in steps of the chord held longest; 0 for silence.

    A chord is held while no voice changes its pitch, ends or begins.

    Example:
        >>> longest_chord(np.array([[67, 60], [67, 60], [67, 60], [67, 59], [0, 0], [0, 0]]))
        3
    """
    grid = np.asarray(grid)
    moves = np.append(np.full(1, True), (grid[1:] != grid[:-1]).any(axis=1))[: len(grid)]
    begins = np.flatnonzero(moves)
    lengths = np.diff(begins, append=len(grid))
    return int(lengths[grid[begins].any(axis=1)].max(initial=0))


def out_of_range(grid: np.ndarray) -> np.ndarray:
    """Return where a voice is outside `RANGES`: bool `(T, V)`, for `V` up to 4.

    Example:
        >>> out_of_range(np.array([[59, 53, 70, 0]])).tolist()
        [[True, False, True, False]]
    """
    grid = np.asarray(grid)
    lowest, highest = np.array(RANGES)[: grid.shape[1]].T
    return (grid != SILENCE) & ((grid < lowest) | (grid > highest))


def melodic_intervals(column: np.ndarray) -> np.ndarray:
    """Return the steps and leaps of one voice.

    Args:
        column: ints `(T,)`, the pitches of a voice.

    Returns:
        int64 `(M,)`, in semitones, negative if downwards, between notes that follow each other
        without a rest.

    Example:
        >>> melodic_intervals(np.array([60, 60, 64, 0, 67, 55])).tolist()
        [4, -12]
    """
    column = np.asarray(column, np.int64)
    follows = (column[1:] != SILENCE) & (column[:-1] != SILENCE)
    intervals = np.diff(column)[follows]
    return intervals[intervals != 0]
