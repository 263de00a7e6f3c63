"""What readers of notation share: a piece while it is read, its repeats, and its score."""

from bach_tf.formats.notation.scoring import piece_of
from bach_tf.formats.notation.sheet import Bar, Head, Sheet, Signs

__all__ = ["Bar", "Head", "Sheet", "Signs", "piece_of"]
