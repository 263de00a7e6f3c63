"""The contexts of whole pieces, in NumPy: what `contexts` names in a graph, for all of a memory.

Pieces stand behind one another in one row of steps, so that nothing is computed for padding, and
contexts of one kind come at a time. The names are those of `contexts.named`, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import PAD, START
from bach_tf.models.contexts import (
    ALONE,
    BASES,
    BELOW,
    CHORD,
    DEEPEST,
    FACTORS,
    HOLD,
    INVERSES,
    OWN,
    SALTS,
    SILENCED,
    UNCLEAR,
    VOICES,
    interval,
    moves,
)
from bach_tf.models.repeats import LONGEST

_FACTORS, _SALTS = FACTORS.view(np.uint32), SALTS.view(np.uint32)
_FIRST_DEPTHS = sorted({*OWN, *BELOW[..., 0].flat})  # of the first voice, which all others ask for


@dataclass(frozen=True, eq=False)
class Contexts:
    """The contexts of one kind for one voice, at each step.

    Args:
        voice: number of the voice.
        kind: number of the kind.
        keys: uint64 `(R, 8)`, both hashes of each as one number.
        there: bool `(R, 8)`, which contexts exist.
    """

    voice: int
    kind: int
    keys: np.ndarray
    there: np.ndarray


class Rows:
    """The steps of all pieces in one sequence, with an extra step after each piece.

    Copies in any key count as one piece, because a piece would otherwise find its own continuation
    in its copy.

    Args:
        pieces: int32 `(T, 4)` each, ids.
    """

    def __init__(self, pieces: Sequence[np.ndarray]):
        lengths = np.array([len(piece) + 1 for piece in pieces], np.intp)
        self.ends = np.cumsum(lengths)
        rows = int(lengths.sum())
        self.chords = np.full((rows, VOICES), PAD, np.int32)  # (R, 4)
        for end, piece in zip(self.ends, pieces):
            self.chords[end - 1 - len(piece) : end - 1] = piece
        self.piece = np.repeat(originals(pieces), lengths)
        self.start = np.repeat(self.ends - lengths, lengths)  # the first row of the piece
        self.first = self.start == np.arange(rows)
        self.inside = np.ones(rows, bool)  # except the extra steps
        self.inside[self.ends - 1] = False
        self.last = np.where(self.first[:, None], START, np.roll(self.chords, 1, axis=0))

    def split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Split an array `(R, ...)` into one part for each piece."""
        return np.split(rows, self.ends[:-1]) if len(self.ends) else []

    @cached_property
    def steps(self) -> np.ndarray:
        """What each voice does: int32 `(R, 4)`, as `contexts.moves` says."""
        return moves(self.last, self.chords, self.first[:, None])

    @cached_property
    def follows(self) -> np.ndarray:
        """What follows each kind of context: int32 `(R, 4, 3)`, -1 where it cannot be named."""
        steps = self.steps
        own = np.where((steps == HOLD) | (steps == SILENCED) | (steps > UNCLEAR), steps, -1)
        apart = interval(self.chords[:, :1], self.chords)
        below = np.where((apart == SILENCED) | (apart > UNCLEAR), apart, -1)
        below[:, 0] = own[:, 0]
        follows = np.stack([own, *[below] * len(BELOW)], axis=-1)
        return np.where(self.inside[:, None, None], follows, -1)

    def contexts(self) -> Iterator[Contexts]:
        """Yield all contexts, those of a voice and kind at a time."""
        for voice in range(VOICES):
            depths = _FIRST_DEPTHS if voice == 0 else OWN
            now = self._lately(self.steps[:, voice], depths)
            before = self._one_behind(*now)
            if voice == 0:
                first_now, first_before = now, before
            names, there = _chosen(before, depths, OWN)
            yield self._named(voice, 0, names, there)
            # The first voice does not know yet what it does; the others know what it has done.
            lately = first_now if voice else first_before
            for kind, counting in enumerate(BELOW):
                names, there = _chosen(lately, _FIRST_DEPTHS, counting[:, 0])
                names = names + self._beside(voice, counting[:, 1])
                yield self._named(voice, 1 + kind, names, there)

    def _named(self, voice, kind, names, there):
        names = names * _FACTORS[0, 0] + _SALTS[voice, kind]
        return Contexts(voice, kind, np.ascontiguousarray(names).view(np.uint64)[..., 0], there)

    def _beside(self, voice, counting):
        """Return what else counts in the names of contexts below the first voice: `(R, 8, 2)`."""
        stands, alone = ((counting == which)[:, None].astype(np.uint32) for which in (CHORD, ALONE))
        stood = self._weighted(self.last, max(voice, 1))
        beside = stands * self._chord[:, None] + alone * stood[:, None]
        if voice > 1:
            known = _weighted(interval(self.chords[:, :1], self.chords[:, 1:voice]), 1, 1)
            beside += known[:, None]
        return beside

    @cached_property
    def _chord(self):
        return _weighted(interval(self.last[:, :1], self.last[:, 1:]), 0, 1)

    def _weighted(self, steps, partner):
        return _weighted(interval(steps[:, :1], steps[:, partner : partner + 1]), 1, VOICES)

    def _lately(self, steps, depths):
        """Return the hashes of a voice's last changes up to each row, and which there are.

        Args:
            steps: int32 `(R,)`, what it does.
            depths: how many changes, the fewest first.

        Returns:
            uint32 `(R, depths, 2)` and bool `(R, depths)`, as `contexts.contexts` has them.
        """
        place = np.arange(len(steps))
        sums = np.cumsum((steps + 1).astype(np.uint32)[:, None] * self._down, axis=0, dtype="u4")
        before = np.concatenate([np.zeros((1, 2), np.uint32), sums])
        begins = np.maximum.accumulate(np.where((steps != HOLD) | self.first, place, 0))
        linked = place - begins + 1 < LONGEST
        begin, there, hashes, exist = begins, linked, [], []
        for depth in range(1, DEEPEST + 1):
            if depth in depths:
                hashes.append((sums - before[begin]) * self._up)
                exist.append(there)
            there = there & (begin > self.start) & linked[begin - 1]
            begin = begins[begin - 1]
        return np.stack(hashes, axis=1), np.stack(exist, axis=1)

    def _one_behind(self, hashes, there):
        """Return what stood at the row before, and which there are: none at first."""
        return np.roll(hashes, 1, axis=0), np.roll(there, 1, axis=0) & ~self.first[:, None]

    @cached_property
    def _up(self):
        return _powers(BASES.view(np.uint32), len(self.first))

    @cached_property
    def _down(self):
        return _powers(INVERSES.view(np.uint32), len(self.first))


