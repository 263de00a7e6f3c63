"""Engraved scores on pages of A4."""

from __future__ import annotations

import warnings
from pathlib import Path

from bach_tf.formats.engraving.verovio_pages import engrave
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Score

WIDTH_MM, HEIGHT_MM, MARGIN_MM = 210, 297, 15
MM_PER_INCH = 25.4
TENTHS = 10  # of a millimetre, Verovio's unit of page sizes
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
    """Engrave a score on pages of A4, with Verovio and Matplotlib.

    Voices, names and staves are as in `write_svg`.

    Args:
        score: the piece.
        path: of the file.
        rendition: determines the tempo mark and the instruments: a wide voice for a keyboard has
            two staves.

    Raises:
        ValueError: a tempo that MIDI cannot express.

    Example:
        >>> write_pdf(Score.from_grid([[67, 60]]), Path("two.pdf"))  # doctest: +SKIP
    """
    from matplotlib.backends.backend_pdf import PdfPages  # takes a moment to import

    from bach_tf.formats.engraving.drawing import draw_page

    pages = engrave(score, PAGE, rendition)
    # No creation date: equal scores give equal files.
    about = {"Title": score.title, "Creator": "bach_tf", "CreationDate": None}
    with PdfPages(path, metadata=about) as file, warnings.catch_warnings():
        # Characters missing from the fonts are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        for page in pages:
            file.savefig(draw_page(page, WIDTH_MM / MM_PER_INCH))
