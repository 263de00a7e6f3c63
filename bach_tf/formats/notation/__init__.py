"""Shared by the readers of notation: sheets, repeats, voices, and the way to a score."""

from bach_tf.formats.notation.scoring import piece_of
from bach_tf.formats.notation.sheet import Bar, Head, Sheet, Signs

__all__ = ["Bar", "Head", "Sheet", "Signs", "piece_of"]
