"""Fit a run's model, with its callbacks, into its folder."""

from bach_tf.training.data import (
    make_batches,
    make_codec,
    measured_batches,
    prepare_corpus,
    training_batches,
)
from bach_tf.training.fitting import (
    Outcome,
    fit,
    read_outcome,
    resume_run,
    start_run,
    train,
)
from bach_tf.training.optimizers import OPTIMIZERS
from bach_tf.training.rates import SCHEDULES, rate_of_epoch

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Outcome",
    "fit",
    "make_batches",
    "make_codec",
    "measured_batches",
    "prepare_corpus",
    "rate_of_epoch",
    "read_outcome",
    "resume_run",
    "start_run",
    "train",
    "training_batches",
]
