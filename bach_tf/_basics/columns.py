"""Columns of whole numbers, and places on a line of steps: what a score is checked with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import is_number, is_whole


def whole_numbers(name: str, values: np.typing.ArrayLike, dimensions: int = 1) -> np.ndarray:
    """Return values as a fresh int64 array.

    Args:
        name: of the argument, for the message.
        values: what came.
        dimensions: of the array.

    Raises:
        ValueError: other dimensions, or other than whole numbers.
    """
    array = np.array(values)
    if array.size == 0 and array.ndim == dimensions:
        return array.astype(np.int64)
    if array.ndim != dimensions or array.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be {dimensions}-dimensional and of whole numbers. "
            f"Received: shape={array.shape}, dtype={array.dtype}"
        )
    return array.astype(np.int64)


def tuples(name: str, places: Iterable[Iterable]) -> tuple[tuple, ...]:
    """Return a list of lists, as JSON has it, as tuples.

    Raises:
        ValueError: it is none.
    """
    try:
        return tuple(map(tuple, places))
    except TypeError:
        raise ValueError(
            f"`{name}` must be a list of `(step, ...)`. Received: {shortened(places)}"
        ) from None


def check_places(name: str, places: tuple[tuple, ...], what: str, size: int, length: int) -> None:
    """Check that each place is a step of a piece, after the one before, and numbers.

    Args:
        name: of the argument, for the message.
        places: `(step, ...)` each.
        what: the numbers are, in words.
        size: how long each place is; of three, all are whole numbers.
        length: steps of the piece.

    Raises:
        ValueError: steps out of order or of the piece, or numbers that cannot be.
    """
    for place in places:
        if len(place) != size or not all(map(_is_above_0, place[1:])):
            raise ValueError(f"`{name}` must be steps with {what} above 0. Received: {place}")
        if not all(map(is_whole, place[: size if size > 2 else 1])):
            whole = "of whole numbers" if size > 2 else "at whole steps"
            raise ValueError(f"`{name}` must be {whole}. Received: {place}")
    steps = [place[0] for place in places]
    in_order = all(before < after for before, after in pairwise(steps))
    if not in_order or any(not 0 <= step <= length for step in steps):
        raise ValueError(
            f"`{name}` must be in the order of their steps, which are in 0..{length}. "
            f"Received: {places}"
        )


def check_keys(name: str, places: tuple[tuple, ...], length: int) -> None:
    """Check that key signatures stand in order, after the beginning of a piece.

    Args:
        name: of the argument, for the message.
        places: step and sharps of each.
        length: steps of the piece.

    Raises:
        ValueError: sharps or flats that cannot be, or steps out of order or of the piece.
    """
    for place in places:
        if len(place) != 2 or not is_whole(place[0]) or not is_key(place[1]):
            raise ValueError(f"`{name}` must be steps with sharps in -7..7. Received: {place}")
    steps = [step for step, _ in places]
    if steps != sorted(set(steps)) or any(not 0 < step <= length for step in steps):
        raise ValueError(
            f"`{name}` must be in the order of their steps, which are in 1..{length}. "
            f"Received: {places}"
        )


def check_spans(name: str, spans: tuple[tuple, ...], length: int, voices: int) -> None:
    """Check that each span is from a step of a piece to a later one, in a voice.

    Args:
        name: of the argument, for the message.
        spans: start, end and voice of each.
        length: steps of the piece.
        voices: how many there may be.

    Raises:
        ValueError: a span out of the piece, or of a voice that cannot be.
    """
    for span in spans:
        if len(span) != 3 or not all(map(is_whole, span)):
            raise ValueError(f"`{name}` must be of three whole numbers. Received: {span}")
        start, end, voice = span
        if not 0 <= start < end <= length or not 0 <= voice < voices:
            raise ValueError(
                f"`{name}` must begin and end in 0..{length}, in this order, in a voice below "
                f"{voices}. Received: {span}"
            )


def is_key(sharps: object) -> bool:
    """Return whether a key signature can have so many sharps, or flats as a negative number."""
    return is_whole(sharps) and -7 <= sharps <= 7  # type: ignore[operator]


def _is_above_0(number) -> bool:
    return is_number(number) and 0 < number < math.inf
