"""Scores as engraved music: a picture, or pages to print."""

from bach_tf.formats.engraving.pdf import write_pdf
from bach_tf.formats.engraving.svg import write_svg

__all__ = ["write_pdf", "write_svg"]
