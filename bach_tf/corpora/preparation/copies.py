"""Duplicate pieces: in two splits, they would be memorised before they are evaluated."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bach_tf.score import Score


class Content(NamedTuple):
    """The notes of a piece, independent of its key and tempo.

    Args:
        notes: equal for the same music; empty for silence.
        lowest: the lowest pitch.
        unit: greatest common divisor of all onsets and durations, in steps.
    """

    notes: bytes
    lowest: int = 0
    unit: int = 1


def content_of(score: Score) -> Content:
    """Return the notes of a piece, independent of its key, tempo, grid and order of voices.

    Rests at both ends do not matter.

    Args:
        score: the piece.

    Example:
        >>> air = Score.from_grid([[67], [69], [69]])
        >>> content_of(air).notes == content_of(air.transpose(5)).notes
        True
    """
    if not len(score):
        return Content(b"")
    onset, lowest = score.onset - score.onset.min(), int(score.pitch.min())
    times = np.column_stack([onset, score.duration])
    unit = int(np.gcd.reduce(times, axis=None))
    notes = np.column_stack([times // unit, score.pitch - lowest]).astype(np.int64)
    return Content(notes[np.lexsort(notes.T)].tobytes(), lowest, unit)


def digest_of(content: Content) -> str:
    """Return the SHA-256 of the notes of a piece: equal for copies.

    Args:
        content: of the piece.
    """
    return hashlib.sha256(content.notes).hexdigest()


def find_copies(splits: Mapping[str, Mapping[str, Score]]) -> list[str]:
    """Return a line for each piece that another split has too, in any key and at any tempo.

    Args:
        splits: the pieces of each split by name.

    Example:
        >>> air = Score.from_grid([[67], [69], [69]])
        >>> find_copies({"train": {"air": air}, "test": {"b": air.transpose(-5)}})
        ['test/b: the same music as train/air, in another key']
    """
    named = {
        f"{split}/{name}": piece for split, each in splits.items() for name, piece in each.items()
    }
    return [
        line
        for first, *others in _groups(named)
        for line in _lines(named, first, others)
        if line.partition("/")[0] != first.partition("/")[0]
    ]


def copies_in(pieces: Mapping[str, Score]) -> list[str]:
    """Return a line for each piece that repeats an earlier one, in any key and at any tempo.

    Args:
        pieces: the pieces by name.

    Example:
        >>> air = Score.from_grid([[67], [69], [69]])
        >>> copies_in({"a": air, "b": air})
        ['b: the same music as a']
    """
    return [line for first, *others in _groups(pieces) for line in _lines(pieces, first, others)]


def _groups(pieces: Mapping[str, Score]) -> list[list[str]]:
    """Return the names of pieces in groups with the same music; silence is in none."""
    groups = defaultdict(list)
    for name, score in pieces.items():
        notes = content_of(score).notes
        if notes:
            groups[notes].append(name)
    return list(groups.values())


def _lines(pieces: Mapping[str, Score], first: str, others: list[str]) -> list[str]:
    original = content_of(pieces[first]) if others else Content(b"")
    lines = []
    for name in others:
        copy = content_of(pieces[name])
        lines.append(f"{name}: the same music as {first}{difference(copy, original)}")
    return lines


def difference(copy: Content, original: Content) -> str:
    """Return how a copy differs from the original, beginning with a comma; "" if it does not.

    Args:
        copy: a piece with the same notes.
        original: the other.

    Example:
        >>> difference(Content(b"...", lowest=60), Content(b"...", lowest=62))
        ', in another key'
    """
    how = ", in another key" if copy.lowest != original.lowest else ""
    return how + (", at another tempo" if copy.unit != original.unit else "")
