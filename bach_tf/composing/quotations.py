"""Quotations: long passages of a new piece that are copied from the training split, in any key.

A model with a memory of other pieces tends to continue a passage that it has begun to quote.
Forbidding the note that makes the quotation too long would leave only unlikely notes; therefore the
whole piece is sampled again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.formats.grid_csv import VOICES

LONGEST = 32  # steps; longest allowed quotation: two bars of 4/4
TRIES = 8  # attempts to sample a piece without a longer quotation
REST = -1000  # stands for rests among relative pitches; larger than any interval
SEEDS_APART = 1_000_003  # distance of the seeds of attempts, unlike the seeds users choose


class Quotations:
    """Finds passages longer than `LONGEST` steps that occur in a training piece.

    All four voices have to match, including the rhythm, up to transposition.

    Args:
        pieces: the training split, int `(T, 4)` each, ids of a `SatbCodec`.

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
        """Return whether the steps, int `(T, 4)` of ids, contain a quotation that is too long."""
        return bool(np.isin(_windows(steps), self._known).any())

    def redrawn(
        self,
        batch: np.ndarray,
        given: int,
        seed: int,
        draw: Callable[[int, int], np.ndarray],
    ) -> np.ndarray:
        """Return a batch in which pieces with quotations are sampled again.

        Args:
            batch: int32 `(N, 1 + L)`, ids of pieces, with the start token first.
            given: number of given tokens at their beginning, which may come from a training piece.
            seed: seed of the batch.
            draw: samples piece `n` of the batch with another seed: int32 `(1, 1 + L)`.

        Returns:
            the batch. A piece with quotations in all `TRIES` attempts keeps its first version.
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
    """Return a hash of each passage of `LONGEST + 1` steps: uint64 `(T - LONGEST,)`.

    Passages that are equal up to transposition have the same hash; collisions are very rare.
    """
    if len(steps) <= LONGEST:
        return np.zeros(0, np.uint64)
    draws = np.random.default_rng(0).integers(1, 2**63, 2 * len(VOICES) + LONGEST, np.uint64)
    of_notes, of_places = np.split(draws * np.uint64(2) + np.uint64(1), [2 * len(VOICES)])
    # 64-bit integers wrap around.
    symbols = _relative(steps).astype(np.uint64) @ of_notes
    mixed = (symbols ^ (symbols >> np.uint64(29))) * of_notes[0]
    return np.lib.stride_tricks.sliding_window_view(mixed, LONGEST) @ of_places


def _relative(steps: np.ndarray) -> np.ndarray:
    """Return each pair of successive steps relative to its first note: `(T - 1, 8)`."""
    sounds = steps > SatbCodec.SILENT
    first = np.take_along_axis(steps, sounds.argmax(axis=1)[:, None], axis=1)[:-1]
    both = np.concatenate([steps[:-1], steps[1:]], axis=1)
    return np.where(np.concatenate([sounds[:-1], sounds[1:]], axis=1), both - first, REST)
