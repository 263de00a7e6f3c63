"""Primers and lengths as given by users, converted to ids and steps.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

import difflib
import re
from itertools import islice
from pathlib import Path

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec, parse_tokens
from bach_tf.composing.fitting import AS_IT_IS, Fit, read_for
from bach_tf.formats import READERS
from bach_tf.score import Score

FROM_CORPUS = "corpus"  # a primer drawn at random from the corpus
# An ending of three letters or more: chords of tokens may end in ".Eb4".
METRE = re.compile(r"\d+/\d+\b")  # tokens of a tune may begin like this, which is not a path
FILE_ENDING = re.compile(r"\.([a-z]{3,8}|[A-Z]{3,8}|mp[34])$")
NEIGHBOURS = 10_000  # files searched for the correct spelling of a name


def read_prompt(
    codec: Codec, primer: str, length: int | None = None, fit: Fit = AS_IT_IS
) -> np.ndarray:
    """Return the ids of a primer given as a file or as tokens: int32 `(1 + P,)`.

    Args:
        codec: the run's codec.
        primer: a file with an ending in `READERS`, or tokens separated by spaces.
        length: number of steps of the primer to use; all by default.
        fit: how the music of a file may be changed to fit.

    Raises:
        ValueError: if the file cannot be read, the codec does not know the music or a token, or
            tokens are out of order.
    """
    path = find_primer(primer)
    if path is None:
        prompt = _typed_prompt(codec, primer)
    else:
        prompt = prompt_of(codec, read_for(codec, path, fit))
    return _cut(codec, prompt, length)


def prompt_of(codec: Codec, score: Score, length: int | None = None) -> np.ndarray:
    """Return the ids of the beginning of a score: int32 `(1 + P,)`.

    Args:
        codec: the run's codec. If it has metre tokens, a missing or unknown metre becomes the
            most frequent one.
        score: the primer.
        length: number of steps to use; all by default.

    Raises:
        ValueError: if the codec cannot encode the music.
    """
    prompt = codec.encode(score)[:-1]
    opening = slice(1, 1 + len(codec.opening))
    unknown = prompt[opening] == codec.unknown
    if unknown.any():
        prompt[opening] = np.where(unknown, codec.opening.argmax(axis=1), prompt[opening])
        prompt = _renumbered(codec, prompt)
    return _cut(codec, prompt, length)


def with_metre(codec: Codec, prompt: np.ndarray, metre: str | None) -> np.ndarray:
    """Return a prompt with another metre.

    Args:
        codec: the run's codec.
        prompt: ids int32 `(1 + P,)`.
        metre: such as "3/4"; `None` leaves it unchanged.

    Raises:
        ValueError: if the codec does not know the metre, or has no metre tokens.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> codec = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0])
        >>> codec.tokens[with_metre(codec, np.array([codec.START]), "3/4")[1]]
        '3/4'
    """
    if metre is None:
        return prompt
    if not codec.metres:
        raise ValueError(
            f"The pieces of this run have no metre token, so {shortened(metre)} cannot be "
            "chosen. Newer runs of the folk songs have one."
        )
    names = {f"{beats}/{value}": number for number, (beats, value) in enumerate(codec.metres)}
    number = codec.opening[0].argmax() + choose(names, metre, "metre")
    chosen = np.concatenate([prompt[:1], [number], prompt[2:]]).astype(np.int32)
    return _renumbered(codec, chosen)


def with_upbeat(codec: Codec, prompt: np.ndarray, upbeat: int | None) -> np.ndarray:
    """Return a prompt with another upbeat.

    Args:
        codec: the run's codec, with tokens for metre and upbeat.
        prompt: ids int32 `(1 + P,)`, with a metre after the start token.
        upbeat: in steps; `None` leaves it unchanged.

    Raises:
        ValueError: if the codec does not know the upbeat, or there is no metre before it.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> codec = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0, 4])
        >>> prompt = with_metre(codec, np.array([codec.START]), "3/4")
        >>> codec.tokens[with_upbeat(codec, prompt, 4)[2]]
        'upbeat:4'
    """
    if upbeat is None:
        return prompt
    if len(prompt) == 1:
        raise ValueError("An upbeat needs a metre. Give one too, such as --metre 3/4.")
    first = codec.opening[1].argmax()
    names = {name: first + number for number, name in enumerate(codec.tokens[first:])}
    chosen = [choose(names, f"upbeat:{upbeat}", "upbeat, in sixteenths,")]
    return _renumbered(codec, np.concatenate([prompt[:2], chosen, prompt[3:]]).astype(np.int32))


def find_primer(primer: str) -> Path | None:
    """Return the file that a primer refers to; `None` for tokens and for `FROM_CORPUS`.

    Raises:
        ValueError: if it looks like a file that does not exist or cannot be read.
    """
    if primer == FROM_CORPUS:
        return None
    path = Path(primer)
    if not _is_file(path) and (METRE.match(primer) or not _looks_like_a_file(primer)):
        return None
    _check_primer(path)
    return path


def check_room(codec: Codec, prompt: np.ndarray, length: int) -> None:
    """Check that a piece will be longer than its prompt.

    Args:
        codec: the run's codec.
        prompt: ids int32 `(1 + P,)`.
        length: length of the piece, in steps.

    Raises:
        ValueError: if no step is requested, or the prompt leaves no room.
    """
    if length < 1:
        raise ValueError(f"`length` must be at least 1. Received: {length}")
    steps = max(0, -(-(len(prompt) - 1 - len(codec.opening)) // len(codec.may_follow)))
    if steps >= length:
        raise ValueError(
            f"The primer has {steps} steps, but the piece only {length}. "
            "Ask for a longer piece, or give a shorter primer."
        )


def steps_of(codec: Codec, length: int | None, bars: int | None, default: int) -> int:
    """Return the requested length in steps of a codec.

    Args:
        codec: defines a step.
        length: in steps, if given.
        bars: in bars of 4/4, if given.
        default: in steps, if neither is given.

    Raises:
        ValueError: if both are given, or bars although steps have no fixed duration.
    """
    if length is not None and bars is not None:
        raise ValueError("Give the length either in steps or in bars, not both.")
    if bars is None:
        return default if length is None else length
    if codec.steps_per_bar is None:
        raise ValueError(
            f"This run writes {codec.step_name}s, which differ in duration. "
            f"Give the length in {codec.step_name}s instead of bars."
        )
    return bars * codec.steps_per_bar


def _check_primer(path: Path) -> None:
    """Raise `ValueError` unless the file exists and its format can be read."""
    said, endings = shortened(path), ", ".join(READERS)
    if _is_file(path):
        try:
            choose(READERS, path.suffix.lower(), "kind of primer")
        except ValueError as error:
            raise ValueError(f"{said}: {error}") from None
        return
    if path.suffix.lower() in READERS or not path.is_dir():
        near = _near_names(path)
        hint = f" Did you mean {near}?" if near else ""
        raise ValueError(
            f"{said} does not exist. Expected a primer: a file ({endings}), tokens, or the word "
            f"{FROM_CORPUS}.{hint}"
        )
    raise ValueError(f"{said} is a folder. Expected a primer: a file in it ({endings}).")


def _looks_like_a_file(primer: str) -> bool:
    return "/" in primer or "\\" in primer or FILE_ENDING.search(primer) is not None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # tokens can be longer than any file name
        return False


def _near_names(path: Path) -> str:
    """Return similar file names beside a missing one, for a message."""
    try:
        beside = islice(path.parent.iterdir(), NEIGHBOURS)
        names = [file.name for file in beside if file.suffix.lower() in READERS]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name[:255], names, n=2)
    return " or ".join(str(path.with_name(name)) for name in near)


def _typed_prompt(codec, text: str) -> np.ndarray:
    """Return the ids of typed tokens, checking the order of their kinds."""
    try:
        prompt = parse_tokens(codec, text)
    except ValueError as error:
        endings = ", ".join(READERS)
        raise ValueError(
            f"{error} A primer may also be a file ({endings}) or the word {FROM_CORPUS}."
        ) from None
    prompt = _opened(codec, prompt)
    opening, period = len(codec.opening), len(codec.may_follow)
    kinds = [*("metre", "upbeat")[:opening], *codec.voice_names]
    for position, token in enumerate(prompt[1:]):
        step = codec.may_follow[(position - opening) % period]
        allowed = codec.opening[position] if position < opening else step
        if token == codec.END or not allowed[token]:
            raise ValueError(
                f"Expected tokens of these kinds in this order: {', '.join(kinds)}. "
                f"Received: {codec.tokens[token]!r} as number {position + 1}"
            )
    return _renumbered(codec, prompt)


def _opened(codec, prompt: np.ndarray) -> np.ndarray:
    """Prepend the most frequent opening to typed tokens that have none."""
    if not len(codec.opening) or codec.opening[:, prompt[1:2]].any():
        return prompt
    usual = codec.opening.argmax(axis=1)
    return np.concatenate([prompt[:1], usual, prompt[1:]]).astype(np.int32)


def _renumbered(codec, prompt: np.ndarray) -> np.ndarray:
    """Recompute the bar positions of hold tokens after the opening has changed."""
    has_steps = prompt.size > 1 + len(codec.opening)
    return codec.encode(codec.decode(prompt))[:-1] if len(codec.opening) and has_steps else prompt


def _cut(codec, prompt: np.ndarray, length: int | None) -> np.ndarray:
    return prompt if length is None else prompt[: 1 + codec.tokens_in(length)]