def originals(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each piece the number of the first one with the same music in any key.

    Silence before and after the music is ignored.

    Args:
        pieces: int `(T, 4)` each, ids.

    Returns:
        int `(P,)`.

    Example:
        >>> air = np.array([[40, 35, 32, 20], [42, 35, 30, 23]])
        >>> originals([air, air[::-1], air + 2]).tolist()
        [0, 1, 0]
    """
    first: dict[bytes, int] = {}
    numbers = [first.setdefault(_music(piece), at) for at, piece in enumerate(pieces)]
    return np.array(numbers, np.intp)


def _music(piece):
    """Return the ids of a piece from its first to its last note, relative to the lowest."""
    sounds = piece > SatbCodec.SILENT
    places = np.flatnonzero(sounds.any(axis=1))
    if not len(places):
        return b""
    music, sounds = (x[places[0] : places[-1] + 1] for x in (piece, sounds))
    lowest = music[sounds].min()
    return np.where(sounds, music - lowest, -1).astype(np.int32).tobytes()


def _powers(bases, count):
    """Return the first powers of two numbers modulo 2^32: uint32 `(count, 2)`."""
    factors = np.tile(bases, (count, 1))
    factors[:1] = 1
    return np.cumprod(factors, axis=0, dtype=np.uint32)


def _chosen(found, depths, wanted):
    """Return the hashes of some depths, and which there are."""
    hashes, there = found
    at = np.searchsorted(depths, wanted)
    return hashes[:, at], there[:, at]


def _weighted(distances, row, first):
    """Return one number for some distances: uint32 `(R, 2)`; see `contexts`."""
    codes = (distances + 1).astype(np.uint32)
    factors = _FACTORS[row, first : first + distances.shape[1]]
    return sum(codes[:, n, None] * factor for n, factor in enumerate(factors))
