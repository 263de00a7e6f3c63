"""A score as engraved music on pages of A4, to print."""

from __future__ import annotations

import warnings
from pathlib import Path

from bach_tf.formats.engraving.verovio_pages import engrave
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Score

WIDTH_MM, HEIGHT_MM, MARGIN_MM = 210, 297, 15
MM_PER_INCH = 25.4
TENTHS = 10  # of a millimetre, in which Verovio measures a page
PAGE = {
    "scale": 100,
    "pageWidth": WIDTH_MM * TENTHS,
    "pageHeight": HEIGHT_MM * TENTHS,
    **{f"pageMargin{side}": MARGIN_MM * TENTHS for side in ("Top", "Bottom", "Left", "Right")},
    "unit": 8,  # half the distance of two lines of a staff: 6.4 mm from the lowest to the highest
    "header": "auto",  # the title, and the number of the page from the second one on
    "footer": "none",
}


def write_pdf(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Print a score as engraved music on pages of A4, with Verovio and Matplotlib.

    What `write_svg` says of voices, their names and staves holds here too.

    Args:
        score: the piece.
        path: of the file.
        rendition: says the tempo, shown at the beginning, and the instruments: with a keyboard a
            wide voice has two staves.

    Raises:
        ValueError: a tempo outside what MIDI can say.

    Example:
        >>> write_pdf(Score.from_grid([[67, 60]]), Path("two.pdf"))  # doctest: +SKIP
    """
    from matplotlib.backends.backend_pdf import PdfPages  # takes a moment to import

    from bach_tf.formats.engraving.drawing import draw_page

    pages = engrave(score, PAGE, rendition)
    # Without the time of day the same score gives the same file.
    about = {"Title": score.title, "Creator": "bach_tf", "CreationDate": None}
    with PdfPages(path, metadata=about) as file, warnings.catch_warnings():
        # A letter that the fonts lack is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        for page in pages:
            file.savefig(draw_page(page, WIDTH_MM / MM_PER_INCH))
