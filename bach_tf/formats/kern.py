"""Tunes in Humdrum `**kern`: files of one spine, one note at a time.

Read are the metre, the key signature, notes and rests with their dots, ties, bar lines and the
title (`!!!OTL`). Grace notes are left out, and so is what does not sound, such as phrase marks.
Repeats are taken as printed, not played.

Source: the Humdrum user guide and the **kern reference, https://www.humdrum.org/rep/kern/
"""

from __future__ import annotations

import re
from fractions import Fraction

from bach_tf.formats.tunes import SEMITONES, SHARPS_ORDER, Tune, read_meter
from bach_tf.score import Score

TITLE = re.compile(r"!!!OTL[^:]*:(.*)")
KEY_SIGNATURE = re.compile(r"\*k\[([a-g#-]*)\]")
SILENT = re.compile(r"[{}()';LJkK/\\^~\"]")  # phrases, slurs, beams, stems, articulation
NOTE = re.compile(
    r"(?P<length>\d{1,3})(?P<dots>\.{0,3})"
    r"(?:r+|(?P<name>([A-Ga-g])\4{0,4})(?P<alteration>#{1,2}|-{1,2}|n)?)"
)
ALTERATION = {None: 0, "n": 0, "#": 1, "##": 2, "-": -1, "--": -2}


def read_kern(text: str) -> Score:
    r"""Read one tune.

    Args:
        text: of a file with one `**kern` spine.

    Raises:
        OffGridError: the tune cannot be written in sixteenths.
        ValueError: no tune in `**kern`, more than one spine, or a token that this reader does
            not know, as `row N: expected ..., got ...`.

    Example:
        >>> score = read_kern("**kern\n*M3/4\n4d\n=1\n4.g\n8a\n4f#\n=2\n2.g\n==\n*-")
        >>> score.pitch.tolist(), score.duration.tolist(), score.upbeat
        ([62, 67, 69, 66, 67], [4, 6, 2, 4, 12], 4)
    """
    rows = [(row, line.rstrip("\r")) for row, line in enumerate(text.split("\n"), start=1)]
    tune = Tune()
    for row, line in _spine(rows):
        try:
            _read_data(tune, line)
        except ValueError as error:
            raise ValueError(f"row {row}: {error}") from None
    return tune.score(**_about(rows))


def _spine(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the rows from `**kern` to `*-` that hold data: notes, rests and bar lines."""
    filled = [(row, line) for row, line in rows if line.strip() and not line.startswith("!")]
    if not filled or not filled[0][1].startswith("**kern"):
        first = filled[0][1] if filled else "an empty file"
        raise ValueError(f"expected a file in Humdrum **kern, got {first[:40]!r}")
    data = []
    for row, line in filled:
        if "\t" in line:
            raise ValueError(f"row {row}: expected one **kern spine, got {line.count(chr(9)) + 1}")
        if line == "*-":
            break
        if not line.startswith("*"):
            data.append((row, line))
    return data


def _about(rows: list[tuple[int, str]]) -> dict:
    """Return the title, the key signature and the metre; the first where they change."""
    about: dict = {"title": "", "key_signature": None, "time_signature": None}
    for _, line in reversed(rows):
        title, key = TITLE.match(line), KEY_SIGNATURE.match(line)
        if title:
            about["title"] = title[1].strip()
        elif key:
            about["key_signature"] = _sharps_of(key[1])
        elif line.startswith("*M") and line[2:3].isdigit():
            about["time_signature"] = read_meter(line[2:])
    return about


def _sharps_of(names: str) -> int | None:
    """Return the sharps (flats are negative) of `f#c#`; `None` for a set of another kind."""
    letters = "".join(names[::2])
    if names == "".join(f"{letter}#" for letter in SHARPS_ORDER[: len(letters)]):
        return len(letters)
    if names == "".join(f"{letter}-" for letter in SHARPS_ORDER[::-1][: len(letters)]):
        return -len(letters)
    return None


def _read_data(tune: Tune, line: str) -> None:
    """Add the note or the bar line of one row."""
    if line.startswith("="):
        tune.end_bar()
    elif line != "." and "q" not in line.lower():  # nothing new, or a grace note
        token = SILENT.sub("", line)
        note = NOTE.fullmatch(re.sub(r"[\[\]_]", "", token))
        if note is None:
            raise ValueError(f"expected one note or rest such as 4.ff#, got {line[:40]!r}")
        tune.add(_quarters(note), _pitch(note), tied="]" in token or "_" in token)


def _quarters(note: re.Match) -> Fraction:
    length = note["length"]
    # A whole note is 1; 0 is twice as long, and 00 four times.
    whole = Fraction(2 ** len(length)) if not int(length) else Fraction(1, int(length))
    return 4 * whole * (2 - Fraction(1, 2 ** len(note["dots"])))


def _pitch(note: re.Match) -> int | None:
    name = note["name"]
    if name is None:
        return None
    octaves = len(name) - 1 if name.islower() else -len(name)
    return 60 + 12 * octaves + SEMITONES[name[0].lower()] + ALTERATION[note["alteration"]]
