"""The writer of MusicXML files."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, indent, tostring

from bach_tf.formats.musicxml.elements import GIVEN_COLOUR, Page, add, add_bar
from bach_tf.formats.musicxml.fermatas import held_under, with_fermatas
from bach_tf.formats.musicxml.guesses import GUESSED, begins, guessed_fermatas, guesses_of
from bach_tf.formats.musicxml.parts import Bar, Part, bars_of, on_grid, parts_of, rounded, spans_on
from bach_tf.formats.musicxml.players import pan_in_degrees, volume_in_percent
from bach_tf.formats.musicxml.rhythm import QUARTER, UnwritableError
from bach_tf.formats.rendition import PLAIN, Rendition, WritingWarning
from bach_tf.score import SECONDS, Score
from bach_tf.score import Part as Player
from bach_tf.theory.keys import key_signature

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
"""
GIVEN = "blue: given"  # what the colour of notes means
PEDALS = "sustain pedals are not written in MusicXML: notes end where they are released"
CLEF_LINES = {"G": 2, "F": 4}


def write_musicxml(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as MusicXML 4.0.

    Each voice is a part with the name from the score, or "voice 1" and so on. Parts that are mostly
    below middle C are in bass clef; wide parts of keyboard instruments have two staves. Bars follow
    the metres and the upbeat, and the last bar ends with the piece. Notes across bar lines and
    beats are tied. Notes that sound together in a voice are chords or separate layers. A missing
    key signature is estimated, and pitches are spelled accordingly; without metres, bars are 4/4.

    Rhythm is exact, with ties and tuplets; what no tuplet can represent is quantised with a
    `WritingWarning`, and sustain pedals are left out with one. Performances, in seconds, are
    quantised to sixteenths in bars of 4/4 at the tempo of the file.

    Defaults for what the score does not know, such as its tempo, are marked in the file, so that
    reading it back leaves them unknown.

    Args:
        score: the piece.
        path: of the file.
        rendition: says the tempo, the instruments and the layout.

    Raises:
        ValueError: a tempo outside what MIDI can say.

    Example:
        >>> write_musicxml(Score.from_grid([[67, 60]]), Path("two.musicxml"))  # doctest: +SKIP
    """
    if score.pedals:
        warnings.warn(PEDALS, WritingWarning, stacklevel=2)
    path.write_text(to_musicxml(score, rendition), encoding="utf-8")


def to_musicxml(score: Score, rendition: Rendition = PLAIN) -> str:
    """Return a score as MusicXML text, as `write_musicxml` writes it."""
    guesses = guesses_of(score, rendition)
    first = (0, rendition.tempo_of(score))
    if rendition.tempo_qpm is not None or score.timing == SECONDS:
        score = replace(score, tempi=(first,))
    elif not begins(score.tempi):
        score = replace(score, tempi=(first, *score.tempi))
    steps = score.steps_per_quarter
    score = on_grid(score)
    try:
        root = _root_of(score, _on(score, rendition, steps), guesses)
    except UnwritableError:
        score = rounded(score)
        root = _root_of(score, _on(score, rendition, steps), guesses)
    indent(root)
    return HEADER + tostring(root, encoding="unicode") + "\n"


def _on(score: Score, rendition: Rendition, steps: int) -> Rendition:
    """Return a rendition whose spans are on the grid of a score, and not on one of `steps`."""
    return replace(rendition, given=spans_on(rendition.given, steps, score.steps_per_quarter))


def _root_of(score: Score, rendition: Rendition, guesses: str) -> Element:
    parts = with_fermatas(parts_of(score, rendition), score)
    guesses = " ".join([*guesses.split(), *guessed_fermatas(held_under(parts, score))])
    root = Element("score-partwise", version="4.0")
    if score.title:
        add(add(root, "work"), "work-title", score.title)
    identification = add(root, "identification")
    add(add(identification, "encoding"), "software", "bach_tf")
    if guesses:
        add(add(identification, "miscellaneous"), "miscellaneous-field", guesses, name=GUESSED)
    _add_part_list(root, parts)
    _add_measures(root, score, parts)
    return root


def _add_part_list(root: Element, parts: Sequence[Part]) -> None:
    part_list = add(root, "part-list")
    if len(parts) > 1:
        group = add(part_list, "part-group", type="start", number=1)
        add(group, "group-symbol", "bracket")
        shared = all(len(part.lines) > 1 for part in parts)  # two voices per staff
        add(group, "group-barline", "yes" if shared else "no")
    for part in parts:
        one = add(part_list, "score-part", id=part.id)
        add(one, "part-name", part.name)
        for number, player in enumerate(part.players):
            instrument = add(one, "score-instrument", id=part.player_id(number))
            add(instrument, "instrument-name", player.name)
        for number, player in enumerate(part.players):
            _add_sound(add(one, "midi-instrument", id=part.player_id(number)), player)
    if len(parts) > 1:
        add(part_list, "part-group", type="stop", number=1)


def _add_sound(element: Element, player: Player) -> None:
    """Append the MIDI instrument of a part, and volume and pan if known."""
    if player.program is not None:
        add(element, "midi-program", player.program + 1)
    if player.volume is not None:
        add(element, "volume", volume_in_percent(player.volume))
    if player.pan is not None:
        add(element, "pan", pan_in_degrees(player.pan))


def _add_measures(root: Element, score: Score, parts: Sequence[Part]) -> None:
    bars = bars_of(score)
    tick = QUARTER // score.steps_per_quarter
    spans = {span for bar in bars for span in (bar.meter.bar, bar.meter.span)}
    division = math.gcd(tick, *spans)
    first_key = key_signature(score)
    keys = [(0, first_key), *((step * tick, sharps) for step, sharps in score.key_changes)]
    tempi = [(step * tick, qpm) for step, qpm in score.tempi]
    first = 0 if bars[0].lacks else 1  # an upbeat is bar 0
    for part in parts:
        element = add(root, "part", id=part.id)
        for number, bar in enumerate(bars, start=first):
            measure = add(element, "measure", number=number)
            if number == 0:
                measure.set("implicit", "yes")
            page = _page_of(bar, keys, division)
            changes = any(tick == bar.start for tick, _ in keys[1:])
            if bar.says_meter or changes:
                _add_attributes(measure, part, bar, page, changes)
            if part is parts[0]:
                _add_tempi(measure, bar, tempi, page)
                if bar.start == 0 and any(line.given for each in parts for line in each.lines):
                    _add_words(measure, GIVEN, GIVEN_COLOUR)
            add_bar(measure, part, bar, page)
        add(add(measure, "barline", location="right"), "bar-style", "light-heavy")


def _page_of(bar: Bar, keys: Sequence[tuple[int, int]], division: int) -> Page:
    """Return the keys of a bar, including those that begin within it."""
    within = (key for key in keys if bar.start < key[0] < bar.end)
    return Page(_key_at(bar.start, keys), division, tuple(within))


def _key_at(tick: int, keys: Sequence[tuple[int, int]]) -> int:
    return [sharps for at, sharps in keys if at <= tick][-1]


def _add_attributes(
    measure: Element, part: Part, bar: Bar, page: Page, changes_key: bool = False
) -> None:
    attributes = add(measure, "attributes")
    if bar.start == 0:
        add(attributes, "divisions", QUARTER // page.division)
    if bar.start == 0 or changes_key:
        add(add(attributes, "key"), "fifths", page.sharps)
    if bar.says_meter:
        time = add(attributes, "time")
        add(time, "beats", bar.meter.beats)
        add(time, "beat-type", bar.meter.value)
    if bar.start > 0:
        return
    if len(part.clefs) > 1:
        add(attributes, "staves", len(part.clefs))
    for number, clef in enumerate(part.clefs, start=1):
        element = add(attributes, "clef", number=number)
        add(element, "sign", clef)
        add(element, "line", CLEF_LINES[clef])


def _add_words(measure: Element, text: str, colour: str) -> None:
    """Append a text above the staff."""
    direction = add(measure, "direction", placement="above")
    add(add(direction, "direction-type"), "words", text, color=colour)


def _add_tempi(measure: Element, bar: Bar, tempi: Sequence[tuple[int, float]], page: Page) -> None:
    """Append the tempi that begin in a bar."""
    for tick, qpm in tempi:
        if not bar.start <= tick < bar.end:
            continue
        direction = add(measure, "direction", placement="above")
        metronome = add(add(direction, "direction-type"), "metronome")
        add(metronome, "beat-unit", "quarter")
        add(metronome, "per-minute", f"{qpm:g}")
        if tick > bar.start:
            add(direction, "offset", (tick - bar.start) // page.division)
        exact = f"{qpm:g}" if float(f"{qpm:g}") == qpm else repr(float(qpm))
        add(direction, "sound", tempo=exact)
