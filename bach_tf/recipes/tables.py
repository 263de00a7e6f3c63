"""Types and bounds of all settings of a preset.

Imports no TensorFlow, so that mistakes are reported at once; a test compares the settings of each
architecture with the arguments of its class.
"""

from __future__ import annotations

from typing import Any

from bach_tf._basics.settings import Choice, Flag, Real, Settings, Text, Whole
from bach_tf.corpora import CORPORA, MUSIC_SETTINGS
from bach_tf.models import MODELS
from bach_tf.recipes.schedules import SCHEDULES

MOST_EPOCHS = 100_000
MOST_BATCHES = 2**31 - 1
MOST_TOGETHER = 2**22  # steps per batch: more than fits into memory
MOST_WINDOWS = 4096  # per batch
LARGEST_MODEL = 2**28  # weights, as counted by `check_size`
SEEDS = 2**31 - 1

# Class of each optimiser, imported for training.
OPTIMIZERS = {
    "adam": "bach_tf.learning.optimizers:Adam",
    "nadam": "keras.optimizers:Nadam",
    "rmsprop": "keras.optimizers:RMSprop",
}
SPLITS = dict.fromkeys(("pieces", "windows"))

# Settings of training, for any model and music.
TRAINING_SETTINGS: Settings = {
    "batch_size": Whole(1, MOST_WINDOWS),
    "split": Choice(SPLITS),
    "evaluation_batch": Whole(1, MOST_WINDOWS),
    "epochs": Whole(1, MOST_EPOCHS),
    "epoch_batches": Whole(0, MOST_BATCHES),
    "patience": Whole(1, MOST_EPOCHS),
    "optimizer": Choice(OPTIMIZERS),
    "weight_decay": Real(0, 1),
    "learning_rate": Real(1e-12, 100),
    "warmup_epochs": Whole(0, MOST_EPOCHS),
    "schedule": Choice(SCHEDULES),
    "decay_epochs": Real(0.01, 1e12),  # at the maximum the rate is practically constant
    "plateau_factor": Real(0, 1, below=True),
    "plateau_patience": Whole(1, MOST_EPOCHS),
    "floor": Real(0, 1),
    "clip_norm": Real(1e-6, 1e6),
    "average": Real(0, 1, below=True),
    "bfloat16": Flag(),
    "seed": Whole(0, SEEDS),
}

# All settings by the names used with `--set`, except `model.NAME` and `encoding.NAME`, which
# belong to the architecture and the codec.
SETTINGS: Settings = {
    "recipe": Text(255, empty=True),
    **MUSIC_SETTINGS,
    "corpus": Choice(CORPORA),
    "architecture": Choice(MODELS),
    **TRAINING_SETTINGS,
}


def check_size(architecture: str, settings: dict[str, Any], vocab_size: int = 0) -> None:
    """Raise `ValueError` for a model that is too large for memory, before it is built.

    A model may be wide or deep, but not both without limit.

    Args:
        architecture: a name in `MODELS`.
        settings: those of the architecture.
        vocab_size: number of ids, if known.

    Example:
        >>> check_size("gru", {"units": 192, "layers": 4}, vocab_size=61)
    """
    weights = MODELS[architecture].count_weights(settings, vocab_size)
    if weights > LARGEST_MODEL:
        raise ValueError(
            f"`model` must have at most {LARGEST_MODEL:,} weights. Received: settings for "
            f"about {weights:,}"
        )
