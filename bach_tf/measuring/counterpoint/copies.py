"""Copying: the longest passages that pieces share with a training set, in any key.

Two consecutive steps form a symbol: all pitches of both, relative to a pitch of the first. A
passage of n steps has n - 1 symbols, so equal symbols mean equal notes with equal durations up to
transposition, except for the first and last chord, which count for as long as both pieces hold
them. All training pieces form one long text of symbols, sorted into a suffix array by doubling; the
longest match of a passage is a prefix of one of its two neighbours there:

- U. Manber and G. Myers, "Suffix arrays: a new method for on-line string searches", SIAM Journal
  on Computing 22 (1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.score import SILENCE

REST = -1000  # in a symbol; no two pitches are that far apart


@dataclass(frozen=True)
class Copies:
    """The longest copied passage of each of `N` pieces; zeros if there is none.

    Args:
        start: int64 `(N,)`, first step of the passage in the piece.
        steps: int64 `(N,)`, its length.
        changes: int64 `(N,)`, number of times that any voices move in it.
        length: int64 `(N,)`, length of the whole piece in steps.
    """

    start: np.ndarray
    steps: np.ndarray
    changes: np.ndarray
    length: np.ndarray


def find_copies(
    grids: Sequence[np.ndarray], training: Sequence[np.ndarray], *, changes: int = 1
) -> Copies:
    """Return the longest passage of each piece that occurs in some training piece, in any key.

    All voices must be copied together, from one training piece. For a single voice, pass only its
    column.

    Args:
        grids: ints `(T, V)`, one row per step, 0 for silence.
        training: ints `(T, V)`, with the same number of voices.
        changes: minimum number of changes in a passage, because chords that are held for long,
            such as most final ones, occur in every training set.

    Raises:
        ValueError: if one of the sets has no steps, numbers of voices differ, or `changes` is below
            1.

    Example:
        >>> piece = np.array([[67, 60], [67, 60], [69, 60], [71, 55], [60, 52]])
        >>> transposed = np.array([[60, 53], [62, 53], [64, 48], [72, 48]])
        >>> copies = find_copies([piece], [transposed])
        >>> copies.start.tolist(), copies.steps.tolist(), copies.changes.tolist()
        ([1], [3], [2])
    """
    pieces = _checked(grids, training)
    if changes < 1:
        raise ValueError(f"`changes` must be at least 1. Received: changes={changes}")
    text = _text(pieces)  # (S,), all symbols
    sizes = np.array([len(piece) for piece in pieces])
    lengths = sizes[len(training) :]
    first = sizes[: len(training)].sum()  # index of the first symbol of the evaluated pieces
    matched = _longest_matches(text, first)  # (S - first,), in symbols, from each step on
    moved = np.concatenate([_moves(grid) for grid in pieces[len(training) :]])
    before = np.concatenate([[0], np.cumsum(moved)])
    at = np.arange(matched.size)
    inside = before[at + matched] - before[at]
    steps = np.where(inside >= changes, matched + 1, 0)
    return _longest_of_each(steps, inside, lengths)


def _checked(grids: Sequence[np.ndarray], training: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return all pieces, beginning with the training pieces."""
    for name, pieces in (("piece to measure", grids), ("training piece", training)):
        if not sum(map(len, pieces)):
            raise ValueError(f"Expected at least one {name} with a step. Received: none")
    pieces = [np.asarray(grid, np.int64) for grid in (*training, *grids)]
    voices = {grid.shape[1:] for grid in pieces}
    if len(voices) > 1 or any(grid.ndim != 2 for grid in pieces):
        raise ValueError(
            f"Expected grids (T, V) with equal numbers of voices. Received: (T, ...) with {voices}"
        )
    return pieces


