"""Scores from Humdrum `**kern`.

Source: the Humdrum user guide and the **kern reference, https://www.humdrum.org/rep/kern/
"""

from bach_tf.formats.kern.reading import read_kern, read_kern_file

__all__ = ["read_kern", "read_kern_file"]
