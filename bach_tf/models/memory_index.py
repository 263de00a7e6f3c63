"""An index from context names to the most frequent continuation in the pieces of a memory.

It is built in NumPy, one kind and depth of context at a time. Whole splits are looked up in NumPy,
and single steps in a graph during generation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from keras import ops

from bach_tf.models.base import Tensor
from bach_tf.models.contexts import KINDS_OF_CONTEXT, LEVELS, OWN, VOICES
from bach_tf.models.layers import taken
from bach_tf.models.tracing import outside_of_graphs
from bach_tf.models.whole_pieces import Contexts, Rows

SUPPORTS = 4  # a single piece; all of several; at least two thirds; fewer
VALUES = 256


@dataclass(frozen=True, eq=False)
class Index:
    """A hash table from contexts to their most frequent continuations.

    Args:
        starts: int32 `(buckets,)`, where each begins. A context's first hash says in which it is.
        checks: int32 `(M + width,)`, the second hash of each context.
        answers: int16 `(M + width,)`, what is known of each.
        width: size of the largest bucket.
    """

    starts: np.ndarray
    checks: np.ndarray
    answers: np.ndarray
    width: int

    @classmethod
    def of(cls, rows: Rows) -> Index:
        """Build the index of pieces."""
        keys, known = [np.zeros(0, np.uint64)], [np.zeros(0, np.int16)]
        for contexts in rows.contexts():
            for level, _, counts in counted(rows, contexts):
                keys.append(counts.keys)
                known.append(answers(level, *_likeliest(counts.pairs, counts.pieces, counts.first)))
        return cls._in_buckets(np.concatenate(keys), np.concatenate(known))

    @classmethod
    def _in_buckets(cls, keys, known):
        hashes = keys.view(np.int32).reshape(-1, 2)
        buckets = max(len(keys) // 2, 1) | 1
        # Bucket and position in one number, since sorting is faster than argsort.
        both = np.sort((hashes[:, 0] % buckets).astype(np.int64) << 32 | np.arange(len(keys)))
        order = both & 0xFFFFFFFF
        sizes = np.bincount(both >> 32, minlength=buckets)
        width = int(sizes.max(initial=1))
        behind = np.zeros(width, np.int32)  # reads may extend beyond the last bucket
        return cls(
            (np.cumsum(sizes) - sizes).astype(np.int32),
            np.concatenate([hashes[order, 1], behind]),
            np.concatenate([known[order], behind.astype(np.int16)]),
            width,
        )

    def look_up_all(self, rows: Rows) -> np.ndarray:
        """Look up the deepest known context of each kind for each voice and step.

        Returns:
            int32 `(R, 4, 3)`: the kind of result times `VALUES`, plus the continuation; 0 for none.
        """
        found = np.zeros((len(rows.first), VOICES, KINDS_OF_CONTEXT), np.int32)
        for contexts in rows.contexts():
            asked = np.nonzero(contexts.there)
            here = found[:, contexts.voice, contexts.kind]
            np.maximum.at(here, asked[0], self._answers_to(contexts.keys[asked]))
        return found

    def _answers_to(self, keys):
        """Return the answers for contexts, 0 for unknown ones: int32 `(Q,)`."""
        first, check = keys.view(np.int32).reshape(-1, 2).T
        bucket = first % len(self.starts)
        place, found = self.starts[bucket], np.zeros(len(keys), np.int32)
        ends = np.append(self.starts[1:], len(self.checks) - self.width)[bucket]
        left = np.flatnonzero(place < ends)
        while len(left):
            hits = self.checks[place[left]] == check[left]
            met = left[hits]
            # Contexts of another kind may have the same name: the deepest one counts.
            found[met] = np.maximum(found[met], self.answers[place[met]])
            place[left] += 1
            left = left[place[left] < ends[left]]
        return found

    def look_up(self, names: Tensor, there: Tensor) -> Tensor:
        """Return what is known of the deepest context of each kind, 0 where none is found.

        Args:
            names: int32 `(..., NAMES, 2)`, as `contexts.names` has them.
            there: int32 `(..., NAMES)`, 1 for those there are.

        Returns:
            int32 `(..., 3)`: the kind of the find, times `VALUES`, and what follows.
        """
        starts, checks, known = self._tensors
        first, check = ops.unstack(ops.reshape(names, (-1, 2)), 2, axis=-1)  # (Q,)
        # A context that is not there has a check that nothing in the memory has.
        check = ops.where(ops.reshape(there, (-1,)) > 0, check, -1)
        start = ops.expand_dims(taken(starts, first % len(self.starts)), -1)
        places = start + np.arange(self.width, dtype=np.int32)  # (Q, width)
        hits = taken(checks, places) == ops.expand_dims(check, -1)
        place = ops.max(ops.where(hits, places, -1), axis=-1)  # two of one name are too rare
        found = ops.cast(taken(known, ops.maximum(place, 0)), "int32")
        found = ops.reshape(ops.where(place >= 0, found, 0), (-1, LEVELS))  # those of a kind
        return ops.reshape(ops.max(found, axis=-1), (-1, *there.shape[1:-1], KINDS_OF_CONTEXT))

    @cached_property
    def _tensors(self):
        """Created once, since each graph would otherwise contain its own copy of the table."""
        with outside_of_graphs():
            return [ops.convert_to_tensor(x) for x in (self.starts, self.checks, self.answers)]


def answers(level: int, value: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the answers for contexts as one number each, 0 if unknown: int16 `(K,)`."""
    known = (1 + level * SUPPORTS + support) * VALUES + value
    return np.where(support >= 0, known, 0).astype(np.int16)


