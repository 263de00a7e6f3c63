"""Learning-rate schedules: the fraction of the maximum in each epoch, counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bach_tf.recipes.preset import Training

SCHEDULES: dict[str, Callable[[Training, int], float]] = {
    "constant": lambda training, epoch: 1.0,
    "cosine": lambda training, epoch: (1 + math.cos(math.pi * min(epoch / training.epochs, 1))) / 2,
    "power": lambda training, epoch: 1 / (1 + epoch / training.decay_epochs),
}
