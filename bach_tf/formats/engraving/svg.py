"""A score as engraved music: one SVG picture, however long."""

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
TITLE_SIZE, TITLE_SPACE = 26, 60  # pixels: of the letters, and above the music
LETTER_WIDTH = 0.5  # of a title on average, as a part of its size
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
    """Draw a score as engraved music, with Verovio.

    Four voices of one note at a time stand on two staves, soprano and alto above, tenor and bass
    below; others have a staff each. The names of the parts stand beside them: where there are none,
    "voice 1" and so on, or nothing for a single voice. What `write_musicxml` says of bars, keys and
    grids holds here too.

    Args:
        score: the piece.
        path: of the picture.
        rendition: says the tempo, shown at the beginning, and the instruments: with a keyboard a
            wide voice has two staves.

    Raises:
        ValueError: a tempo outside what MIDI can say.

    Example:
        >>> write_svg(Score.from_grid([[67, 60]]), Path("two.svg"))  # doctest: +SKIP
    """
    pages = engrave(score, PAGE, rendition)
    path.write_text(_joined(score.title, pages), encoding="utf-8")


def _joined(title: str, pages: Sequence[str]) -> str:
    """Return one picture of the title and of the pages below one another."""
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
