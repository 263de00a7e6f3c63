"""The measures of a MusicXML part: notes with their times within the measure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from bach_tf._basics.messages import shortened
from bach_tf.formats.musicxml.players import text_of, velocity_of
from bach_tf.formats.musicxml.signs import signs_of
from bach_tf.formats.notation.sheet import (
    MOST_QUARTERS,
    PLAIN_BAR,
    Metre,
    Signs,
    beat_in_words,
    in_ticks,
)
from bach_tf.formats.notation.text import (
    MOST_BEATS,
    SEMITONES,
    SHORTEST_BEAT,
    SUMMED,
    UNMEASURED,
)
from bach_tf.formats.reading import Notices
from bach_tf.score import VELOCITY

NUMBER = re.compile(r"\d{1,9}(\.\d{1,6})?")
SIGNED = re.compile(r"[+-]?\d{1,4}(\.\d{1,6})?")
TUPLET = re.compile(r"[1-9]\d{0,2}")
PER_MINUTE = re.compile(r"\d{1,4}(\.\d{1,17})?")
# Quarters in note values.
VALUES = {
    name: Fraction(quarters)
    for name, quarters in {
        "breve": "8", "whole": "4", "half": "2", "quarter": "1",
        "eighth": "1/2", "16th": "1/4", "32nd": "1/8", "64th": "1/16", "128th": "1/32",
        "256th": "1/64", "512th": "1/128", "1024th": "1/256",
    }.items()
}  # fmt: skip
NO_TIME = "senza-misura"


class Placed(NamedTuple):
    """A note head; times are in quarters from the beginning of its measure."""

    start: Fraction
    end: Fraction
    pitch: int
    voice: str
    staff: int
    instrument: str
    from_tie: bool
    fermata: bool
    velocity: int


@dataclass
class Measure:
    """The content of a measure of a part.

    Args:
        number: as it is printed.
        upbeat: whether it is excluded from the count of measures.
        notes: its note heads.
        tempi: quarter notes per minute with their times.
        metre: the metre at its beginning; `None` if unknown.
        says_metre: whether a time signature stands at its beginning.
        later: time signatures within it or at its end, with their times.
        end: when its content ends; 0 if it is empty.
        resting: the notated duration of its whole-measure rest.
        signs: repeats, endings and jumps.
    """

    number: str
    upbeat: bool = False
    notes: list[Placed] = field(default_factory=list)
    tempi: list[tuple[Fraction, float]] = field(default_factory=list)
    metre: Metre | None = None
    says_metre: bool = False
    later: list[tuple[Fraction, Metre]] = field(default_factory=list)
    end: Fraction = Fraction(0)
    resting: Fraction = Fraction(0)
    signs: Signs = PLAIN_BAR


class PartReader:
    """Reads the measures of a part in order.

    Args:
        name: of the part, in words.
        notices: collects what is repaired or skipped.
    """

    def __init__(self, name: str, notices: Notices):
        self.name = name
        self.notices = notices
        self.divisions = Fraction(1)  # per quarter
        self.metre: Metre | None = None
        self.keys: list[tuple[int, Fraction, int]] = []  # measure, time in it, sounding key
        self.transposition = 0  # semitones from written to sounding pitch
        self.fifths = 0  # the same in fifths
        self.now = Fraction(0)
        self.last = Fraction(0)  # onset of the last note, shared by chord notes
        self.measure = Measure("")
        self.count = 0

    def read(self, element: Element, count: int) -> Measure:
        """Read a measure.

        Args:
            element: its XML element.
            count: its position among the measures, counted from 1.
        """
        self.count = count
        number = element.get("number", "").strip() or str(count)
        uncounted = element.get("implicit") == "yes" or number == "0"
        self.measure = Measure(number, uncounted, metre=self.metre, signs=signs_of(element))
        self.now = self.last = Fraction(0)
        for child in element:
            read = READ.get(child.tag)
            if read is not None:
                read(self, child)
        return self.measure

    def _place(self) -> str:
        """Return the current position in words."""
        where = beat_in_words(self.measure.number, self.now, self.metre)
        return f"{self.name}, {where}"

    def _fault(self, what: str, got: str = "") -> None:
        """Report a fault at the current position."""
        place = f"{self._place()}, '{shortened(got, 20)}'" if got else self._place()
        self.notices.fault(what, place)

    def _read_attributes(self, element: Element) -> None:
        divisions = element.findtext("divisions")
        if divisions is not None:
            self.divisions = self._number_of(divisions, "divisions") or self.divisions
        transpose = element.find("transpose")
        if transpose is not None:
            self._read_transposition(transpose)
        key = element.find("key")
        if key is not None:
            sharps = self._sounding_key(text_of(key, "fifths"))
            self.keys += [] if sharps is None else [(self.count - 1, self.now, sharps)]
        time = element.find("time")
        if time is not None:
            self._read_metre(time)

    def _read_transposition(self, transpose: Element) -> None:
        numbers = []
        for tag in ("chromatic", "diatonic", "octave-change"):
            text = text_of(transpose, tag) or "0"
            numbers.append(round(float(text)) if SIGNED.fullmatch(text) else 0)
        chromatic, diatonic, octaves = numbers
        self.transposition = chromatic + 12 * octaves
        if diatonic == 0:
            diatonic = round(chromatic * 7 / 12)
        self.fifths = 7 * chromatic - 12 * diatonic

    def _sounding_key(self, fifths: str) -> int | None:
        if not SIGNED.fullmatch(fifths):
            return None
        sharps = round(float(fifths)) + self.fifths
        return sharps if abs(sharps) <= 7 else None

    def _read_metre(self, time: Element) -> None:
        if time.find(NO_TIME) is not None:
            self.notices.remark(UNMEASURED, self._place())
            return
        pairs = [
            (text_of(beats, "."), text_of(value, "."))
            for beats, value in zip(time.iterfind("beats"), time.iterfind("beat-type"))
        ]
        metre = _sum_of([(_beats(beats), _beats(value)) for beats, value in pairs])
        if metre is None:
            self._fault(
                "time signatures that cannot be are left out", "/".join(*pairs[:1] or [("", "")])
            )
            return
        if len(pairs) > 1 or "+" in pairs[0][0]:
            self.notices.remark(SUMMED, self._place())
        self.metre = metre
        if self.now:
            self.measure.later.append((self.now, metre))
        else:
            self.measure.metre, self.measure.says_metre = metre, True

    def _read_note(self, note: Element) -> None:
        if note.find("grace") is not None:
            self.notices.remark("grace notes are left out", self._place())
            return
        if note.find("cue") is not None:
            self.notices.remark("cue notes are left out", self._place())
        duration = self._duration_of(note)
        in_chord = note.find("chord") is not None
        start = self.last if in_chord else self.now
        rest = note.find("rest")
        if rest is not None and rest.get("measure") == "yes":
            self.measure.resting = max(self.measure.resting, duration)
        elif rest is None and note.find("cue") is None:
            self._add(note, start, start + duration)
        if not in_chord:
            self.last = self.now
            self._move_to(start + duration, is_there=rest is None or rest.get("measure") != "yes")

    def _add(self, note: Element, start: Fraction, end: Fraction) -> None:
        """Add a note head unless it lacks a pitch or a duration."""
        pitch = self._pitch_of(note)
        if pitch is None or start == end:
            return
        ties = {tie.get("type") for tie in note.iterfind("tie")}
        ties = ties or {tied.get("type") for tied in note.iterfind("notations/tied")}
        instrument = note.find("instrument")
        self.measure.notes.append(
            Placed(
                start,
                end,
                pitch,
                voice=text_of(note, "voice") or "1",
                staff=int(self._number_of(note.findtext("staff") or "1", "staves") or 1),
                instrument="" if instrument is None else instrument.get("id", ""),
                from_tie=bool(ties & {"stop", "continue"}),
                fermata=note.find("notations/fermata") is not None,
                velocity=_velocity(note.get("dynamics", "")),
            )
        )

    def _pitch_of(self, note: Element) -> int | None:
        """Return the sounding pitch; `None` for drums and invalid pitches."""
        pitch = note.find("pitch")
        if pitch is None:
            self.notices.remark("notes without a pitch, as of drums, are left out", self._place())
            return None
        step, octave = text_of(pitch, "step").lower(), text_of(pitch, "octave")
        alter = text_of(pitch, "alter") or "0"
        if step not in SEMITONES or not SIGNED.fullmatch(octave) or not SIGNED.fullmatch(alter):
            self._fault("a note of no known pitch is left out")
            return None
        if float(alter) % 1:
            self.notices.remark("quarter tones are rounded to semitones", self._place())
        number = 12 * (round(float(octave)) + 1) + SEMITONES[step] + round(float(alter))
        number += self.transposition
        if not 0 <= number <= 127:
            self._fault("notes outside MIDI's pitches are left out")
            return None
        return number

    def _duration_of(self, element: Element) -> Fraction:
        """Return the duration of an element in quarters."""
        text = element.findtext("duration")
        duration = None if text is None else self._number_of(text, "durations")
        if duration is None:
            if text is None:
                self._fault("notes without a duration are left out")
            return Fraction(0)
        quarters = duration / self.divisions
        printed = _printed(element)
        # Divisions that do not fit a tuplet are rounded; its note values are exact.
        if printed and abs(printed - quarters) * self.divisions < 1:
            quarters = printed
        return in_ticks(quarters)

    def _number_of(self, text: str, what: str) -> Fraction | None:
        """Parse a non-negative number; reports a fault and returns `None` if it is invalid."""
        text = text.strip()
        if NUMBER.fullmatch(text):
            return Fraction(text)
        self._fault(f"{what} of no number are left out", text)
        return None

    def _move_to(self, time: Fraction, *, is_there: bool = True) -> None:
        """Move the current position to a time in the measure."""
        self.now = time
        if time > MOST_QUARTERS:
            raise ValueError(
                f"{self._place()}: expected at most {MOST_QUARTERS} quarters, got more"
            )
        if is_there:
            self.measure.end = max(self.measure.end, time)

    def _read_backup(self, element: Element) -> None:
        time = self.now - self._duration_of(element)
        if time * self.divisions <= -1:
            self._fault("a backup to before its measure goes to its beginning")
        self._move_to(max(time, Fraction(0)), is_there=False)

    def _read_forward(self, element: Element) -> None:
        self._move_to(self.now + self._duration_of(element))

    def _read_direction(self, element: Element) -> None:
        if element.find("direction-type/pedal") is not None:
            self.notices.remark("sustain pedals are left out: MIDI files keep them", self._place())
        sound = element if element.tag == "sound" else element.find("sound")
        qpm = None if sound is None else _tempo(sound.get("tempo", ""), Fraction(1))
        for metronome in element.iterfind("direction-type/metronome") if qpm is None else ():
            qpm = _metronome(metronome)
        if qpm:
            offset = text_of(element, "offset") or "0"
            moved = Fraction(offset) if SIGNED.fullmatch(offset) else Fraction(0)
            time = max(self.now + in_ticks(moved / self.divisions), Fraction(0))
            self.measure.tempi.append((time, qpm))


READ: dict[str, Callable[[PartReader, Element], None]] = {
    "attributes": PartReader._read_attributes,
    "note": PartReader._read_note,
    "backup": PartReader._read_backup,
    "forward": PartReader._read_forward,
    "direction": PartReader._read_direction,
    "sound": PartReader._read_direction,
}


def _beats(text: str) -> int | None:
    """Return the sum of beats such as "4" or "3+2"; `None` if invalid."""
    parts = [part.strip() for part in text.strip("() ").split("+")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return None
    return sum(map(int, parts))


def _sum_of(pairs: list[tuple[int | None, int | None]]) -> Metre | None:
    """Add up time signatures that stand side by side: 3/8 and 1/4 give 5/8."""
    if not pairs or not all(beats and value and value.bit_count() == 1 for beats, value in pairs):
        return None
    shortest = max(value for _, value in pairs if value)
    beats = sum(count * shortest // value for count, value in pairs if count and value)
    return (beats, shortest) if beats <= MOST_BEATS and shortest <= SHORTEST_BEAT else None


def _printed(note: Element) -> Fraction | None:
    """Return the exact quarters of a tuplet note from its note value; `None` outside tuplets."""
    change = note.find("time-modification")
    value = VALUES.get(text_of(note, "type"))
    if change is None or value is None:
        return None
    numbers = [text_of(change, tag) for tag in ("normal-notes", "actual-notes")]
    if not all(TUPLET.fullmatch(number) for number in numbers):
        return None
    dots = len(note.findall("dot"))
    return value * (2 - Fraction(1, 2**dots)) * Fraction(int(numbers[0]), int(numbers[1]))


def _velocity(dynamics: str) -> int:
    if not PER_MINUTE.fullmatch(dynamics.strip()):
        return VELOCITY
    return velocity_of(float(dynamics))


def _tempo(text: str, value: Fraction) -> float | None:
    found = PER_MINUTE.search(text)
    return float(found[0]) * float(value) if found else None


def _metronome(metronome: Element) -> float | None:
    """Return the quarters per minute of a mark such as "dotted quarter = ca. 60"."""
    unit = VALUES.get(text_of(metronome, "beat-unit"))
    if unit is None:
        return None
    dots = len(metronome.findall("beat-unit-dot"))
    return _tempo(text_of(metronome, "per-minute"), unit * (2 - Fraction(1, 2**dots)))
