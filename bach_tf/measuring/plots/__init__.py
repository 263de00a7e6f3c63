"""Plots of a run: how it learned, and how its pieces differ from its corpus.

bach-tf plot --run RUN

- `training.png`: loss and accuracy of each epoch, for training and validation;
- `distributions.png`: histograms of pitches, intervals and durations in the corpus and in new
  pieces.
"""

from bach_tf.measuring.plots.charts import write_distributions
from bach_tf.measuring.plots.curves import read_curves, write_training_curve
from bach_tf.measuring.plots.distributions import MEASURES, distribution, total_variation

__all__ = [
    "MEASURES",
    "distribution",
    "read_curves",
    "total_variation",
    "write_distributions",
    "write_training_curve",
]
