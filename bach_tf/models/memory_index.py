"""What most pieces of a memory do in each context, by the context's name.

It is made in NumPy, contexts of one kind and depth at a time, and read in NumPy by whole splits and
in a graph by a model that writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from keras import ops

from bach_tf.models.base import Tensor
from bach_tf.models.contexts import KINDS_OF_CONTEXT, OWN, VOICES
from bach_tf.models.tracing import outside_of_graphs
from bach_tf.models.whole_pieces import Contexts, Rows

SUPPORTS = 4  # one piece; all of several; two thirds of them; fewer
VALUES = 256


@dataclass(frozen=True, eq=False)
class Index:
    """Contexts in buckets, and what most pieces do next.

    Args:
        starts: int32 `(buckets,)`, where each begins. A context's first hash says in which it is.
        checks: int32 `(M + width,)`, the second hash of each context.
        answers: int16 `(M + width,)`, what is known of each.
        width: contexts in the fullest bucket.
    """

    starts: np.ndarray
    checks: np.ndarray
    answers: np.ndarray
    width: int

    @classmethod
    def of(cls, rows: Rows) -> Index:
        """Return the index of pieces."""
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
        # Bucket and place as one number: that sorts faster than it argsorts.
        both = np.sort((hashes[:, 0] % buckets).astype(np.int64) << 32 | np.arange(len(keys)))
        order = both & 0xFFFFFFFF
        sizes = np.bincount(both >> 32, minlength=buckets)
        width = int(sizes.max(initial=1))
        behind = np.zeros(width, np.int32)  # a bucket may be read beyond the last one
        return cls(
            (np.cumsum(sizes) - sizes).astype(np.int32),
            np.concatenate([hashes[order, 1], behind]),
            np.concatenate([known[order], behind.astype(np.int16)]),
            width,
        )

    def look_up_all(self, rows: Rows) -> np.ndarray:
        """Return what is known of the deepest context found, of each kind for each voice and step.

        Returns:
            int32 `(R, 4, 3)`: the kind of the find, times `VALUES`, and what follows; 0 for none.
        """
        found = np.zeros((len(rows.first), VOICES, KINDS_OF_CONTEXT), np.int32)
        for contexts in rows.contexts():
            asked = np.nonzero(contexts.there)
            here = found[:, contexts.voice, contexts.kind]
            np.maximum.at(here, asked[0], self._answers_to(contexts.keys[asked]))
        return found

    def _answers_to(self, keys):
        """Return what is known of contexts, 0 of those that there are not: int32 `(Q,)`."""
        first, check = keys.view(np.int32).reshape(-1, 2).T
        bucket = first % len(self.starts)
        place, found = self.starts[bucket], np.zeros(len(keys), np.int32)
        ends = np.append(self.starts[1:], len(self.checks) - self.width)[bucket]
        left = np.flatnonzero(place < ends)
        while len(left):
            hits = self.checks[place[left]] == check[left]
            met = left[hits]
            # Other contexts may be of the same name, in another kind: the deepest one counts.
            found[met] = np.maximum(found[met], self.answers[place[met]])
            place[left] += 1
            left = left[place[left] < ends[left]]
        return found

    def look_up(self, names: Tensor, there: Tensor) -> Tensor:
        """Return what is known of the deepest context that is found, 0 where none is.

        Args:
            names: int32 `(..., 8, 2)`, of contexts of several depths.
            there: bool `(..., 8)`, which of them there are.

        Returns:
            int32 `(...)`: the kind of the find, times `VALUES`, and what follows.
        """
        starts, checks, known = self._tensors
        # No slices of so many dimensions, which LiteRT does not have.
        first, check = ops.unstack(names, 2, axis=-1)
        start, check, there = (
            ops.expand_dims(x, -1)
            for x in (ops.take(starts, first % len(self.starts), axis=0), check, there)
        )
        places = start + np.arange(self.width, dtype=np.int32)  # (..., 8, width)
        hits = (ops.take(checks, places, axis=0) == check) & there
        found = ops.where(hits, ops.cast(ops.take(known, places, axis=0), "int32"), 0)
        return ops.max(found, axis=(-2, -1))

    @cached_property
    def _tensors(self):
        """Made once and for all: each graph would write megabytes of numbers into itself."""
        with outside_of_graphs():
            return [ops.convert_to_tensor(x) for x in (self.starts, self.checks, self.answers)]


def answers(level: int, value: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return as one number what is known of contexts, 0 where nothing is: int16 `(K,)`."""
    known = (1 + level * SUPPORTS + support) * VALUES + value
    return np.where(support >= 0, known, 0).astype(np.int16)


