"""The elements of a MusicXML file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, indent, tostring

from bach_tf.formats.musicxml.elements import Page, add, add_bar
from bach_tf.formats.musicxml.parts import Part, bars_of, meter_of, on_grid, parts_of
from bach_tf.formats.musicxml.rhythm import QUARTER
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Score
from bach_tf.theory.keys import key_signature

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
"""
CLEF_LINES = {"G": 2, "F": 4}


def write_musicxml(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as MusicXML 4.0, as notation programs read it.

    There is a part for each voice, called as the score says or "voice 1" and so on, in bass clef
    where most of it is below middle C; with the program of a keyboard a voice that is wide has two
    staves. Bars follow the first metre and the upbeat, and the last one ends with the piece. Notes
    across bar lines and beats are tied; those that sound together in a voice are chords or lines of
    their own. Without a key signature one is estimated, and notes are named by it. Velocities, and
    changes of tempo and metre, are lost.

    A grid that note values cannot say, such as the 100 steps a quarter of performances, is moved
    to sixteenths, and its bars are those of 4/4 at the tempo of the file.

    Args:
        score: the piece.
        path: of the file.
        rendition: says the tempo, the instruments and the layout.

    Raises:
        ValueError: a tempo outside what MIDI can say.

    Example:
        >>> write_musicxml(Score.from_grid([[67, 60]]), Path("two.musicxml"))  # doctest: +SKIP
    """
    path.write_text(to_musicxml(score, rendition), encoding="utf-8")


def to_musicxml(score: Score, rendition: Rendition = PLAIN) -> str:
    """Return the MusicXML of a score, as `write_musicxml` writes it."""
    tempo_qpm = rendition.tempo_of(score)
    score = on_grid(score)
    parts = parts_of(score, rendition)
    root = Element("score-partwise", version="4.0")
    if score.title:
        add(add(root, "work"), "work-title", score.title)
    add(add(add(root, "identification"), "encoding"), "software", "bach_tf")
    _add_part_list(root, parts)
    _add_measures(root, score, parts, tempo_qpm)
    indent(root)
    return HEADER + tostring(root, encoding="unicode") + "\n"


def _add_part_list(root: Element, parts: Sequence[Part]) -> None:
    part_list = add(root, "part-list")
    if len(parts) > 1:
        group = add(part_list, "part-group", type="start", number=1)
        add(group, "group-symbol", "bracket")
        shared = all(len(part.lines) > 1 for part in parts)  # two voices on each staff
        add(group, "group-barline", "yes" if shared else "no")
    for number, part in enumerate(parts, start=1):
        one = add(part_list, "score-part", id=f"P{number}")
        add(one, "part-name", part.name)
        add(add(one, "score-instrument", id=f"P{number}-I1"), "instrument-name", part.name)
        add(add(one, "midi-instrument", id=f"P{number}-I1"), "midi-program", part.program + 1)
    if len(parts) > 1:
        add(part_list, "part-group", type="stop", number=1)


def _add_measures(root: Element, score: Score, parts: Sequence[Part], tempo_qpm: float) -> None:
    meter = meter_of(score)
    bars = bars_of(score, meter)
    tick = QUARTER // score.steps_per_quarter
    page = Page(
        meter,
        key_signature(score),
        division=math.gcd(tick, meter.bar, meter.triplet_span),
        fermatas=frozenset(step * tick for step in score.fermatas),
    )
    first = 0 if bars[0].lacks else 1  # an upbeat is bar 0
    for part_number, part in enumerate(parts, start=1):
        element = add(root, "part", id=f"P{part_number}")
        for number, bar in enumerate(bars, start=first):
            measure = add(element, "measure", number=number)
            if number == 0:
                measure.set("implicit", "yes")
            if bar.start == 0:
                _add_attributes(measure, part, page)
            if bar.start == 0 and part_number == 1:
                _add_tempo(measure, tempo_qpm)
            add_bar(measure, part, bar, page)
        add(add(measure, "barline", location="right"), "bar-style", "light-heavy")


def _add_attributes(measure: Element, part: Part, page: Page) -> None:
    attributes = add(measure, "attributes")
    add(attributes, "divisions", QUARTER // page.division)
    add(add(attributes, "key"), "fifths", page.sharps)
    time = add(attributes, "time")
    add(time, "beats", page.meter.beats)
    add(time, "beat-type", page.meter.value)
    if len(part.clefs) > 1:
        add(attributes, "staves", len(part.clefs))
    for number, clef in enumerate(part.clefs, start=1):
        element = add(attributes, "clef", number=number)
        add(element, "sign", clef)
        add(element, "line", CLEF_LINES[clef])


def _add_tempo(measure: Element, tempo_qpm: float) -> None:
    direction = add(measure, "direction", placement="above")
    metronome = add(add(direction, "direction-type"), "metronome")
    add(metronome, "beat-unit", "quarter")
    add(metronome, "per-minute", f"{tempo_qpm:g}")
    add(direction, "sound", tempo=f"{tempo_qpm:g}")
