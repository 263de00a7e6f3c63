"""What a corpus of chorale grids must look like, checked before anything learns from it.

    bach-tf validate FOLDER

Two looks at the same cells: TensorFlow Data Validation (TFDV) computes statistics of each
split and holds them against `chorale_grid.pbtxt`; the reader of the grids says which
row of which file is wrong. Statistics say that something is wrong and how much the splits
differ, but never where; rows say where. Where TFDV has no wheels, `measures.py` finds what it
would find.
"""

from bach_tf.corpora.validation.corpus import ensure_valid, validate_corpus
from bach_tf.corpora.validation.report import Anomaly, Column, Drift, Report, format_report

__all__ = [
    "Anomaly",
    "Column",
    "Drift",
    "Report",
    "ensure_valid",
    "format_report",
    "validate_corpus",
]