@dataclass(frozen=True, eq=False)
class Counts:
    """What follows contexts of one kind and depth, and in how many pieces.

    Args:
        keys: uint64 `(K,)`, the contexts that something follows, in order.
        pairs: int64 `(P,)`, of a context's number times `VALUES` and what follows, in order.
        pieces: int `(P,)`, in how many pieces each stands.
        first: int `(K,)`, the first pair of each context.
        each: int64 `(E,)`, the pairs with the pieces in which they stand: the pair times `whose`
            and the piece, in order.
        whose: number of pieces.
    """

    keys: np.ndarray
    pairs: np.ndarray
    pieces: np.ndarray
    first: np.ndarray
    each: np.ndarray
    whose: int


def counted(rows: Rows, contexts: Contexts) -> Iterator[tuple[int, np.ndarray, Counts]]:
    """Yield each depth, the keys of its contexts, and what follows them."""
    follows = rows.follows[:, contexts.voice, contexts.kind].astype(np.int64)
    whose = len(rows.ends)
    tails = follows * whose + rows.piece
    for level in range(len(OWN)):
        keys = np.ascontiguousarray(contexts.keys[:, level])
        kept = contexts.there[:, level] & (follows >= 0)
        yield level, keys, _counts(keys[kept], tails[kept], whose)


def _counts(keys, tails, whose):
    """Return what follows contexts, given with the pieces, as one number for each place."""
    order = np.argsort(keys)
    keys = keys[order]
    begins = _changes(keys)
    each = (np.cumsum(begins) - 1) * (VALUES * whose) + tails[order]
    several = ~(begins & np.append(begins[1:], True))  # contexts that stand once are in order
    each[several] = np.sort(each[several])
    each = each[_changes(each)]
    pairs = each // whose
    at = np.flatnonzero(_changes(pairs))
    pairs, pieces = pairs[at], np.diff(at, append=len(each))
    first = np.flatnonzero(_changes(pairs // VALUES))
    return Counts(keys[begins], pairs, pieces, first, each, whose)


def _changes(ordered):
    """Return where other numbers begin: bool."""
    changes = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
    return changes


def _likeliest(pairs, counts, starts):
    """Return what most pieces do and how sure that is, -1 where nothing is left to count.

    Args:
        pairs: int64 `(P,)`, contexts and what follows, those of a context side by side.
        counts: int `(P,)`, in how many pieces.
        starts: int `(K,)`, where each context begins.
    """
    if not len(pairs):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Of equally many the lower value counts.
    best = np.maximum.reduceat(counts * VALUES + VALUES - 1 - pairs % VALUES, starts)
    most, value = best // VALUES, VALUES - 1 - best % VALUES
    total = np.add.reduceat(counts, starts)
    support = np.where(most * 3 >= 2 * total, 2, 3)
    support = np.where(most == total, np.minimum(total - 1, 1), support)
    return value, support  # -1 for a total of 0


def in_other_pieces(rows: Rows) -> np.ndarray:
    """Return what is found for each step of each piece in all others: int32 `(R, 4, 3)`."""
    found = np.zeros((len(rows.first), VOICES, KINDS_OF_CONTEXT), np.int32)
    for contexts in rows.contexts():
        here = found[:, contexts.voice, contexts.kind]
        for level, keys, counts in counted(rows, contexts):
            asked = np.flatnonzero(contexts.there[:, level])
            value, support = _in_others(counts, keys[asked], rows.piece[asked])
            here[asked] = np.maximum(here[asked], answers(level, value, support))
    return found


def _in_others(counts, asked, asking):
    """Return what most other pieces do in contexts, and how sure that is.

    Args:
        counts: of all pieces.
        asked: uint64 `(Q,)`, the contexts that are looked up.
        asking: int `(Q,)`, the piece that does, which is left out.

    Returns:
        what follows, and 0 to 3 for the support, -1 where nothing is found: int64 `(Q,)` both.
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
