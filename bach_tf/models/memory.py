"""A memory of the training split: continuations of the same context in other pieces.

An index maps each context in the memory (`contexts`) to its most frequent continuation. A training
piece must find neither itself nor a copy of itself in another key. For training, the results are
therefore counted in advance, without the piece and its copies.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import PAD
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH
from bach_tf.models.base import Tensor
from bach_tf.models.contexts import BELOW, OWN, SILENCED, UNCLEAR, UNISON, VOICES
from bach_tf.models.index_files import kept_index
from bach_tf.models.memory_index import SUPPORTS, VALUES, Index, in_other_pieces
from bach_tf.models.whole_pieces import Rows


class Memory:
    """Pieces, with an index of their continuations of each context.

    Args:
        pieces: int32 `(T, 4)` each, ids of a `SatbCodec`, below 256.

    Example:
        >>> memory = Memory([np.array([[40, 35, 32, 20], [42, 35, 30, 23]], np.int32)])
        >>> len(Memory.from_text(memory.to_text()).pieces)
        1
    """

    VOICES = VOICES
    HIGHEST = SatbCodec(LOWEST_PITCH, HIGHEST_PITCH).vocab_size - 1  # of the ids

    def __init__(self, pieces: Sequence[np.ndarray]):
        self.pieces = [np.asarray(piece, np.int32) for piece in pieces]

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """Read a memory from the text of `to_text`.

        Raises:
            ValueError: if the text does not contain a memory.
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
        """Return the memory of notes `(M, 4)` in which a row of padding ends each piece."""
        ends = np.flatnonzero((notes == PAD).all(axis=1))
        return cls([notes[start:end] for start, end in zip([0, *(ends + 1)], ends)])

    def to_notes(self) -> np.ndarray:
        """Return all pieces, each followed by a row of padding: uint8 `(M, 4)`."""
        end = np.full((1, VOICES), PAD, np.uint8)
        rows = [part for piece in self.pieces for part in (piece.astype(np.uint8), end)]
        return np.concatenate(rows) if rows else np.zeros((0, VOICES), np.uint8)

    @cached_property
    def index(self) -> Index:
        """The most frequent continuation of each context, built on first use."""
        return kept_index(self.to_notes(), lambda: Index.of(Rows(self.pieces)))

    def in_other_pieces(self) -> list[np.ndarray]:
        """Look up each step of each piece in all other pieces.

        Returns:
            int32 `(T + 1, 4, 3)` each, as returned by `Index.look_up`; the last row is the step
            after the piece.
        """
        rows = Rows(self.pieces)
        return rows.split(in_other_pieces(rows))

    def found_for(self, pieces: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Look up each step of pieces that are not in the memory.

        Args:
            pieces: int32 `(T, 4)` each, ids.

        Returns:
            as `in_other_pieces`.
        """
        rows = Rows(pieces)
        return rows.split(self.index.look_up_all(rows))


def changes_matched(found: np.ndarray) -> np.ndarray:
    """Return the number of changes in the longest context found, 0 for none.

    Args:
        found: int32 `(..., 3)`, as returned by `Index.look_up` for each kind of context.

    Returns:
        int `(...)`.
    """
    changes = np.stack([OWN, *BELOW[..., 0]])  # (3, levels)
    level = (found // VALUES - 1) // SUPPORTS
    matched = np.where(found > 0, changes[np.arange(len(changes)), level], 0)
    return matched.max(axis=-1)


@lru_cache(maxsize=2)
def remembered(text: str) -> Memory:
    """Return the memory of a text; cached, since its index takes seconds to build."""
    return Memory.from_text(text)


def follow(found: Tensor, last: Tensor, below: Tensor, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Return the candidate ids from the results of a lookup, and their kinds.

    Args:
        found: int32 `(..., 3)`, as returned by `Index.look_up` for each kind of context.
        last: int32 `(...)`, the notes of the previous step.
        below: int32 `(...)`, the reference of the intervals of the other kinds: for the first voice
            its last note, for the others the note of the first voice in this step.
        vocab_size: size of the vocabulary.

    Returns:
        ids, int32 `(..., 3)`, and kinds; the last note and kind 0 where nothing is found.
    """
    kind, value = found // VALUES, found % VALUES
    last = last[..., None]
    origin = ops.concatenate([last, *[below[..., None]] * len(BELOW)], axis=-1)
    moved, silent = origin + value - UNISON, SatbCodec.SILENT
    ids = ops.where(value > UNCLEAR, moved, ops.where(value == SILENCED, silent, last))
    sounds = (origin > silent) & (moved > silent) & (moved < vocab_size)
    useful = (kind > 0) & (sounds | (value <= UNCLEAR))
    return ops.where(useful, ids, last), ops.where(useful, kind, 0)
