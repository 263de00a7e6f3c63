"""What other pieces did in the same place: a memory of the training split.

An index knows for each context that occurs in the memory (`contexts`) what most pieces do next. A
piece of the training split must not find itself: for training what is found is counted once, each
piece's own places left out.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import PAD, START
from bach_tf.models.base import Tensor
from bach_tf.models.contexts import (
    BELOW,
    SILENCED,
    UNCLEAR,
    UNISON,
    VOICES,
    named,
    values,
)

SUPPORTS = 4  # one piece; all of several; two thirds of them; fewer
VALUES = 256


class Memory:
    """Pieces, and the index of what they do in each context.

    Args:
        pieces: int32 `(T, 4)` each, ids of a `SatbCodec` below 256.

    Example:
        >>> memory = Memory([np.array([[40, 35, 32, 20], [42, 35, 30, 23]], np.int32)])
        >>> len(Memory.from_text(memory.to_text()).pieces)
        1
    """

    VOICES = VOICES

    def __init__(self, pieces: Sequence[np.ndarray]):
        self.pieces = [np.asarray(piece, np.int32) for piece in pieces]
        self._index: Index | None = None

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """Return the memory of `to_text`.

        Raises:
            ValueError: the text is of no memory.
        """
        try:
            content = zlib.decompress(base64.b64decode(text)) if text else b""
            notes = np.frombuffer(content, np.uint8)
            return cls.from_notes(notes.reshape(-1, VOICES))
        except (ValueError, zlib.error) as error:
            raise ValueError(f"Expected the text of a memory. Received: {error}") from None

    def to_text(self) -> str:
        """Return the pieces as text, for a config."""
        return base64.b64encode(zlib.compress(self.to_notes().tobytes(), 9)).decode("ascii")

    @classmethod
    def from_notes(cls, notes: np.ndarray) -> Memory:
        """Return the memory of notes `(M, 4)`, each piece ended by a row of padding."""
        ends = np.flatnonzero((notes == PAD).all(axis=1))
        return cls([notes[start:end] for start, end in zip([0, *(ends + 1)], ends)])

    def to_notes(self) -> np.ndarray:
        """Return all pieces, a row of padding behind each: uint8 `(M, 4)`."""
        end = np.full((1, VOICES), PAD, np.uint8)
        rows = [part for piece in self.pieces for part in (piece.astype(np.uint8), end)]
        return np.concatenate(rows) if rows else np.zeros((0, VOICES), np.uint8)

    @property
    def index(self) -> Index:
        """What most pieces do in each context."""
        if self._index is None:
            names, there, values, piece = self._named
            kept = np.nonzero(there & (values >= 0)[..., None])
            self._index = Index(
                names[kept], kept[-1], values[kept[:-1]], np.broadcast_to(piece, there.shape)[kept]
            )
        return self._index

    def in_other_pieces(self) -> list[np.ndarray]:
        """Return what is found for each step of each piece in all others.

        Returns:
            int32 `(T + 1, 4, 3)` each, as `Index.look_up` gives it; the last row is the step
            behind the piece.
        """
        names, there, values, piece = self._named
        found = np.zeros(values.shape, np.int32)
        for voice, kind, level in np.ndindex(*there.shape[2:]):
            here = found[..., voice, kind]
            at = (slice(None), slice(None), voice, kind, level)
            asked, follows = there[at], values[..., voice, kind]
            kept = asked & (follows >= 0)
            numbers = np.broadcast_to(piece[..., 0, 0, 0], asked.shape)
            value, support = most(
                joined(names[at][kept]),
                follows[kept],
                numbers[kept],
                joined(names[at][asked]),
                numbers[asked],
            )
            here[asked] = np.maximum(here[asked], answers(level, support, value))
        return [rows[: len(piece) + 1] for rows, piece in zip(found, self.pieces)]

    def found_for(self, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what is found for each step of pieces that are not in the memory.

        Args:
            pieces: int32 `(T, 4)` each, ids.

        Returns:
            as `in_other_pieces`.
        """
        found = self.index.look_up(*named(*map(ops.convert_to_tensor, _padded(pieces)))[:2])
        rows = ops.convert_to_numpy(found)
        return [part[: len(piece) + 1] for part, piece in zip(rows, pieces)]

    @cached_property
    def _named(self):
        """Return the names of all contexts, which there are, what follows, and in which piece."""
        last, chords = _padded(self.pieces)
        longest = chords.shape[1] - 1
        names, there, steps = named(ops.convert_to_tensor(last), ops.convert_to_tensor(chords))
        follows = ops.convert_to_numpy(values(last, ops.convert_to_tensor(chords), steps))
        lengths = np.array([len(piece) for piece in self.pieces], int)[:, None]
        inside = np.arange(longest + 1) < lengths
        # What comes behind a piece is asked for and follows nothing.
        follows = np.where(inside[..., None, None], follows, -1)
        asked = np.arange(longest + 1) <= lengths
        there = ops.convert_to_numpy(there) & asked[:, :, None, None, None]
        number = np.arange(len(self.pieces)).reshape(-1, 1, 1, 1, 1)
        return ops.convert_to_numpy(names), there, follows, number


