"""Scores from tunes in ABC notation.

Source: the ABC music standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1
"""

from bach_tf.formats.abc_tunes.book import read_abc_file, read_abc_tunes, split_tunes
from bach_tf.formats.abc_tunes.fields import sharps_of
from bach_tf.formats.abc_tunes.reading import read_abc

__all__ = ["read_abc", "read_abc_file", "read_abc_tunes", "sharps_of", "split_tunes"]
