"""A published grade for chorales: distances of a piece's histograms from Bach's.

`features` finds the histograms of a piece, `fit_reference` adds up those of the training pieces,
`grade` gives the terms of the grade, whose sum it is.
"""

from bach_tf.measuring.grading.features import Features, changes, features
from bach_tf.measuring.grading.grade import TERMS, Reference, fit_reference, grade

__all__ = ["TERMS", "Features", "Reference", "changes", "features", "fit_reference", "grade"]
