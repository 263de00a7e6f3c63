"""What a piece begins with, and what of it holds for all that follows.

No TensorFlow here: a mistake is reported before it is loaded.
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
    """What pieces begin with.

    Args:
        prompt: ids int32 `(1 + P,)`; the first is the start token or what stands before the others.
        score: what a file, or a user, says of the same music, from its first note on; `None` where
            there is nothing but the ids.
    """

    prompt: np.ndarray
    score: Score | None = None


@dataclass(frozen=True)
class Wish:
    """Where the bar lines are to stand, which a file may not say.

    Args:
        metre: such as "3/4".
        upbeat: quarters before the first bar line.
    """

    metre: str | None = None
    upbeat: float | None = None


NO_WISH = Wish()


def beginning_of(codec: Codec, score: Score, length: int | None = None) -> Beginning:
    """Return a score as the beginning of pieces.

    Args:
        codec: of the run.
        score: the primer, on the codec's grid.
        length: use only this many steps of it; all of it when `None`.

    Raises:
        ValueError: music that the codec does not know.
    """
    return Beginning(prompt_of(codec, score, length), score.without_leading_silence())


def read_beginning(
    codec: Codec, primer: str | None, length: int | None = None, fit: Fit = AS_IT_IS
) -> Beginning:
    """Return a primer that is a file or tokens; the start alone where there is none.

    Args:
        codec: of the run.
        primer: a file, or tokens of the codec, separated by spaces.
        length: use only this many steps of the primer; all of it when `None`.
        fit: how the music of a file may be changed so that it fits.

    Raises:
        ValueError: as `read_prompt`; the number of a tune without a file.
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
    """Return a beginning whose bar lines stand where a user wants them.

    Args:
        codec: of the run. Where its pieces say their metre, the model goes by the wish; where not,
            the wish says how a primer is barred, and so what follows.
        beginning: of the pieces.
        wish: of the user.

    Raises:
        ValueError: a metre that cannot be or that the run does not know, an upbeat that ends
            between two steps, or nothing that could have either.

    Example:
        >>> from bach_tf.codecs import SatbCodec
        >>> chord = beginning_of(SatbCodec(), Score.from_grid([[67, 62, 59, 43]] * 4))
        >>> as_wished(SatbCodec(), chord, Wish("3/4", 1)).score.upbeat
        4
    """
    if wish == NO_WISH:
        return beginning
    if codec.timing != BEATS:
        raise ValueError("This run writes performances, in seconds: they have no metre and upbeat.")
    steps = _upbeat_steps(codec, wish.upbeat)
    prompt, score = beginning.prompt, beginning.score
    if codec.metres:
        prompt = with_upbeat(codec, with_metre(codec, prompt, wish.metre), steps)
    elif len(prompt) == 1:
        asked = wish.metre if wish.metre is not None else f"an upbeat of {wish.upbeat:g} quarters"
        with_metre(codec, prompt, asked)  # which says that it cannot be chosen
    elif score is None:
        score = codec.decode(prompt[1:]).without_leading_silence()
    return Beginning(prompt, None if score is None else _barred(score, wish.metre, steps))


def _upbeat_steps(codec: Codec, quarters: float | None) -> int | None:
    if quarters is None:
        return None
    steps = quarters * codec.steps_per_quarter
    if steps != int(steps):
        raise ValueError(
            f"`upbeat` must be of whole steps, 1/{codec.steps_per_quarter} of a quarter each. "
            f"Received: {quarters:g} quarters"
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
    """Return a new piece with what its primer says of it, which holds for what follows.

    Tempi, metres, upbeat, key and fermatas are those of the primer; the parts have its names and
    instruments.

    Args:
        score: that begins with the primer.
        primer: as far as it was used, from its first note on; `None` for none.

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
    """Return the parts of a piece: as the primer has them, as far as it has them."""
    voices = max(score.voices, len(score.parts))
    own = [*score.parts, *[Part()] * (voices - len(score.parts))]
    named = len(primer.parts) <= voices  # else one voice stands for several
    of_primer = [
        replace(part, name=(part.name if named else "") or own[voice].name)
        for voice, part in enumerate(primer.parts[:voices])
    ]
    return (*of_primer, *own[len(of_primer) :])
