"""Scores as MusicXML, for notation programs."""

from bach_tf.formats.musicxml.elements import legal_text
from bach_tf.formats.musicxml.writing import to_musicxml, write_musicxml

__all__ = ["legal_text", "to_musicxml", "write_musicxml"]
