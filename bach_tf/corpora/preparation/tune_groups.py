"""Finding variants of a tune by their notes, and keeping them in one split."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations

import numpy as np

from bach_tf.corpora.preparation.prepared import SPLITS, Pieces
from bach_tf.score import Score

RUN = 6  # intervals; many tunes share shorter figures, such as a scale of five notes
# Of the folk songs' variants (by number or title) whose aligned pitches agree to at least 85 %,
# 86 % share this fraction; a threshold of a quarter finds no more of them. Longer runs find fewer,
# and runs of 5 chain 152 tunes together.
SHARED_RUNS = 0.3
HELD_OUT = 0.1  # fraction of the tunes, for valid and test each


def intervals_of(score: Score) -> tuple[int, ...]:
    """Return the intervals of a melody in semitones, which are invariant under transposition.

    Repeated notes count as an interval of 0; rests and durations are ignored.

    Example:
        >>> intervals_of(Score.from_grid([[67], [67], [0], [72], [71]]))
        (5, -1)
    """
    return tuple(np.diff(score.pitch).tolist())


def variant_groups(
    scores: Mapping[str, Score], labels: Mapping[str, Iterable[Hashable]] | None = None
) -> list[list[str]]:
    """Group tunes so that each one is with all others that resemble it.

    Two tunes resemble each other if they share a label, or at least three tenths of their runs
    of six intervals. The fraction refers to the tune with fewer runs, because the other may have
    an additional section.

    Args:
        scores: melodies by name.
        labels: further marks of variants, such as titles, by name of the tune.

    Example:
        >>> scale = [[60], [62], [64], [65], [67], [69], [71], [72]]
        >>> up = Score.from_grid(scale)
        >>> variant_groups({"a": up, "b": up.transpose(5), "c": Score.from_grid(scale[::-1])})
        [['a', 'b'], ['c']]
    """
    return joined(scores, [*_alike(scores), *_with_one_label(labels or {})])


def groups_by_label(labels: Mapping[str, Iterable[Hashable]]) -> list[list[str]]:
    """Group names so that each one is with all others that share a label with it.

    Args:
        labels: labels by name.

    Example:
        >>> groups_by_label({"a": [1], "b": [2], "c": [1, 3]})
        [['a', 'c'], ['b']]
    """
    return joined(labels, _with_one_label(labels))


def joined(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the connected components of names linked by pairs, each in alphabetical order.

    Args:
        names: of pieces.
        pairs: of these names.
    """
    leaders = {name: name for name in sorted(names)}
    for one, other in pairs:
        leaders[_leader(leaders, one)] = _leader(leaders, other)
    groups = defaultdict(list)
    for name in leaders:
        groups[_leader(leaders, name)].append(name)
    return sorted(groups.values())


def split_groups(scores: Mapping[str, Score], groups: list[list[str]]) -> Pieces:
    """Split tunes into 80 % train, 10 % valid and 10 % test, in whole groups.

    Groups are assigned in the order of a hash of their intervals, so that neither names nor the
    order of files matter. The largest group goes to train, because it could fill a small split.

    Raises:
        ValueError: if there are fewer than three groups.
    """
    if len(groups) < len(SPLITS):
        raise ValueError(
            f"Expected tunes with at least {len(SPLITS)} different melodies, one for each split, "
            f"got {len(groups)} in {len(scores)} tunes."
        )
    # A melody in two splits would leak: folk songs have up to a dozen variants.
    ranked = sorted(groups, key=lambda group: _hash_of(scores, group))
    largest = max(ranked, key=len)
    pieces: Pieces = {"train": {name: scores[name] for name in largest}, "valid": {}, "test": {}}
    for group in ranked:
        if group is not largest:
            not_full = (s for s in ("test", "valid") if len(pieces[s]) < HELD_OUT * len(scores))
            pieces[next(not_full, "train")] |= {name: scores[name] for name in group}
    return pieces


def _alike(scores: Mapping[str, Score]) -> list[tuple[str, str]]:
    """Return the pairs that share enough runs."""
    runs = {name: _runs_of(intervals_of(score)) for name, score in scores.items()}
    names_by_run = defaultdict(list)
    for name, found in runs.items():
        for run in found:
            names_by_run[run].append(name)
    shared = Counter(pair for names in names_by_run.values() for pair in combinations(names, 2))
    return [
        (one, other)
        for (one, other), count in shared.items()
        if count >= SHARED_RUNS * min(len(runs[one]), len(runs[other]))
    ]


def _runs_of(intervals: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Return every run of `RUN` intervals; a shorter tune is a single run."""
    starts = range(max(1, len(intervals) - RUN + 1))
    return {intervals[start : start + RUN] for start in starts}


def _with_one_label(labels: Mapping[str, Iterable[Hashable]]) -> list[tuple[str, str]]:
    first: dict[Hashable, str] = {}
    return [
        (first.setdefault(label, name), name) for name, found in labels.items() for label in found
    ]


def _leader(leaders: dict[str, str], name: str) -> str:
    """Return the representative of the group of `name`."""
    while leaders[name] != name:
        leaders[name] = name = leaders[leaders[name]]
    return name


def _hash_of(scores: Mapping[str, Score], group: list[str]) -> str:
    smallest = min(intervals_of(scores[name]) for name in group)
    return hashlib.sha256(",".join(map(str, smallest)).encode()).hexdigest()
