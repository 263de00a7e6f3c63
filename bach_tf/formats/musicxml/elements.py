"""The XML elements of a bar: notes and rests with their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from bach_tf.formats.musicxml.parts import Bar, Line, Part, events_in
from bach_tf.formats.musicxml.players import dynamics_of
from bach_tf.formats.musicxml.rhythm import Event, Symbol, beams_of, symbols_of
from bach_tf.theory.keys import LETTERS, spell

ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
LINE_FEED, FIRST_PRINTED, SURROGATES = 0x0A, 0x20, range(0xD800, 0xE000)
UNSURE = None  # after a tie or a new key signature the accidental is repeated
GIVEN_COLOUR = "#0072B2"  # blue: given notes, beside those a model has written


@dataclass(frozen=True)
class Page:
    """The keys of a bar and the unit of durations.

    Args:
        sharps: of the key signature at its beginning; flats are negative.
        division: ticks per unit of MusicXML durations.
        changes: tick and sharps of each key signature that begins within it, in order.
    """

    sharps: int
    division: int
    changes: tuple[tuple[int, int], ...] = ()

    def sharps_at(self, tick: int) -> int:
        """Return the sharps at a tick of the piece."""
        return next((sharps for at, sharps in reversed(self.changes) if at <= tick), self.sharps)


def add(parent: Element, tag: str, text: object = None, **attributes: object) -> Element:
    """Append an element and return it."""
    child = SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    if text is not None:
        child.text = legal_text(str(text))
    return child


def legal_text(text: str) -> str:
    """Replace characters that are illegal in XML by question marks."""
    return "".join(c if _is_legal(ord(c)) else "?" for c in text)


def _is_legal(code: int) -> bool:
    if code < FIRST_PRINTED:
        return code == LINE_FEED
    return code not in SURROGATES and code & 0xFFFE != 0xFFFE


def add_bar(measure: Element, part: Part, bar: Bar, page: Page) -> None:
    """Append the notes and rests of a part in a bar to its measure."""
    duration = (bar.end - bar.start) // page.division
    lines = {}  # {layer: symbols}; every bar has the first layer of each staff
    for number, line in enumerate(part.lines):
        events = events_in(line, bar)
        if not events and line.main and bar.end - bar.start < bar.meter.bar:
            # Programs take a whole-measure rest for a complete bar, even in short bars.
            events = [Event(bar.lacks, bar.lacks + bar.end - bar.start)]
        if not events and line.main and page.changes:
            events = [Event(bar.lacks, bar.lacks + bar.end - bar.start)]
        if events or line.main:
            cuts = [tick - bar.start + bar.lacks for tick, _ in page.changes]
            lines[number] = symbols_of(_cut(events, cuts), bar.meter)
    signs = _accidentals(part, lines, bar, page)
    for place, (number, symbols) in enumerate(lines.items()):
        if place:
            add(add(measure, "backup"), "duration", duration)
        where = _Where(part, number)
        if symbols:
            _add_line(measure, where, symbols, signs, bar, page)
        else:
            silence = add(measure, "note")
            add(silence, "rest", measure="yes")
            add(silence, "duration", duration)
            where.add_voice(silence)
            where.add_staff(silence)


def _cut(events: Sequence[Event], times: Sequence[int]) -> list[Event]:
    """Split the events of a bar at some times, with ties."""
    found = []
    for event in events:
        inside = [time for time in times if event.start < time < event.end]
        for start, end in pairwise([event.start, *inside, event.end]):
            begun = event.begun and start == event.start
            ended = event.ended and end == event.end
            found.append(Event(start, end, event.pitches, begun, ended))
    return found


@dataclass(frozen=True)
class _Where:
    """A layer of a part."""

    part: Part
    number: int

    @property
    def line(self) -> Line:
        return self.part.lines[self.number]

    def add_player(self, element: Element) -> None:
        if len(self.part.players) > 1:
            add(element, "instrument", id=self.part.player_id(self.line.player))

    def add_voice(self, element: Element) -> None:
        add(element, "voice", self.number + 1)

    def add_staff(self, element: Element) -> None:
        if len(self.part.clefs) > 1:
            add(element, "staff", self.line.staff + 1)


class _Spelling(NamedTuple):
    """The spelling of a note.

    Args:
        sharps: of the key signature.
        sign: the printed accidental, if any.
    """

    sharps: int
    sign: str | None


def _add_line(
    measure: Element,
    where: _Where,
    symbols: Sequence[Symbol],
    signs: dict[tuple[int, int, int], str],
    bar: Bar,
    page: Page,
) -> None:
    beams, tuplets = beams_of(symbols, bar.meter), _tuplets(symbols)
    first = where.number == 0
    for place, symbol in enumerate(symbols):
        tick = bar.start - bar.lacks + symbol.start
        for _, sharps in (change for change in page.changes if first and change[0] == tick):
            add(add(add(measure, "attributes"), "key"), "fifths", sharps)
        if not symbol.pitches and not where.line.main:
            skipped = add(measure, "forward")
            add(skipped, "duration", symbol.ticks // page.division)
            where.add_voice(skipped)
            where.add_staff(skipped)
            continue
        for number, pitch in enumerate(symbol.pitches or (None,)):
            sign = signs.get((where.number, place, pitch))
            spelling = _Spelling(page.sharps_at(tick), sign)
            note = _add_note(measure, where, symbol, pitch, spelling, page.division)
            if pitch is not None and where.line.is_given(tick):
                note.set("color", GIVEN_COLOUR)
            if not symbol.from_tie and (tick, pitch) in where.line.velocities:
                note.set("dynamics", dynamics_of(where.line.velocities[tick, pitch]))
            if number:
                note.insert(0, Element("chord"))
                _add_notations(note, symbol)
                continue
            for level, beam in enumerate(beams[place], start=1):
                add(note, "beam", beam, number=level)
            fermata = any(tick <= at < tick + symbol.ticks for at in where.line.fermatas)
            _add_notations(note, symbol, tuplets[place], fermata)


def _add_note(
    measure: Element,
    where: _Where,
    symbol: Symbol,
    pitch: int | None,
    spelling: _Spelling,
    division: int,
) -> Element:
    """Append a note or a rest, with its children in the order of the schema."""
    note = add(measure, "note")
    _add_pitch(note, pitch, spelling.sharps)
    add(note, "duration", symbol.ticks // division)
    _add_ties(note, symbol, "tie")
    where.add_player(note)
    where.add_voice(note)
    add(note, "type", symbol.kind)
    for _ in range(symbol.dots):
        add(note, "dot")
    if spelling.sign:
        add(note, "accidental", spelling.sign)
    if symbol.tuplet:
        change = add(note, "time-modification")
        add(change, "actual-notes", symbol.tuplet.actual)
        add(change, "normal-notes", symbol.tuplet.normal)
    if symbol.pitches and where.line.stem:
        add(note, "stem", where.line.stem)
    where.add_staff(note)
    return note


def _add_pitch(note: Element, pitch: int | None, sharps: int) -> None:
    if pitch is None:
        add(note, "rest")
        return
    letter, alteration, octave = spell(pitch, sharps)
    element = add(note, "pitch")
    add(element, "step", letter)
    if alteration:
        add(element, "alter", alteration)
    add(element, "octave", octave)


def _add_ties(parent: Element, symbol: Symbol, tag: str) -> None:
    for is_so, kind in ((symbol.from_tie, "stop"), (symbol.to_tie, "start")):
        if is_so and symbol.pitches:
            add(parent, tag, type=kind)


def _add_notations(
    note: Element, symbol: Symbol, tuplets: Sequence[str] = (), fermata: bool = False
) -> None:
    tied = symbol.pitches and (symbol.from_tie or symbol.to_tie)
    fermata = fermata and bool(symbol.pitches)
    if not (tied or tuplets or fermata):
        return
    notations = add(note, "notations")
    _add_ties(notations, symbol, "tied")
    for kind in tuplets:
        add(notations, "tuplet", type=kind)
    if fermata:
        add(notations, "fermata", type="upright")


def _tuplets(symbols: Sequence[Symbol]) -> list[list[str]]:
    """Return for each symbol whether a tuplet starts or stops there."""
    tuplets = [symbol.tuplet for symbol in symbols]
    return [
        ["start"] * (here != before) + ["stop"] * (here != after) if here else []
        for before, here, after in zip([None, *tuplets], tuplets, [*tuplets[1:], None])
    ]


def _accidentals(
    part: Part, lines: dict[int, list[Symbol]], bar: Bar, page: Page
) -> dict[tuple[int, int, int], str]:
    """Return the printed accidentals of a bar: `{(layer, position of the symbol, pitch): sign}`."""
    in_time = sorted(
        (symbol.start, number, place, pitch, symbol.from_tie)
        for number, symbols in lines.items()
        for place, symbol in enumerate(symbols)
        for pitch in symbol.pitches
    )
    standing, signs = {}, {}
    before = page.sharps
    for start, number, place, pitch, from_tie in in_time:
        sharps = page.sharps_at(bar.start - bar.lacks + start)
        if sharps != before:
            standing, before = dict.fromkeys(standing, UNSURE), sharps
        letter, alteration, octave = spell(pitch, sharps)
        where = part.lines[number].staff, letter, octave
        known = standing.get(where, _of_signature(letter, sharps))
        if alteration == known:
            continue
        if from_tie:
            standing[where] = UNSURE
        else:
            standing[where] = alteration
            signs[number, place, pitch] = ACCIDENTALS[alteration]
    return signs


def _of_signature(letter: str, sharps: int) -> int:
    """Return the alteration of a letter in a key signature."""
    if sharps < 0:
        return -int(letter in LETTERS[sharps:])
    return int(letter in LETTERS[:sharps])
