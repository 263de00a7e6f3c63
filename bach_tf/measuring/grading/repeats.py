"""Melodic repetition: passages of a voice that occur at least twice, note for note.

A passage begins with a note and has at least two. It only counts if no longer passage that contains
it is as frequent: if "C D E" occurs twice, "C D" does not count. These are the inner nodes of a
suffix tree, obtained from the sorted suffixes:
a suffix tree, which is read off the sorted suffixes:

- M. I. Abouelhoda, S. Kurtz, E. Ohlebusch, "Replacing suffix trees with enhanced suffix arrays",
  Journal of Discrete Algorithms 2 (2004).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

HELD = 128  # continues the previous note or rest; not a MIDI pitch
LEAST_NOTES = 2


def repeat_lengths(grid: np.ndarray, begins: np.ndarray) -> Counter[int]:
    """Count the repeated passages of each length.

    Each voice is analysed separately. A passage in two voices is counted once, with the frequency
    in the lower one.

    Args:
        grid: ints `(T, V)`, one row per step, 0 for silence.
        begins: bool `(T, V)`, where notes and rests begin.

    Returns:
        for each length in steps, the total frequency of its passages.

    Example:
        >>> melody = np.array([[60, 62, 64, 67, 60, 62, 64, 72]]).T
        >>> repeat_lengths(melody, melody > 0)
        Counter({3: 2})
    """
    found: dict[bytes, int] = {}
    for column, new in zip(np.asarray(grid, np.int64).T, np.asarray(begins).T):
        found |= repeats(column, new)
    lengths: Counter[int] = Counter()
    for passage, times in found.items():
        lengths[len(passage)] += times
    return lengths


def repeats(column: np.ndarray, begins: np.ndarray) -> dict[bytes, int]:
    """Return the repeated passages of a voice and their frequencies.

    Args:
        column: ints `(T,)`, the pitches of the voice.
        begins: bool `(T,)`, where notes and rests begin, including the first step.

    Returns:
        the frequency of each passage. Passages have one byte per step: the pitch where a note
        begins, 0 where a rest does, `HELD` where it continues.

    Example:
        >>> found = repeats(np.array([60, 62, 60, 62]), np.full(4, True))
        >>> [(list(passage), times) for passage, times in found.items()]
        [([60, 62], 2)]
    """
    text = np.where(begins, column, HELD).astype(np.uint8).tobytes()
    starts = np.flatnonzero(begins)
    order = sorted(starts.tolist(), key=lambda start: text[start:])
    before = _notes_before(text, starts)
    found = {}
    for first, last, length in _nodes(_common(text, order)):
        passage = text[order[first] : order[first] + length]
        led_to = {before[start] for start in order[first:last]}
        if len(led_to) > 1 and len(passage) - passage.count(HELD) >= LEAST_NOTES:
            found[passage] = last - first
    return found


def _notes_before(text: bytes, starts: np.ndarray) -> dict[int, bytes]:
    """Return the note before each note, with its duration; a unique value before the first."""
    bounds = zip([0, *starts[:-1].tolist()], starts.tolist())
    return {start: text[before:start] for before, start in bounds}


def _common(text: bytes, order: list[int]) -> list[int]:
    """Return the number of steps that each sorted suffix shares with the next one."""
    common = []
    for one, other in pairwise(order):
        steps = enumerate(zip(text[one:], text[other:]))
        most = len(text) - max(one, other)
        common.append(next((step for step, (here, there) in steps if here != there), most))
    return common


def _nodes(common: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the inner nodes: their bounds in the sorted list, and their length."""
    stack = [(0, 0)]  # start and length of each open node
    for place, length in enumerate([*common, 0]):
        begin = place
        while stack[-1][1] > length:
            begin, deeper = stack.pop()
            yield begin, place + 1, deeper
        if stack[-1][1] < length:
            stack.append((begin, length))
