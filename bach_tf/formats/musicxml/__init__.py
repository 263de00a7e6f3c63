"""MusicXML, the exchange format of notation programs: reader and writer."""

from bach_tf.formats.musicxml.elements import legal_text
from bach_tf.formats.musicxml.reading import read_musicxml
from bach_tf.formats.musicxml.writing import to_musicxml, write_musicxml

__all__ = ["legal_text", "read_musicxml", "to_musicxml", "write_musicxml"]
