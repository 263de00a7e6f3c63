"""Engraved scores as a single SVG picture of any length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from bach_tf.formats.engraving.verovio_pages import engrave
from bach_tf.formats.musicxml import legal_text
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Score

WIDTH = 1050  # of the picture, in pixels
TITLE_SIZE, TITLE_SPACE = 26, 60  # pixels: font size, and space above the music
LETTER_WIDTH = 0.5  # average, relative to the font size
SIZE = re.compile(r'<svg width="(\d+)px" height="(\d+)px"')
PAGE = {
    "scale": 50,  # percent of the engraver's units, of which the page below has 2100
    "pageWidth": WIDTH * 2,
    "pageHeight": 60_000,  # the tallest there is: a hundred systems or so
    "adjustPageHeight": True,
    "header": "none",
    "footer": "none",
}


def write_svg(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Engrave a score with Verovio.

    Four monophonic voices share two staves, soprano and alto above, tenor and bass below; other
    scores have a staff per voice. Staves are labelled with the names of the parts, or "voice 1" and
    so on; a single voice without a name has no label. Bars, keys and grids are as in
    `write_musicxml`.

    Args:
        score: the piece.
        path: of the picture.
        rendition: determines the tempo mark and the instruments: a wide voice for a keyboard has
            two staves.

    Raises:
        ValueError: a tempo that MIDI cannot express.

    Example:
        >>> write_svg(Score.from_grid([[67, 60]]), Path("two.svg"))  # doctest: +SKIP
    """
    pages = engrave(score, PAGE, rendition)
    path.write_text(_joined(score.title, pages), encoding="utf-8")


def _joined(title: str, pages: Sequence[str]) -> str:
    """Return a picture with the title and the pages stacked vertically."""
    below = TITLE_SPACE if title else 0
    content = [_heading(title)] if title else []
    for page in pages:
        content.append(SIZE.sub(rf'<svg y="{below}" width="\1" height="\2"', page, count=1))
        below += int(SIZE.search(page)[2])
    size = f'width="{WIDTH}" height="{below}" viewBox="0 0 {WIDTH} {below}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    background = f'<rect width="{WIDTH}" height="{below}" fill="white"/>'
    return "\n".join([opening, background, *content, "</svg>", ""])


def _heading(title: str) -> str:
    fitting = WIDTH / (LETTER_WIDTH * len(title))
    text = Element(
        "text",
        {
            "x": str(WIDTH // 2),
            "y": str(TITLE_SPACE * 2 // 3),
            "text-anchor": "middle",
            "font-family": "Times, serif",
            "font-size": f"{min(TITLE_SIZE, fitting):.1f}",
        },
    )
    text.text = legal_text(title)
    return tostring(text, encoding="unicode")
