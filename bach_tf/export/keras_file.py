"""A `.keras` file: the model with its weights, to be loaded, inspected and trained in Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from bach_tf.export.inference import check_logits, copied
from bach_tf.learning.runs import Run

FILE = "model.keras"


def write_keras(run: Run, folder: Path) -> str:
    """Write `model.keras`, for `keras.models.load_model` after `from bach_tf.models import *`.

    It has arguments as JSON and weights as HDF5 but no code, so that Keras loads it in safe mode.
    Without bach_tf, use `keras.layers.TFSMLayer` with the SavedModel instead.

    Args:
        run: a trained run.
        folder: the folder to write to.

    Returns:
        a description.

    Raises:
        ValueError: if the file computes something else than the model.
    """
    copied(run.model).save(folder / FILE)
    again = keras.models.load_model(folder / FILE)
    largest = check_logits(
        run.model, lambda ids: np.asarray(again(ids)), run.codec.vocab_size, batch_size=2
    )
    return f"load it after `from bach_tf.models import *`; logits within {largest:.0e} of Keras"
