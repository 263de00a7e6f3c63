"""What each setting of a preset may be: the only place with their types and bounds.

No TensorFlow here, so that a mistake is said at once; tests hold the names to the registries that
need it, and the settings of each architecture to the arguments of its class.
"""

from __future__ import annotations

from typing import Any

from bach_tf._basics.settings import Choice, Flag, Real, Settings, Text, Whole
from bach_tf.corpora import CORPORA, MUSIC_SETTINGS
from bach_tf.models import MODELS

MOST_EPOCHS = 100_000
MOST_TOGETHER = 2**22  # steps of all windows of a batch: more than fits into the memory
MOST_WINDOWS = 4096  # in a batch
LARGEST_MODEL = 2**28  # weights, as `check_size` counts them
SEEDS = 2**31 - 1

OPTIMIZERS = dict.fromkeys(("adam", "nadam", "rmsprop"))  # as `learning.OPTIMIZERS` has them
SCHEDULES = dict.fromkeys(("constant", "cosine", "power"))  # as `learning.SCHEDULES` has them
SPLITS = dict.fromkeys(("pieces", "windows"))

# Those of a training, whatever the model and the music.
TRAINING_SETTINGS: Settings = {
    "batch_size": Whole(1, MOST_WINDOWS),
    "split": Choice(SPLITS),
    "evaluation_batch": Whole(1, MOST_WINDOWS),
    "epochs": Whole(1, MOST_EPOCHS),
    "patience": Whole(1, MOST_EPOCHS),
    "optimizer": Choice(OPTIMIZERS),
    "weight_decay": Real(0, 1),
    "learning_rate": Real(1e-12, 100),
    "warmup_epochs": Whole(0, MOST_EPOCHS),
    "schedule": Choice(SCHEDULES),
    "decay_epochs": Real(0.01, 1e12),  # so large: a constant rate
    "plateau_factor": Real(0, 1, below=True),
    "plateau_patience": Whole(1, MOST_EPOCHS),
    "floor": Real(0, 1),
    "clip_norm": Real(1e-6, 1e6),
    "average": Real(0, 1, below=True),
    "bfloat16": Flag(),
    "seed": Whole(0, SEEDS),
}

# All settings by the names that `train.py --set` takes, but for `model.NAME` and `encoding.NAME`,
# which are those of the architecture and of the codec.
SETTINGS: Settings = {
    "recipe": Text(255, empty=True),
    **MUSIC_SETTINGS,
    "corpus": Choice(CORPORA),
    "architecture": Choice(MODELS),
    **TRAINING_SETTINGS,
}


def check_size(model: dict[str, Any], vocab_size: int = 0) -> None:
    """Raise `ValueError` for a model that no memory could hold, before its weights are made.

    Each width may be wide and each depth deep, but not all of them together.

    Args:
        model: the settings of an architecture.
        vocab_size: number of ids, where it is known.

    Example:
        >>> check_size({"units": 192, "layers": 4}, vocab_size=61)
    """
    weights = count_weights(model, vocab_size)
    if weights > LARGEST_MODEL:
        raise ValueError(
            f"`model` must have at most {LARGEST_MODEL:,} weights. Received: settings that make "
            f"about {weights:,}"
        )


def count_weights(model: dict[str, Any], vocab_size: int = 0) -> int:
    """Return about how many weights a model has, from its settings alone.

    Counted is a square of the widest layer for each layer, and a row for each token: of the models
    here that is between a fifth and twice of what they have.

    Args:
        model: the settings of an architecture.
        vocab_size: number of ids, where it is known.
    """
    lists = [width for value in model.values() if isinstance(value, list) for width in value]
    names = ("units", "embedding", "feed_forward", "decoder")
    widest = max([1, *lists, *(model.get(name) or 1 for name in names)])
    layers = (model.get("layers", 1) + len(lists)) * model.get("kernel_size", 1)
    return layers * widest**2 + vocab_size * widest
