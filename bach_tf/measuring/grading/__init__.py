"""A published grade for chorales: distances between the histograms of a piece and of Bach.

`features` computes the histograms of a piece, `fit_reference` adds up those of the training pieces,
and `grade` returns the terms whose sum is the grade.
"""

from bach_tf.measuring.grading.features import Features, changes, features
from bach_tf.measuring.grading.grade import TERMS, Reference, fit_reference, grade

__all__ = ["TERMS", "Features", "Reference", "changes", "features", "fit_reference", "grade"]
