"""A score as engraved music on pages of A4, to print."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from bach_tf.formats.engraving.verovio_pages import engrave
from bach_tf.formats.midi import CHURCH_ORGAN, TEMPO_QPM
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


def write_pdf(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = TEMPO_QPM,
    program: int = CHURCH_ORGAN,
    voice_names: Sequence[str] = (),
) -> None:
    """Print a score as engraved music on pages of A4, with Verovio and Matplotlib.

    What `write_svg` says of voices and staves holds here too.

    Args:
        score: the piece.
        path: of the file.
        tempo_qpm: quarter notes a minute, shown at the beginning.
        program: General MIDI instrument: with a keyboard a wide voice has two staves.
        voice_names: beside the staves; where there are none, "voice 1" and so on, or nothing
            for a single voice.

    Raises:
        ValueError: a tempo or program outside what MIDI can say.

    Example:
        >>> write_pdf(Score.from_grid([[67, 60]]), Path("two.pdf"))  # doctest: +SKIP
    """
    from matplotlib.backends.backend_pdf import PdfPages  # takes a moment to import

    from bach_tf.formats.engraving.drawing import draw_page

    pages = engrave(score, PAGE, tempo_qpm=tempo_qpm, program=program, voice_names=voice_names)
    # Without the time of day the same score gives the same file.
    about = {"Title": score.title, "Creator": "bach_tf", "CreationDate": None}
    with PdfPages(path, metadata=about) as file, warnings.catch_warnings():
        # A letter that the fonts lack is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        for page in pages:
            file.savefig(draw_page(page, WIDTH_MM / MM_PER_INCH))
