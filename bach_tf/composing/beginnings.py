"""The beginning of a piece, and which of its properties hold for the rest.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec
from bach_tf.composing.fitting import AS_IT_IS, Fit, read_for
from bach_tf.composing.primers import (
    find_primer,
    prompt_of,
    read_prompt,
    with_metre,
    with_upbeat,
)
from bach_tf.score import BEATS, Part, Score

METRE = re.compile(r"([1-9]\d?)/(1|2|4|8|16|32|64)")


@dataclass(frozen=True)
class Beginning:
    """The beginning of new pieces.

    Args:
        prompt: ids int32 `(1 + P,)`; the first one is the start token, or the id that precedes
            the passage.
        score: the same music with the metadata of its file, or as given by the user, from its
            first note on; `None` if there are only ids.
    """

    prompt: np.ndarray
    score: Score | None = None


@dataclass(frozen=True)
class Wish:
    """Bar lines as requested by a user, for files that do not give them.

    Args:
        metre: such as "3/4".
        upbeat: quarters before the first bar line.
    """

    metre: str | None = None
    upbeat: float | None = None


NO_WISH = Wish()


def beginning_of(codec: Codec, score: Score, length: int | None = None) -> Beginning:
    """Return a score as the beginning of new pieces.

    Args:
        codec: the run's codec.
        score: the primer, on the codec's grid.
        length: number of steps to use; all by default.

    Raises:
        ValueError: if the codec cannot encode the music.
    """
    return Beginning(prompt_of(codec, score, length), score.without_leading_silence())


def read_beginning(
    codec: Codec, primer: str | None, length: int | None = None, fit: Fit = AS_IT_IS
) -> Beginning:
    """Read a primer from a file or from tokens; without one, return the start token alone.

    Args:
        codec: the run's codec.
        primer: a file, or tokens of the codec separated by spaces.
        length: number of steps of the primer to use; all by default.
        fit: how the music of a file may be changed to fit.

    Raises:
        ValueError: as for `read_prompt`, or if the number of a tune is given without a file.
    """
    path = None if primer is None else find_primer(primer)
    if path is None and fit.tune is not None:
        raise ValueError(f"There is no file with a tune {fit.tune}. Give one as the primer.")
    if primer is None:
        return Beginning(np.array([codec.START], np.int32))
    if path is None:
        return Beginning(read_prompt(codec, primer, length))
    return beginning_of(codec, read_for(codec, path, fit), length)


def as_wished(codec: Codec, beginning: Beginning, wish: Wish) -> Beginning:
    """Apply the bar lines requested by a user to a beginning.

    Args:
        codec: the run's codec. If it has metre tokens, they are set, so that the model follows
            them; otherwise only the notation of the primer and its continuation changes.
        beginning: the beginning of the pieces.
        wish: the user's request.

    Raises:
        ValueError: if the metre is invalid or unknown to the run, the upbeat ends between two
            steps, or there is nothing they could apply to.

    Example:
        >>> from bach_tf.codecs import SatbCodec
        >>> chord = beginning_of(SatbCodec(), Score.from_grid([[67, 62, 59, 43]] * 4))
        >>> as_wished(SatbCodec(), chord, Wish("3/4", 1)).score.upbeat
        4
    """
    if wish == NO_WISH:
        return beginning
    if codec.timing != BEATS:
        raise ValueError("This run writes performances in seconds, which have no metre or upbeat.")
    steps = _upbeat_steps(codec, wish.upbeat)
    prompt, score = beginning.prompt, beginning.score
    if codec.metres:
        prompt = with_upbeat(codec, with_metre(codec, prompt, wish.metre), steps)
    elif len(prompt) == 1:
        asked = wish.metre if wish.metre is not None else f"an upbeat of {wish.upbeat:g} quarters"
        with_metre(codec, prompt, asked)  # raises: this run cannot choose it
    elif score is None:
        score = codec.decode(prompt[1:]).without_leading_silence()
    return Beginning(prompt, None if score is None else _barred(score, wish.metre, steps))


def _upbeat_steps(codec: Codec, quarters: float | None) -> int | None:
    if quarters is None:
        return None
    steps = quarters * codec.steps_per_quarter
    if steps != int(steps):
        raise ValueError(
            f"`upbeat` must be a multiple of 1/{codec.steps_per_quarter} of a quarter, which is a "
            f"step. Received: {quarters:g} quarters"
        )
    return int(steps)


def _barred(score: Score, metre: str | None, upbeat: int | None) -> Score:
    metres = score.metres or ((0, 4, 4),)
    if metre is not None:
        match = METRE.fullmatch(metre)
        if match is None:
            raise ValueError(f"Expected a metre such as 3/4 or 6/8, got {shortened(metre)}.")
        metres = ((0, int(match[1]), int(match[2])),)
    return replace(score, metres=metres, upbeat=score.upbeat if upbeat is None else upbeat)


def continued(score: Score, primer: Score | None) -> Score:
    """Apply the properties of a primer to the piece that continues it.

    Tempi, metres, upbeat, key and fermatas are taken from the primer, and names and instruments
    of the parts.

    Args:
        score: a piece that begins with the primer.
        primer: the part of the primer that was used, from its first note on; `None` if there is
            none.

    Example:
        >>> primer = Score.from_grid([[60]] * 2, metres=[(0, 3, 4)], key_signature=-1)
        >>> piece = continued(Score.from_grid([[60]] * 9), primer)
        >>> piece.metres, piece.key_signature
        (((0, 3, 4),), -1)
    """
    if primer is None:
        return score
    about: dict[str, Any] = {"parts": _parts(score, primer), "key_changes": primer.key_changes}
    if primer.key_signature is not None:
        about["key_signature"] = primer.key_signature
    if primer.metres:
        about |= {"metres": primer.metres, "upbeat": primer.upbeat}
    return replace(score, **about, tempi=primer.tempi, fermatas=primer.fermatas)


def _parts(score: Score, primer: Score) -> tuple[Part, ...]:
    """Return the parts of a piece, taken from the primer as far as it has them."""
    voices = max(score.voices, len(score.parts))
    own = [*score.parts, *[Part()] * (voices - len(score.parts))]
    named = len(primer.parts) <= voices  # otherwise several parts share a voice
    of_primer = [
        replace(part, name=(part.name if named else "") or own[voice].name)
        for voice, part in enumerate(primer.parts[:voices])
    ]
    return (*of_primer, *own[len(of_primer) :])
