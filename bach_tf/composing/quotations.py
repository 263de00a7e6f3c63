"""Quotations: long passages that a new piece takes from the training split, in any key.

A model with a memory of other pieces goes on with a passage that it has begun to quote. Forbidding
the note that makes the quotation too long would leave an unlikely one in its place; a piece that
quotes is therefore drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.formats.grid_csv import VOICES

LONGEST = 32  # steps that a piece may quote: two bars of four quarters
TRIES = 8  # to draw a piece without a longer quotation
REST = -1000  # among pitches relative to a chord's; no two pitches are that far apart
SEEDS_APART = 1_000_003  # the seed of a piece's second try is not that of another user's first


class Quotations:
    """Finds passages longer than `LONGEST` steps that stand in some training piece.

    All four voices are the same there, rhythm included, up to a transposition.

    Args:
        pieces: of the training split, int `(T, 4)` each, ids of a `SatbCodec`.

    Example:
        >>> piece = np.arange(160).reshape(40, 4) % 30 + 4
        >>> quotations = Quotations([piece])
        >>> quotations.found_in(piece[:33] + 2), quotations.found_in(piece[:32] + 2)
        (True, False)
    """

    def __init__(self, pieces: Sequence[np.ndarray]):
        windows = [_windows(np.asarray(piece)) for piece in pieces]
        self._known = np.unique(np.concatenate([np.zeros(0, np.uint64), *windows]))

    def found_in(self, steps: np.ndarray) -> bool:
        """Return whether steps, int `(T, 4)` of ids, hold a passage that is too long."""
        return bool(np.isin(_windows(steps), self._known).any())

    def redrawn(
        self,
        batch: np.ndarray,
        given: int,
        seed: int,
        draw: Callable[[int, int], np.ndarray],
    ) -> np.ndarray:
        """Return a batch in which the pieces with quotations are drawn again.

        Args:
            batch: int32 `(N, 1 + L)`, ids of pieces, the start token first.
            given: tokens of their beginning that were given, and may be of a training piece.
            seed: with which the batch was drawn.
            draw: returns piece `n` of the batch for another seed: int32 `(1, 1 + L)`.

        Returns:
            the batch. A piece that has quotations in each of `TRIES` stays as it was drawn first.
        """
        pieces = list(batch)
        for number, piece in enumerate(batch):
            tries = iter(range(1, TRIES))
            while self._quotes(piece, given) and (chance := next(tries, None)):
                piece = draw(number, seed + chance * SEEDS_APART)[0]
            pieces[number] = piece if not self._quotes(piece, given) else batch[number]
        return np.stack(pieces)

    def _quotes(self, piece: np.ndarray, given: int) -> bool:
        music = piece[1 + given :]
        music = music[music >= SatbCodec.SILENT]
        return self.found_in(music[: len(music) // len(VOICES) * len(VOICES)].reshape(-1, 4))


def _windows(steps: np.ndarray) -> np.ndarray:
    """Return a number for each passage of `LONGEST + 1` steps: uint64 `(T - LONGEST,)`.

    Passages that are equal up to a transposition have the same number, others hardly ever.
    """
    if len(steps) <= LONGEST:
        return np.zeros(0, np.uint64)
    draws = np.random.default_rng(0).integers(1, 2**63, 2 * len(VOICES) + LONGEST, np.uint64)
    of_notes, of_places = np.split(draws * np.uint64(2) + np.uint64(1), [2 * len(VOICES)])
    # Whole numbers of 64 bits wrap around.
    symbols = _relative(steps).astype(np.uint64) @ of_notes
    mixed = (symbols ^ (symbols >> np.uint64(29))) * of_notes[0]
    return np.lib.stride_tricks.sliding_window_view(mixed, LONGEST) @ of_places


def _relative(steps: np.ndarray) -> np.ndarray:
    """Return each step and the one after it, relative to the first note of it: `(T - 1, 8)`."""
    sounds = steps > SatbCodec.SILENT
    first = np.take_along_axis(steps, sounds.argmax(axis=1)[:, None], axis=1)[:-1]
    both = np.concatenate([steps[:-1], steps[1:]], axis=1)
    return np.where(np.concatenate([sounds[:-1], sounds[1:]], axis=1), both - first, REST)
