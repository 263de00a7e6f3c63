"""Given parts of a piece token by token, the common form of all constraints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec
from bach_tf.score import Score

FREE = -1  # in tokens, and in a grid of pitches
ANY, BEGINS, HOLDS = range(3)  # relation of a cell to the previous one


@dataclass(frozen=True, eq=False)
class Constraints:
    """Constraints in the form used by the sampling loop.

    Args:
        allowed: bool `(L, V)`, the possible ids of each token.
        given: bool `(L,)`, the tokens that are constrained.
        links: int8 `(L,)`, `BEGINS` where a token must differ from the previous token of its voice,
            `HOLDS` where it must be equal, else `ANY`.
        ends: whether the end token must follow the last token.
        tonics: bool `(12,)`, the possible pitch classes of the tonic if the piece ends on it.
        last_onset: the step at which the last chord begins, according to the given notes; `None` if
            nothing is given in the last step, or there are no steps of several voices.
    """

    allowed: np.ndarray
    given: np.ndarray
    links: np.ndarray
    ends: bool
    tonics: np.ndarray | None = None
    last_onset: int | None = None


@dataclass(frozen=True, eq=False)
class GivenTokens:
    """The given tokens of a piece of any codec.

    Args:
        ids: ints `(L,)`, without start and end: the id of each given token, else `FREE`.
        ends: whether the piece must end after them.

    Raises:
        ValueError: if there are no tokens, or other numbers.

    Example:
        >>> GivenTokens([6, FREE, FREE, 13]).ids.tolist()
        [6, -1, -1, 13]
    """

    ids: np.ndarray
    ends: bool = False

    def __post_init__(self):
        ids = np.array(self.ids)
        if ids.ndim != 1 or not ids.size or ids.dtype.kind not in "iu" or ids.min() < FREE:
            raise ValueError(
                "Expected the ids of a piece in a row, "
                f"{FREE} for those that are free. Received: {shortened(self.ids)}"
            )
        object.__setattr__(self, "ids", ids.astype(np.int32))

    @classmethod
    def rewrite(cls, codec: Codec, score: Score, start: int, end: int) -> GivenTokens:
        """Give a whole piece except some steps of its codec.

        Args:
            codec: the run's codec.
            score: a score that the codec can encode.
            start: the first free step.
            end: the step after the last free one.

        Raises:
            ValueError: as the codec's `encode`, or if the steps are not in the piece.
        """
        ids = codec.encode(score)[1:-1]
        first, last = (codec.tokens_in(step) for step in (start, end))
        if not 0 <= start < end or last > ids.size:
            steps = (ids.size - codec.tokens_in(0)) // len(codec.may_follow)
            raise ValueError(
                f"Expected steps of the piece, 0..{steps}, the first before the last. "
                f"Received: {start}..{end}"
            )
        ids[first:last] = FREE
        return cls(ids, ends=True)

    @property
    def share(self) -> float:
        """Fraction of the tokens that are given."""
        return float((self.ids != FREE).mean())

    def constraints(self, codec: Codec) -> Constraints:
        """Return the constraints in the ids of a codec.

        Raises:
            ValueError: if an id is not in the vocabulary or not allowed at its position, or the
                piece ends within a step.
        """
        size, opening = self.ids.size, len(codec.opening)
        places = np.arange(size) - opening
        if size < opening or (size - opening) % len(codec.may_follow):
            raise ValueError(
                f"Expected whole steps of {len(codec.may_follow)} tokens behind the {opening} of "
                f"the opening. Received: {size} tokens"
            )
        followers = codec.may_follow[places % len(codec.may_follow)]
        followers[:, codec.END] = False
        followers[:opening] = codec.opening
        known = self.ids != FREE
        wrong = np.flatnonzero(known & ~_at(followers, self.ids))
        if wrong.size:
            number = int(self.ids[wrong[0]])
            name = codec.tokens[number] if number < codec.vocab_size else str(number)
            raise ValueError(
                f"Expected tokens of the codec, each where it may stand. Received: '{name}' as "
                f"token {wrong[0]} of {size}"
            )
        one = np.arange(codec.vocab_size) == self.ids[:, None]
        allowed = np.where(known[:, None], one, followers)
        return Constraints(allowed, known, np.zeros(size, np.int8), self.ends)


def _at(table: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return the entry of an id in each row of a table `(L, V)`; false outside of it."""
    inside = ids < table.shape[1]
    return table[np.arange(len(ids)), np.where(inside, ids, 0)] & inside