@dataclass(frozen=True, eq=False)
class Counts:
    """Continuations of contexts of one kind and depth, with the number of pieces.

    Args:
        keys: uint64 `(K,)`, the contexts that have continuations, in order.
        pairs: int64 `(P,)`, the number of a context times `VALUES` plus a continuation, in order.
        pieces: int `(P,)`, number of pieces in which each pair occurs.
        first: int `(K,)`, index of the first pair of each context.
        each: int64 `(E,)`, the occurrences of pairs in pieces: the pair times `whose` plus the
            piece, in order.
        whose: number of pieces.
    """

    keys: np.ndarray
    pairs: np.ndarray
    pieces: np.ndarray
    first: np.ndarray
    each: np.ndarray
    whose: int


def counted(rows: Rows, contexts: Contexts) -> Iterator[tuple[int, np.ndarray, Counts]]:
    """Yield each depth with the keys of its contexts and their continuations."""
    follows = rows.follows[:, contexts.voice, contexts.kind].astype(np.int64)
    whose = len(rows.ends)
    tails = follows * whose + rows.piece
    for level in range(len(OWN)):
        keys = np.ascontiguousarray(contexts.keys[:, level])
        kept = contexts.there[:, level] & (follows >= 0)
        yield level, keys, _counts(keys[kept], tails[kept], whose)


def _counts(keys, tails, whose):
    """Count the continuations of contexts; `tails` are continuation and piece in one number."""
    order = np.argsort(keys)
    keys = keys[order]
    begins = _changes(keys)
    each = (np.cumsum(begins) - 1) * (VALUES * whose) + tails[order]
    several = ~(begins & np.append(begins[1:], True))  # contexts that occur once are in order
    each[several] = np.sort(each[several])
    each = each[_changes(each)]
    pairs = each // whose
    at = np.flatnonzero(_changes(pairs))
    pairs, pieces = pairs[at], np.diff(at, append=len(each))
    first = np.flatnonzero(_changes(pairs // VALUES))
    return Counts(keys[begins], pairs, pieces, first, each, whose)


def _changes(ordered):
    """Return where the number differs from the previous one: bool."""
    changes = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
    return changes


def _likeliest(pairs, counts, starts):
    """Return the most frequent continuations and their support, -1 without occurrences.

    Args:
        pairs: int64 `(P,)`, contexts with continuations, grouped by context.
        counts: int `(P,)`, number of pieces.
        starts: int `(K,)`, index of the first pair of each context.
    """
    if not len(pairs):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Ties are resolved in favour of the lower value.
    best = np.maximum.reduceat(counts * VALUES + VALUES - 1 - pairs % VALUES, starts)
    most, value = best // VALUES, VALUES - 1 - best % VALUES
    total = np.add.reduceat(counts, starts)
    support = np.where(most * 3 >= 2 * total, 2, 3)
    support = np.where(most == total, np.minimum(total - 1, 1), support)
    return value, support  # -1 for a total of 0


def in_other_pieces(rows: Rows) -> np.ndarray:
    """Look up each step of each piece in all other pieces: int32 `(R, 4, 3)`."""
    found = np.zeros((len(rows.first), VOICES, KINDS_OF_CONTEXT), np.int32)
    for contexts in rows.contexts():
        here = found[:, contexts.voice, contexts.kind]
        for level, keys, counts in counted(rows, contexts):
            asked = np.flatnonzero(contexts.there[:, level])
            value, support = _in_others(counts, keys[asked], rows.piece[asked])
            here[asked] = np.maximum(here[asked], answers(level, value, support))
    return found


def _in_others(counts, asked, asking):
    """Return the most frequent continuations in other pieces, and their support.

    Args:
        counts: counts of all pieces.
        asked: uint64 `(Q,)`, the contexts to look up.
        asking: int `(Q,)`, the piece of each query, which is excluded.

    Returns:
        the continuations and their support, 0 to 3, or -1 if nothing is found: int64 `(Q,)` each.
    """
    value, support = np.zeros(len(asked), np.int64), np.full(len(asked), -1)
    if not len(counts.keys):
        return value, support
    at = np.minimum(np.searchsorted(counts.keys, asked), len(counts.keys) - 1)
    hits = np.flatnonzero(counts.keys[at] == asked)
    bounds = np.append(counts.first, len(counts.pairs))
    at = at[hits]
    sizes = bounds[at + 1] - bounds[at]
    starts = np.cumsum(sizes) - sizes
    rows = np.repeat(bounds[at] - starts, sizes) + np.arange(sizes.sum())
    own = counts.pairs[rows] * counts.whose + np.repeat(asking[hits], sizes)
    place = np.minimum(np.searchsorted(counts.each, own), len(counts.each) - 1)
    left = counts.pieces[rows] - (counts.each[place] == own)
    value[hits], support[hits] = _likeliest(counts.pairs[rows], left, starts)
    return value, support