def _padded(pieces):
    """Return the steps before and those of pieces, one behind them too: int32 `(P, T + 1, 4)`."""
    longest = max(map(len, pieces), default=0)
    chords = np.full((len(pieces), longest + 1, VOICES), PAD, np.int32)
    for rows, piece in zip(chords, pieces):
        rows[: len(piece)] = piece
    begin = np.full_like(chords[:, :1], START)
    return np.concatenate([begin, chords[:, :-1]], axis=1), chords


@lru_cache(maxsize=2)
def remembered(text: str) -> Memory:
    """Return the memory of a text, made once: its index takes seconds."""
    return Memory.from_text(text)


class Index:
    """Contexts by name, and what most pieces do next.

    Args:
        names: int32 `(M, 2)`, of contexts, once for each place in the memory.
        levels: int `(M,)`, their place among those of their kind.
        values: int `(M,)`, what follows.
        pieces: int `(M,)`, in which piece.
    """

    def __init__(
        self, names: np.ndarray, levels: np.ndarray, values: np.ndarray, pieces: np.ndarray
    ):
        keys, first, rank = np.unique(joined(names), return_index=True, return_inverse=True)
        pairs, counts, _ = counted(rank, values, pieces)
        starts = np.searchsorted(pairs // VALUES, np.arange(len(keys)))
        value, support = _likeliest(pairs, counts, starts)
        self.buckets = max(len(keys) // 2, 1) | 1
        bucket = names[first, 0] % self.buckets
        order = np.argsort(bucket, kind="stable")
        starts = np.searchsorted(bucket[order], np.arange(self.buckets)).astype(np.int32)
        self.width = int(np.diff(starts, append=len(keys)).max(initial=1))
        behind = np.zeros(self.width, np.int32)  # a bucket may be read beyond the last one
        checks = np.concatenate([names[first, 1][order], behind])
        found = np.concatenate([answers(levels[first], support, value)[order], behind])
        # Tensors, once and for all: each graph would write megabytes of numbers into itself.
        self.starts, self.checks, self.answers = map(
            ops.convert_to_tensor, (starts, checks, found.astype(np.int32))
        )

    def look_up(self, names: Tensor, there: Tensor) -> Tensor:
        """Return what is known of the deepest context that is found, 0 where none is.

        Args:
            names: int32 `(..., 8, 2)`, of contexts of several depths.
            there: bool `(..., 8)`, which of them there are.

        Returns:
            int32 `(...)`: the kind of the find, times `VALUES`, and what follows.
        """
        start = ops.take(self.starts, names[..., 0] % self.buckets, axis=0)
        places = start[..., None] + np.arange(self.width, dtype=np.int32)  # (..., 8, width)
        hits = (ops.take(self.checks, places, axis=0) == names[..., 1:]) & there[..., None]
        found = ops.where(hits, ops.take(self.answers, places, axis=0), 0)
        return ops.max(ops.max(found, axis=-1), axis=-1)


def joined(names: np.ndarray) -> np.ndarray:
    """Return both hashes of contexts as one number: int64 `(...)`."""
    names = names.astype(np.int64)
    return names[..., 0] << 32 | names[..., 1] & 0xFFFFFFFF


def answers(level: np.ndarray | int, support: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return as one number what is known of contexts; 0 or less where nothing is."""
    known = (1 + level * SUPPORTS + support) * VALUES + value
    return np.where(support >= 0, known, 0).astype(np.int32)


def counted(
    rank: np.ndarray, values: np.ndarray, pieces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of a context and what follows it, and in how many pieces they stand.

    Returns:
        the pairs, int64 in order: the context's number times `VALUES`, and what follows; the
        number of pieces of each; and all pairs with their pieces, in order.
    """
    whose = int(pieces.max(initial=0)) + 1
    all_pairs = np.unique((rank.astype(np.int64) * VALUES + values) * whose + pieces)
    pairs, counts = np.unique(all_pairs // whose, return_counts=True)
    return pairs, counts, all_pairs


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


def most(
    keys: np.ndarray,
    values: np.ndarray,
    pieces: np.ndarray,
    asked: np.ndarray,
    asking: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what most other pieces do in contexts, and how sure that is.

    Args:
        keys: int64 `(M,)`, contexts in the memory.
        values: int `(M,)`, what follows.
        pieces: int `(M,)`, in which piece.
        asked: int64 `(Q,)`, the contexts that are looked up.
        asking: int `(Q,)`, the piece that does, which is left out.

    Returns:
        what follows, and 0 to 3 for the support, -1 where nothing is found: int64 `(Q,)` both.
    """
    value, support = np.zeros(len(asked), np.int64), np.full(len(asked), -1)
    if not len(keys):
        return value, support
    known, rank = np.unique(keys, return_inverse=True)
    pairs, counts, all_pairs = counted(rank, values, pieces)
    whose = int(pieces.max()) + 1
    bounds = np.searchsorted(pairs // VALUES, np.arange(len(known) + 1))
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    hits = np.flatnonzero(known[at] == asked)
    at = at[hits]
    sizes = bounds[at + 1] - bounds[at]
    starts = np.cumsum(sizes) - sizes
    rows = np.repeat(bounds[at] - starts, sizes) + np.arange(sizes.sum())
    own = pairs[rows] * whose + np.repeat(asking[hits], sizes)
    place = np.minimum(np.searchsorted(all_pairs, own), len(all_pairs) - 1)
    left = counts[rows] - (all_pairs[place] == own)
    value[hits], support[hits] = _likeliest(pairs[rows], left, starts)
    return value, support


def follow(found: Tensor, last: Tensor, below: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Return the ids that finds stand for, and their kinds.

    Args:
        found: int32 `(..., 3)`, what `Index.look_up` returns for each kind of context.
        last: int32 `(...)`, the notes of the step before.
        below: int32 `(...)`, from where a find of the other kinds counts: of the first voice its
            last note, of the others what the first voice does in this step.
        vocab_size: number of ids.

    Returns:
        ids int32 `(..., 3)`, the last note where nothing is found, and kinds, 0 there.
    """
    kind, value = found // VALUES, found % VALUES
    last = last[..., None]
    origin = ops.concatenate([last, *[below[..., None]] * len(BELOW)], axis=-1)
    moved, silent = origin + value - UNISON, SatbCodec.SILENT
    ids = ops.where(value > UNCLEAR, moved, ops.where(value == SILENCED, silent, last))
    sounds = (origin > silent) & (moved > silent) & (moved < vocab_size)
    useful = (kind > 0) & (sounds | (value <= UNCLEAR))
    return ops.where(useful, ids, last), ops.where(useful, kind, 0)
