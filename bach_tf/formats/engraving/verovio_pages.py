"""Pages engraved by Verovio."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from bach_tf.formats.musicxml import to_musicxml
from bach_tf.formats.rendition import CLOSED, Rendition
from bach_tf.score import Part, Score

MUSIC_FONT, UNITS_PER_EM = "Leipzig", 1000
OPTIONS = {
    "xmlIdSeed": 1,  # the same score gives the same file
    # Lets tests read the pitches from the picture.
    "svgAdditionalAttribute": ["note@pname", "note@oct"],
    "font": MUSIC_FONT,
    "smuflTextFont": "none",  # see `with_drawn_symbols`
    "defaultBottomMargin": 1.5,  # between the tempo and the notes below it
}
# Note spacings. The first is Verovio's default; tighter ones are tried if the last system would
# have only one bar.
SPACINGS = (0.25, 0.23, 0.21, 0.19)
# A text beginning with a symbol of the music font, such as the note value in a tempo mark.
SYMBOL_IN_TEXT = re.compile(
    r'<text x="(?P<x>-?\d+)" y="(?P<y>-?\d+)"(?P<more>[^>]*)>\s*<tspan[^>]*>\s*<tspan[^>]*>\s*'
    rf'<tspan font-family="{MUSIC_FONT}" font-size="(?P<size>\d+)px">(?P<symbol>.)</tspan>'
    r"(?:\s*</tspan>){2}"
)


def engrave(score: Score, options: dict[str, object], rendition: Rendition) -> list[str]:
    """Return each page as SVG.

    Args:
        score: the piece; a single voice needs no name.
        options: of Verovio in addition to `OPTIONS`: page size and margins.
        rendition: determines tempo and instruments.

    Raises:
        ValueError: a tempo that MIDI cannot express.
    """
    if score.voices == 1 and not score.parts:
        score = replace(score, parts=[Part()])
    music = to_musicxml(score, replace(rendition, layout=CLOSED))
    engraver = make_engraver()
    engraver.setOptions({**OPTIONS, **options})
    assert engraver.loadData(music), "our own MusicXML can be read"
    space_notes(engraver)
    symbols = Path(engraver.getResourcePath())
    pages = [engraver.renderToSVG(page + 1) for page in range(engraver.getPageCount())]
    return [with_drawn_symbols(page, symbols) for page in pages]


def space_notes(engraver: Any) -> None:
    """Lay out the music that is loaded so that no bar is alone on the last system, if possible."""
    for spacing in (*SPACINGS, SPACINGS[0]):
        engraver.setOptions({"spacingLinear": spacing})
        engraver.redoLayout()
        if not _leaves_a_bar_alone(engraver.renderToSVG(engraver.getPageCount())):
            break


def make_engraver() -> Any:
    """Return a Verovio toolkit that prints no messages on the terminal."""
    import verovio  # loads its fonts

    verovio.enableLog(verovio.LOG_OFF)
    return verovio.toolkit()


def _leaves_a_bar_alone(page: str) -> bool:
    """Return whether the last of several systems on a page has a single bar."""
    *above, last = page.split('class="system"')[1:]
    return bool(above) and last.count('class="measure"') == 1


def with_drawn_symbols(page: str, resources: Path) -> str:
    """Return a page with the music symbols in texts converted to outlines.

    Verovio sets them in a font embedded in the page, which few programs other than browsers
    support.
    """
    return SYMBOL_IN_TEXT.sub(lambda text: _drawn_symbol(text, resources), page)


def _drawn_symbol(text: re.Match, resources: Path) -> str:
    code = f"{ord(text['symbol']):04X}"
    outline = (resources / MUSIC_FONT / f"{code}.xml").read_text(encoding="utf-8")
    widths = (resources / f"{MUSIC_FONT}.xml").read_text(encoding="utf-8")
    width = float(re.search(rf'<g c="{code}"[^>]* h-a-x="([\d.]+)"', widths)[1])
    scale = int(text["size"]) / UNITS_PER_EM
    where = f"translate({text['x']}, {text['y']}) scale({scale:g}, {scale:g})"
    path = re.search(r"<path[^>]*>", outline)[0]
    rest = f'<text x="{int(text["x"]) + round(width * scale)}" y="{text["y"]}"{text["more"]}>'
    return f'<g transform="{where}">{path}</g>{rest}'
