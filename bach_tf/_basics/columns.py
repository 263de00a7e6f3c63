"""Validation of the columns and the timed entries of a score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import is_number, is_whole


def whole_numbers(name: str, values: np.typing.ArrayLike, dimensions: int = 1) -> np.ndarray:
    """Return the values as a new int64 array.

    Args:
        name: the argument's name, for the error message.
        values: the integers.
        dimensions: expected number of dimensions.

    Raises:
        ValueError: if the number of dimensions differs or a value is not an integer.
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


def whole_steps(name: str, steps: Iterable[int]) -> tuple[int, ...]:
    """Convert steps to a tuple of Python's integers.

    Raises:
        ValueError: if `steps` is not a list of whole numbers.
    """
    steps = tuple(steps) if isinstance(steps, Iterable) else (steps,)
    if not all(map(is_whole, steps)):
        raise ValueError(f"`{name}` must be whole numbers. Received: {shortened(steps)}")
    return tuple(map(int, steps))


def tuples(name: str, places: Iterable[Iterable]) -> tuple[tuple, ...]:
    """Convert a list of lists, as JSON stores them, to tuples.

    Raises:
        ValueError: if `places` is not a list of lists.
    """
    try:
        return tuple(map(tuple, places))
    except TypeError:
        raise ValueError(
            f"`{name}` must be a list of `(step, ...)`. Received: {shortened(places)}"
        ) from None


def check_places(name: str, places: tuple[tuple, ...], what: str, size: int, length: int) -> None:
    """Check entries `(step, ...)`, such as tempi or metres: increasing steps, positive values.

    Args:
        name: the argument's name, for the error message.
        places: the entries.
        what: what the values are, in words.
        size: length of each entry; with three, all values must be integers.
        length: length of the piece in steps.

    Raises:
        ValueError: if steps do not increase or lie outside the piece, or a value is invalid.
    """
    for place in places:
        if len(place) != size or not all(map(_is_above_0, place[1:])):
            raise ValueError(f"`{name}` must be steps with {what} above 0. Received: {place}")
        if not all(map(is_whole, place[: size if size > 2 else 1])):
            whole = "whole numbers" if size > 2 else "at whole steps"
            raise ValueError(f"`{name}` must be {whole}. Received: {place}")
    steps = [place[0] for place in places]
    in_order = all(before < after for before, after in pairwise(steps))
    if not in_order or any(not 0 <= step <= length for step in steps):
        raise ValueError(
            f"`{name}` must be at increasing steps within 0..{length}. Received: {places}"
        )


def check_keys(name: str, places: tuple[tuple, ...], length: int) -> None:
    """Check key changes `(step, sharps)`: increasing steps, all after the beginning.

    Args:
        name: the argument's name, for the error message.
        places: the entries.
        length: length of the piece in steps.

    Raises:
        ValueError: if a key signature is invalid, or steps are not increasing or outside the piece.
    """
    for place in places:
        if len(place) != 2 or not is_whole(place[0]) or not is_key(place[1]):
            raise ValueError(f"`{name}` must be steps with sharps in -7..7. Received: {place}")
    steps = [step for step, _ in places]
    if steps != sorted(set(steps)) or any(not 0 < step <= length for step in steps):
        raise ValueError(
            f"`{name}` must be at increasing steps within 1..{length}. Received: {places}"
        )


def check_spans(name: str, spans: tuple[tuple, ...], length: int, voices: int) -> None:
    """Check spans `(start, end, voice)`, such as pedals.

    Args:
        name: the argument's name, for the error message.
        spans: the entries.
        length: length of the piece in steps.
        voices: maximum number of voices.

    Raises:
        ValueError: if a span is empty or lies outside the piece, or its voice is out of range.
    """
    for span in spans:
        if len(span) != 3 or not all(map(is_whole, span)):
            raise ValueError(f"`{name}` must be triples of whole numbers. Received: {span}")
        start, end, voice = span
        if not 0 <= start < end <= length or not 0 <= voice < voices:
            raise ValueError(
                f"`{name}` must have 0 <= start < end <= {length} and a voice below {voices}. "
                f"Received: {span}"
            )


def is_key(sharps: object) -> bool:
    """Return whether a number of sharps (negative: flats) is a valid key signature."""
    return is_whole(sharps) and -7 <= sharps <= 7  # type: ignore[operator]


def _is_above_0(number) -> bool:
    return is_number(number) and 0 < number < math.inf
