"""The learning rate of each epoch: a schedule, times a factor lowered at plateaus."""

from __future__ import annotations

import math

import keras

from bach_tf._basics.choices import choose
from bach_tf.recipes import Preset
from bach_tf.recipes.schedules import SCHEDULES

MONITOR = "val_nll"
LEAST_GAIN = 1e-4  # minimum improvement of validation, in nats per token


def rate_of_epoch(preset: Preset, epoch: int, plateaus: float = 1.0) -> float:
    """Return the learning rate of an epoch as a fraction of the maximum.

    It depends only on the arguments, not on earlier rates, so that a run continued with more
    epochs has the same rates as one planned with them from the start.

    Args:
        preset: provides schedule, warm-up and floor.
        epoch: counted from 0.
        plateaus: product of the factors of all plateaus so far.

    Raises:
        ValueError: if the schedule is unknown.
    """
    training = preset.training
    warmup = min(1.0, (epoch + 1) / (training.warmup_epochs + 1))
    fraction = choose(SCHEDULES, training.schedule, "schedule")(training, epoch)
    return warmup * max(fraction * plateaus, training.floor)


class Plateau(keras.callbacks.Callback):
    """Lower the rate's factor after epochs without an improvement in validation.

    Args:
        preset: provides `plateau_factor` and `plateau_patience`.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        self.preset = preset
        self.best, self.wait, self.factor = math.inf, 0, 1.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # always given by Keras
        if logs[MONITOR] < self.best - LEAST_GAIN:
            self.best, self.wait = float(logs[MONITOR]), 0
            return
        self.wait += 1
        if self.wait >= self.preset.training.plateau_patience:
            self.wait = 0
            # Smaller factors would have no effect, and would underflow in the end.
            self.factor = max(
                self.factor * self.preset.training.plateau_factor, self.preset.training.floor
            )


class RateSchedule(keras.callbacks.Callback):
    """Set the learning rate at the start of each epoch, and log it at its end."""

    def __init__(self, preset: Preset, plateau: Plateau):
        super().__init__()
        self.preset = preset
        self.plateau = plateau

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        fraction = rate_of_epoch(self.preset, epoch, self.plateau.factor)
        self.model.optimizer.learning_rate = self.preset.training.learning_rate * fraction

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # always given by Keras
        logs["learning_rate"] = current_rate(self.model)


def current_rate(model: keras.Model) -> float:
    """Return the current learning rate of the model's optimiser."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