def _longest_of_each(steps: np.ndarray, changes: np.ndarray, lengths: np.ndarray) -> Copies:
    """Return the longest match of each piece, the first one in a tie; `steps` are of all pieces."""
    found = []
    for start, length in zip(np.cumsum(lengths) - lengths, lengths):
        if not length or not steps[start : start + length].any():
            found.append((0, 0, 0))
            continue
        best = int(steps[start : start + length].argmax())
        found.append((best, steps[start + best], changes[start + best]))
    return Copies(*np.array(found, np.int64).T, lengths)


def _moves(grid: np.ndarray) -> np.ndarray:
    """Return whether any voice changes after each step (not after the last one): bool `(T,)`."""
    return np.append((grid[1:] != grid[:-1]).any(axis=1), [False])[: len(grid)]


def _text(grids: Sequence[np.ndarray]) -> np.ndarray:
    """Return the symbols of all pieces: int64 `(total steps,)`.

    The last step of each piece has a unique symbol, below 0, so that matches end there.
    """
    symbols = np.concatenate([_symbols(grid) for grid in grids])
    ids = np.unique(symbols, axis=0, return_inverse=True)[1].reshape(-1)
    sizes = np.array([len(grid) for grid in grids])
    ends = np.cumsum(sizes)[sizes > 0] - 1
    ids[ends] = -1 - np.arange(ends.size)
    return ids


def _symbols(grid: np.ndarray) -> np.ndarray:
    """Return each step and the next one, relative to a pitch of the first: `(T, 2 V)`.

    If all voices rest, that pitch is taken from the previous chord, so that passages do not change
    key at a general rest; before the first chord, from that one.
    """
    sounds = grid != SILENCE
    if not sounds.any():
        return np.full((len(grid), 2 * grid.shape[1]), REST)
    sounding = np.flatnonzero(sounds.any(axis=1))
    latest = np.searchsorted(sounding, np.arange(len(grid)), side="right") - 1
    chord = sounding[np.maximum(latest, 0)]  # (T,), the step of the previous chord
    reference = grid[chord, sounds[chord].argmax(axis=1)][:, None]  # (T, 1)
    following = np.append(grid[1:], grid[-1:], axis=0)
    pairs = [np.where(row == SILENCE, REST, row - reference) for row in (grid, following)]
    return np.concatenate(pairs, axis=1)


def _longest_matches(text: np.ndarray, first: int) -> np.ndarray:
    """Return for each symbol from `first` on the length of its longest match in `text[:first]`."""
    ranks = _rank_by_doubling(text)
    order = np.argsort(ranks[-1])
    place = np.arange(text.size)
    trained = order < first
    above = np.maximum.accumulate(np.where(trained, place, -1))
    below = np.minimum.accumulate(np.where(trained, place, text.size)[::-1])[::-1]
    at = ranks[-1][first:]
    measured = np.arange(first, text.size)
    longest = np.zeros(measured.size, np.int64)
    for neighbour in (above[at], below[at]):
        there = (neighbour >= 0) & (neighbour < text.size)
        common = _common_symbols(ranks, measured[there], order[neighbour[there]])
        longest[there] = np.maximum(longest[there], common)
    return longest


def _rank_by_doubling(text: np.ndarray) -> list[np.ndarray]:
    """Return the ranks of the runs of 1, 2, 4... symbols from each one, until all are distinct."""
    ranks = [np.unique(text, return_inverse=True)[1].reshape(-1)]
    width = 1
    while ranks[-1].max() + 1 < text.size:
        rank = ranks[-1]
        after = np.append(rank[width:] + 1, np.zeros(min(width, rank.size), np.int64))
        ranks.append(np.unique(rank * (text.size + 1) + after, return_inverse=True)[1].reshape(-1))
        width *= 2
    return ranks


def _common_symbols(ranks: list[np.ndarray], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the number of equal symbols from `one` and from `other` on."""
    common = np.zeros(one.size, np.int64)
    for level in range(len(ranks) - 2, -1, -1):  # all ranks of the last level are distinct
        equal = ranks[level][one + common] == ranks[level][other + common]
        common += equal * 2**level
    return common
