"""Validation of chorale grids, before anything is trained on them.

    bach-tf validate FOLDER

The same cells are checked in two ways: TensorFlow Data Validation (TFDV) computes statistics of
each split and compares them with `chorale_grid.pbtxt`; the reader of grids reports bad rows.
Statistics show that something is wrong and how much the splits differ, but not where; the reader
shows where. Without TFDV, `measures.py` finds the same.
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
