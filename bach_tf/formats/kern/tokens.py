"""Tokens of `**kern`: notes, rests and interpretations."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from bach_tf.formats.notation.sheet import in_ticks
from bach_tf.formats.notation.text import SEMITONES, SHARPS_ORDER

KEY_SIGNATURE = re.compile(r"\*k\[([a-g#-]*)\]")
# Phrases, slurs, beams, stems, articulation, ornaments and user-defined signs are ignored.
SILENT = re.compile(r"[^\d.%a-gA-G#\-nr\[\]_]")
NOTE = re.compile(
    r"(?P<length>\d{1,4})(?P<parts>%\d{1,4})?(?P<dots>\.{0,3})"
    r"(?:r+|(?P<name>([A-Ga-g])\5{0,4})(?P<alteration>#{1,2}|-{1,2}|n)?)"
)
UNMEASURED = re.compile(r"(?P<name>([A-Ga-g])\2{0,4})(?P<alteration>#{1,2}|-{1,2}|n)?")
ALTERATION = {None: 0, "n": 0, "#": 1, "##": 2, "-": -1, "--": -2}
# General MIDI programs of the `*I` codes that the collections use.
PROGRAMS = {
    "vox": 52, "soprn": 52, "mezzo": 52, "calto": 52, "alto": 52, "tenor": 52, "barit": 52,
    "bass": 52, "cantus": 52, "piano": 0, "cemba": 6, "clavi": 7, "organ": 19, "harm": 20,
    "guitr": 24, "lute": 24, "violn": 40, "viola": 41, "cello": 42, "cbass": 43, "harp": 46,
    "tromp": 56, "tromb": 57, "tuba": 58, "cor": 60, "oboe": 68, "cangl": 69, "fagot": 70,
    "clars": 71, "clara": 71, "clarb": 71, "picco": 72, "flt": 73, "fltda": 74,
}  # fmt: skip


class Token(NamedTuple):
    """A note or a rest.

    Args:
        quarters: its duration.
        pitch: MIDI number; `None` for a rest.
        from_tie: whether a tie leads into it.
        fermata: whether it has a fermata.
    """

    quarters: Fraction
    pitch: int | None
    from_tie: bool
    fermata: bool


def read_tokens(field: str) -> list[Token]:
    """Return the notes of a chord, or a single note or rest.

    Args:
        field: of a row; the notes of a chord are separated by spaces, and only the first needs a
            duration.

    Raises:
        ValueError: an invalid token.

    Example:
        >>> [token.pitch for token in read_tokens("4.c 4.e-;")]
        [60, 63]
    """
    tokens: list[Token] = []
    for text in field.split() or [field]:
        kept = SILENT.sub("", text)
        plain = re.sub(r"[\[\]_]", "", kept)
        note = NOTE.fullmatch(plain)
        unmeasured = UNMEASURED.fullmatch(plain) if tokens and note is None else None
        if note is None and unmeasured is None:
            raise ValueError(f"expected a note or rest such as 4.ff#, got {text[:40]!r}")
        quarters = tokens[0].quarters if note is None else _quarters(note)
        pitch = _pitch(note or unmeasured)
        tokens.append(Token(quarters, pitch, "]" in kept or "_" in kept, ";" in text))
    return tokens


def is_grace(field: str) -> bool:
    """Return whether a field is a grace note."""
    return "q" in field.lower()


def sharps_of(names: str) -> int | None:
    """Return the sharps (flats are negative) of `f#c#`; `None` for other sets of accidentals."""
    letters = "".join(names[::2])
    if names == "".join(f"{letter}#" for letter in SHARPS_ORDER[: len(letters)]):
        return len(letters)
    if names == "".join(f"{letter}-" for letter in SHARPS_ORDER[::-1][: len(letters)]):
        return -len(letters)
    return None


def _quarters(note: re.Match) -> Fraction:
    length = note["length"]
    # 1 is a whole note, 0 a breve, 00 a longa; 3%2 is two thirds of a whole note.
    whole = Fraction(2 ** len(length)) if not int(length) else Fraction(1, int(length))
    if note["parts"] and int(length):
        whole *= int(note["parts"][1:])
    return in_ticks(4 * whole * (2 - Fraction(1, 2 ** len(note["dots"]))))


def _pitch(note: re.Match | None) -> int | None:
    name = note["name"] if note else None
    if note is None or name is None:
        return None
    octaves = len(name) - 1 if name.islower() else -len(name)
    return 60 + 12 * octaves + SEMITONES[name[0].lower()] + ALTERATION[note["alteration"]]
