"""Pitch names: C4 is middle C, MIDI number 60."""

from __future__ import annotations

import re

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
HIGHEST_NUMBER = 127
NOTE = re.compile(r"([A-G])([#b]?)(-?[0-9])")
ACCIDENTALS = {"": 0, "#": 1, "b": -1}


def note_name(pitch: int) -> str:
    """Return the name of a pitch, with sharps for black keys.

    Args:
        pitch: MIDI number, 0..127.

    Raises:
        ValueError: if the number is out of range.

    Example:
        >>> note_name(60), note_name(61), note_name(0)
        ('C4', 'C#4', 'C-1')
    """
    if not 0 <= pitch <= HIGHEST_NUMBER:
        raise ValueError(f"A pitch must be in 0..{HIGHEST_NUMBER}. Received: {pitch}")
    octave, degree = divmod(int(pitch), 12)
    return f"{NAMES[degree]}{octave - 1}"


def note_number(name: str) -> int:
    """Return the MIDI number of a note given by name or number.

    Args:
        name: a letter A..G, an optional `#` or `b`, and the octave; or digits.

    Raises:
        ValueError: if it is not a note in 0..127.

    Example:
        >>> note_number("C4"), note_number("Bb3"), note_number("60")
        (60, 58, 60)
    """
    note = NOTE.fullmatch(name)
    if note:
        letter, accidental, octave = note.groups()
        number = NAMES.index(letter) + ACCIDENTALS[accidental] + 12 * (int(octave) + 1)
    else:
        number = int(name) if re.fullmatch("[0-9]{1,3}", name) else -1
    if not 0 <= number <= HIGHEST_NUMBER:
        raise ValueError(
            f"Expected a note such as C4, F#3 or Bb5 (C-1..G9), or a number in "
            f"0..{HIGHEST_NUMBER}. Received: {name!r}"
        )
    return number
