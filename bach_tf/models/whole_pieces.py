"""The contexts of whole pieces, in NumPy: what `contexts` names in a graph, for all of a memory.

Pieces stand behind one another in one row of steps, so that nothing is computed for padding, and
contexts of one kind come at a time. The names are those of `contexts.named`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import PAD, START
from bach_tf.models.contexts import (
    BELOW,
    HOLD,
    KINDS_OF_CONTEXT,
    LEVELS,
    SILENCED,
    UNCLEAR,
    VOICES,
    behind,
    contexts,
    interval,
    moves,
    names,
)
from bach_tf.models.repeats import LONGEST


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
        return moves(self.last, self.chords, self.first[:, None]).astype(np.int32)

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
            one = slice(voice, voice + 1)
            now = contexts(self.steps[:, one], self._held[:, one], self.start)
            own = behind(now, self.first)
            if voice == 0:
                melody = now
            # The first voice does not know yet what it does; the others know what it has done.
            known = melody if voice else own
            found, there = names(own, known, self.last, self.chords, one)
            keys = found[:, 0].astype(np.int32).view(np.uint64)[..., 0]
            for kind in range(KINDS_OF_CONTEXT):
                part = slice(kind * LEVELS, (kind + 1) * LEVELS)
                yield Contexts(
                    voice, kind, np.ascontiguousarray(keys[:, part]), there[:, 0, part] > 0
                )

    @cached_property
    def _held(self):
        """How long each note has been held: int32 `(R, 4)`."""
        place = np.arange(len(self.first), dtype=np.int32)[:, None]
        begins = self.first[:, None] | (self.chords != self.last)
        lengths = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
        return np.minimum(lengths, LONGEST).astype(np.int32)


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
