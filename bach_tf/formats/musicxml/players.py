"""The part list of a MusicXML file: names and instruments."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from bach_tf.score import HIGHEST_NUMBER, Part
from bach_tf.theory.instruments import PROGRAMS

PROGRAM_OF_NAME = {name.lower(): program for program, name in enumerate(PROGRAMS)}
NO_NAMES = ("MusicXML Part", "Part_1")  # placeholders that programs write
MIDDLE, RIGHT = 64, 127  # of MIDI's pan
FULL_VOLUME, QUARTER_TURN = 100, 90  # of MusicXML's volume, in percent, and pan, in degrees
PERCUSSION = 10  # MIDI's channel of drums, counted from 1
FORTE = 90  # the velocity that MusicXML dynamics of 100 stand for


@dataclass
class Listed:
    """An entry of the part list.

    Args:
        id: of the part.
        name: as it is printed; "" where there is none.
        instruments: by their ids, in order.
        drums: whether all of them play on MIDI's channel of drums.
    """

    id: str
    name: str = ""
    instruments: dict[str, Part] = field(default_factory=dict)
    drums: bool = False

    def part(self) -> Part:
        """Return the first instrument with the name of the part."""
        first = next(iter(self.instruments.values()), Part())
        program = _program_named(self.name) if first.program is None else first.program
        return Part(self.name or first.name, program, first.volume, first.pan)


def listed_parts(root: Element) -> dict[str, Listed]:
    """Return the entries of the part list by id."""
    found = {}
    for element in root.iterfind("part-list/score-part"):
        name = text_of(element, "part-name")
        listed = Listed(element.get("id", ""), "" if name in NO_NAMES else name)
        for instrument in element.iterfind("score-instrument"):
            name = text_of(instrument, "instrument-name")
            listed.instruments[instrument.get("id", "")] = Part(name, _program_named(name))
        for midi in element.iterfind("midi-instrument"):
            id = midi.get("id", "")
            name = listed.instruments.get(id, Part()).name
            listed.instruments[id] = _instrument(name, midi, listed.instruments.get(id, Part()))
        listed.drums = _are_drums(element, listed.name)
        found[listed.id] = listed
    return found


def _are_drums(element: Element, name: str) -> bool:
    """Return whether a part is of drums: by its channels, unless its name is of an instrument."""
    channels = [text_of(each, "midi-channel") for each in element.iterfind("midi-instrument")]
    return {*channels} == {str(PERCUSSION)} and _program_named(name) is None


def _program_named(name: str) -> int | None:
    """Return the General MIDI program of a name such as "Violin 2"; `None` for other names."""
    return PROGRAM_OF_NAME.get(name.rstrip(" 0123456789").lower())


def _instrument(name: str, midi: Element, named: Part) -> Part:
    program = _decimal(text_of(midi, "midi-program"))
    volume, pan = (_decimal(text_of(midi, tag)) for tag in ("volume", "pan"))
    return Part(
        name,
        program=named.program if program is None else _bounded(program - 1),
        volume=None if volume is None else _bounded(volume * HIGHEST_NUMBER / FULL_VOLUME),
        pan=None if pan is None else _pan(pan),
    )


def _pan(degrees: float) -> int:
    """Return MIDI pan for degrees: -90 is left, 0 front, 90 right; positions behind are clipped."""
    side = RIGHT - MIDDLE if degrees > 0 else MIDDLE
    return _bounded(MIDDLE + degrees * side / QUARTER_TURN)


def volume_in_percent(volume: int) -> str:
    """Convert a MIDI volume to percent, with enough digits to convert it back."""
    return f"{volume * FULL_VOLUME / HIGHEST_NUMBER:.4g}"


def pan_in_degrees(pan: int) -> str:
    """Convert MIDI pan to degrees, with enough digits to convert it back."""
    side = RIGHT - MIDDLE if pan > MIDDLE else MIDDLE
    return f"{(pan - MIDDLE) * QUARTER_TURN / side:.4g}"


def dynamics_of(velocity: int) -> str:
    """Convert a velocity to MusicXML dynamics, in percent of forte."""
    return f"{velocity * 100 / FORTE:.4g}"


def velocity_of(dynamics: float) -> int:
    """Convert MusicXML dynamics to a velocity.

    Example:
        >>> velocity_of(float(dynamics_of(81)))
        81
    """
    return max(_bounded(dynamics * FORTE / 100), 1)


def text_of(element: Element, path: str) -> str:
    """Return the stripped text of a descendant; "" if there is none."""
    return (element.findtext(path) or "").strip()


def _bounded(number: float) -> int:
    return min(max(round(number), 0), HIGHEST_NUMBER)


def _decimal(text: str) -> float | None:
    sign = text[:1] in ("-", "+")
    digits = text[sign:].replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        return None
    return float(text)
