"""Engraved scores for a page in a browser, with the places of notes and bars."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

from bach_tf.formats.engraving.verovio_pages import (
    OPTIONS,
    make_engraver,
    space_notes,
    with_drawn_symbols,
)
from bach_tf.formats.musicxml import to_musicxml
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Part, Score

PAGE = {
    "pageHeight": 60_000,  # the tallest there is
    "adjustPageHeight": True,
    "header": "none",
    "footer": "none",
    "pageMarginLeft": 20,
    "pageMarginRight": 20,
    "pageMarginTop": 60,
    "spacingSystem": 10,  # the page has the numbers of the bars between them
}
WIDEST = 100_000  # units of the engraver
TIE = "{http://www.music-encoding.org/ns/mei}tie"


@dataclass(frozen=True)
class Engraving:
    """A score as a picture, and what its elements are.

    Args:
        svg: the picture.
        measures: ids of its bars, in order.
        notes: onset in steps, voice, and pitch of each note head by id; of the heads of a tied
            note, the onset of the first.
    """

    svg: str
    measures: list[str]
    notes: dict[str, tuple[int, int, int]]


def engrave_for_screen(
    score: Score, rendition: Rendition = PLAIN, *, width: int = 1000, scale: int = 44
) -> Engraving:
    """Engrave a score as one tall picture.

    Args:
        score: the piece; may have no notes.
        rendition: determines the layout, the given notes and the instruments.
        width: of the picture in pixels.
        scale: of the music, percent of Verovio's units.

    Raises:
        ValueError: a width or scale that leaves no room for music, a piece too long for a single
            picture, or a tempo that MIDI cannot express.

    Example:
        >>> score = Score.from_grid([[67, 60]] * 8 + [[65, 60]] * 8)
        >>> sorted(engrave_for_screen(score).notes.values())
        [(0, 0, 67), (0, 1, 60), (8, 0, 65)]
    """
    if not 10 <= scale <= 200 or not scale <= width <= WIDEST * scale // 100:
        raise ValueError(
            f"Expected a scale of 10..200 percent and a width that holds a staff. Received: "
            f"`scale` {scale}, `width` {width}"
        )
    if score.voices <= 1 and not score.parts:
        score = replace(score, parts=(Part(),))
    engraver = make_engraver()
    page = {**OPTIONS, **PAGE, "scale": scale, "pageWidth": width * 100 // scale}
    engraver.setOptions(page)
    assert engraver.loadData(to_musicxml(score, rendition)), "our own MusicXML can be read"
    space_notes(engraver)
    if engraver.getPageCount() > 1:
        raise ValueError("The piece is too long for one picture. Shorten it, or save it as PDF.")
    svg = with_drawn_symbols(engraver.renderToSVG(1), Path(engraver.getResourcePath()))
    events = engraver.renderToTimemap({"includeMeasures": True})
    measures = [event["measureOn"] for event in events if "measureOn" in event]
    notes = _tied(_struck(engraver, events, score), engraver.getMEI())
    return Engraving(svg, measures, notes)


def _struck(
    engraver: Any, events: Iterable[Mapping[str, Any]], score: Score
) -> dict[str, tuple[int, int, int]]:
    """Return the notes by the ids of their first heads."""
    voices = defaultdict(deque)  # the voices of each onset and pitch, the highest first
    for onset, pitch, voice in zip(*(x.tolist() for x in (score.onset, score.pitch, score.voice))):
        voices[onset, pitch].append(voice)
    found = {}
    for event in events:
        onset = round(event["qstamp"] * score.steps_per_quarter)
        for head in event.get("on", []):
            pitch = engraver.getMIDIValuesForElement(head)["pitch"]
            if voices[onset, pitch]:
                found[head] = (onset, voices[onset, pitch].popleft(), pitch)
    return found


def _tied(notes: Mapping[str, tuple[int, int, int]], mei: str) -> dict[str, tuple[int, int, int]]:
    """Return the notes with the other heads of tied ones."""
    found = dict(notes)
    for tie in fromstring(mei).iter(TIE):  # in the order of the score
        start, end = (tie.get(name, "").removeprefix("#") for name in ("startid", "endid"))
        if start in found and end:
            found[end] = found[start]
    return found
