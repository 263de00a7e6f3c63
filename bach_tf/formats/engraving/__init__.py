"""Engraved scores: a picture, or pages for printing."""

from bach_tf.formats.engraving.pdf import write_pdf
from bach_tf.formats.engraving.svg import write_svg

__all__ = ["write_pdf", "write_svg"]
