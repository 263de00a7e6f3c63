"""A piece as JSON: the fields of `Score` by their names, with the notes in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.formats.rendition import Rendition, Span
from bach_tf.score import VELOCITY, Part, Score
from bach_tf.studio.tasks.sizes import LONGEST_TEXT, MOST_STEPS_PER_QUARTER

MOST_NOTES = 50_000
MOST_STEPS = 1_000_000
MOST_PLACES = 10_000  # of tempi, metres and so on
NOTE = ("onset", "duration", "pitch", "voice", "velocity")  # a row of `notes`
ABOUT = ("length", "steps_per_quarter", "timing", "title", "key_signature", "upbeat")
PLACES = ("tempi", "metres", "key_changes", "fermatas", "pedals")
KNOWN = (*ABOUT, *PLACES, "parts", "notes")


def to_json(score: Score) -> dict[str, Any]:
    """Return a score as plain data, as `from_json` takes it.

    Example:
        >>> piece = to_json(Score.from_grid([[67, 60]] * 4))
        >>> piece["notes"], piece["length"]
        ([[0, 4, 67, 0, 80], [0, 4, 60, 1, 80]], 4)
    """
    about: dict[str, Any] = {name: getattr(score, name) for name in ABOUT}
    about |= {name: _listed(getattr(score, name)) for name in PLACES}
    about["title"] = _sendable(score.title)
    about["parts"] = [asdict(part) | {"name": _sendable(part.name)} for part in score.parts]
    about["notes"] = np.stack([getattr(score, name) for name in NOTE], axis=1).tolist()
    return about


def from_json(piece: object) -> Score:
    """Return the score of plain data.

    Args:
        piece: a mapping with `notes`, rows of onset, duration, pitch, voice and velocity (80 if
            missing); `length`; and other fields of `Score` by name.

    Raises:
        ValueError: if it is no such mapping, a field is unknown or invalid, or the piece is too
            long.

    Example:
        >>> score = from_json({"notes": [[0, 4, 67, 0]], "length": 4})
        >>> len(score), score.length
        (1, 4)
    """
    about = mapping("piece", piece)
    check_names("piece", about, KNOWN)
    columns = _columns(about.get("notes", []))
    length = about.get("length", int((columns[0] + columns[1]).max(initial=0)))
    if isinstance(length, int) and length > MOST_STEPS:
        raise ValueError(
            f"Expected a piece of at most {MOST_STEPS:,} steps. Received: {shortened(length)}"
        )
    others = _about(about)
    try:
        return Score(**dict(zip(NOTE, columns)), length=length, **others)
    except TypeError as error:
        raise ValueError(f"The piece cannot be read: {error}") from None


def mapping(name: str, value: object) -> Mapping[str, Any]:
    """Return a value if it is an object of JSON; otherwise raise `ValueError`."""
    if not isinstance(value, Mapping):
        raise ValueError(f"`{name}` must be an object. Received: {shortened(value, quote=True)}")
    return value


def check_names(what: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise `ValueError` for unknown fields."""
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        raise ValueError(
            f"`{what}` has unknown fields: {shortened(', '.join(unknown))}. "
            f"Expected: {', '.join(known)}"
        )


def rendition_of(request: Mapping[str, Any], **how: Any) -> Rendition:
    """Return the rendition of a request.

    Args:
        request: `given`, if present, has rows of first step, end and voice of given notes.
        **how: other fields of the rendition.

    Raises:
        ValueError: if a span or field is invalid.
    """
    given = request.get("given")
    rows = _rows("given", [] if given is None else given, (3, 3), MOST_PLACES)
    spans: list[Span] = [(start, end, voice) for start, end, voice in rows]
    return Rendition(given=tuple(spans), **how)


def _columns(notes: object) -> np.ndarray:
    """Return the columns of notes: int64 `(5, N)`."""
    rows = _rows("notes", notes, (4, 5), MOST_NOTES)
    filled = [[*row, VELOCITY][: len(NOTE)] for row in rows]
    return np.array(filled, np.int64).reshape(-1, len(NOTE)).T


def _rows(name: str, rows: object, sizes: tuple[int, int], most: int) -> list[list[int]]:
    """Return rows of whole numbers, checked."""
    fewest, largest = sizes
    for number, row in enumerate(_list(name, rows, most)):
        if (
            not isinstance(row, list)
            or not fewest <= len(row) <= largest
            or not all(type(each) is int and abs(each) <= MOST_STEPS for each in row)
        ):
            size = f"{fewest}" if fewest == largest else f"{fewest} or {largest}"
            raise ValueError(
                f"`{name}`: row {number} must have {size} whole numbers. "
                f"Received: {shortened(row, quote=True)}"
            )
    return rows  # type: ignore[return-value]


def _about(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a score other than notes and length."""
    found = {name: about[name] for name in ABOUT if name in about and name != "length"}
    _check_text("title", found.get("title", ""))
    _check_text("timing", found.get("timing", ""))
    _check_size("steps_per_quarter", [found.get("steps_per_quarter", 1)], MOST_STEPS_PER_QUARTER)
    _check_size("upbeat", [found.get("upbeat", 0)])
    for name in PLACES:
        rows = _list(name, about.get(name, []), MOST_PLACES)
        found[name] = [tuple(row) if isinstance(row, list) else row for row in rows]
        for row in rows:
            _check_size(name, row if isinstance(row, list) else [row])
    if not all(type(step) is int and step >= 0 for step in found["fermatas"]):
        raise ValueError(
            f"`fermatas` must be whole numbers. Received: {shortened(found['fermatas'])}"
        )
    parts = _list("parts", about.get("parts", []), MOST_PLACES)
    return found | {"parts": [_part(part) for part in parts]}


def _part(part: object) -> Part:
    about = mapping("parts", part)
    check_names("parts", about, [field.name for field in fields(Part)])
    _check_text("name", about.get("name", ""))
    return Part(**about)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` must be text. Received: {shortened(value, quote=True)}")
    if value != _sendable(value):
        raise ValueError(
            f"`{name}` must be text of at most {LONGEST_TEXT:,} characters of Unicode. "
            f"Received: {shortened(value, quote=True)}"
        )


def _sendable(text: str) -> str:
    """Return a text without halves of characters, which JSON can hold and files cannot; cut."""
    return text.encode("utf-8", "replace").decode("utf-8")[:LONGEST_TEXT]


def _check_size(name: str, numbers: Sequence[object], most: int = MOST_STEPS) -> None:
    """Refuse numbers that no piece has, and that a file or a float cannot hold."""
    for number in numbers:
        if isinstance(number, int | float) and not abs(number) <= most:
            raise ValueError(
                f"`{name}` must have numbers of at most {most:,}. Received: {shortened(number)}"
            )


def _list(name: str, value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(
            f"`{name}` must be a list of at most {most:,}. Received: {shortened(value, quote=True)}"
        )
    return value


def _listed(places: Sequence[Any]) -> list[Any]:
    """Return places as lists instead of tuples."""
    return [list(place) if isinstance(place, tuple) else place for place in places]
