"""Scores as MusicXML, for notation programs."""

from bach_tf.musicxml.elements import legal_text
from bach_tf.musicxml.parts import LAYOUTS
from bach_tf.musicxml.writing import to_musicxml, write_musicxml

__all__ = ["LAYOUTS", "legal_text", "to_musicxml", "write_musicxml"]
