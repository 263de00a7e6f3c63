"""Engraved scores: a picture, pages for printing, or a picture for a page in a browser."""

from bach_tf.formats.engraving.pdf import write_pdf
from bach_tf.formats.engraving.screen import Engraving, engrave_for_screen
from bach_tf.formats.engraving.svg import write_svg

__all__ = ["Engraving", "engrave_for_screen", "write_pdf", "write_svg"]
