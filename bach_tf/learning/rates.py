"""The learning rate of each epoch: the schedule's, times what plateaus have brought it down to."""

from __future__ import annotations

import math

import keras

from bach_tf._basics.choices import choose
from bach_tf.recipes import Preset
from bach_tf.recipes.schedules import SCHEDULES

MONITOR = "val_nll"
LEAST_GAIN = 1e-4  # nats per token by which validation must get better to count


def rate_of_epoch(preset: Preset, epoch: int, plateaus: float = 1.0) -> float:
    """Return the learning rate of an epoch as a fraction of the highest.

    It follows from the arguments alone, not from the rates before it: so a training that goes on
    with more epochs has the rates that it would have had if it had been asked for them at first.

    Args:
        preset: with the schedule, its warm-up and its floor.
        epoch: counted from 0.
        plateaus: the factor of all plateaus so far.

    Raises:
        ValueError: an unknown schedule.
    """
    training = preset.training
    warmup = min(1.0, (epoch + 1) / (training.warmup_epochs + 1))
    fraction = choose(SCHEDULES, training.schedule, "schedule")(training, epoch)
    return warmup * max(fraction * plateaus, training.floor)


class Plateau(keras.callbacks.Callback):
    """Lower a factor of the rate after epochs without a better validation.

    Args:
        preset: with `plateau_factor` and `plateau_patience`.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        self.preset = preset
        self.best, self.wait, self.factor = math.inf, 0, 1.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # Keras gives them
        if logs[MONITOR] < self.best - LEAST_GAIN:
            self.best, self.wait = float(logs[MONITOR]), 0
            return
        self.wait += 1
        if self.wait >= self.preset.training.plateau_patience:
            self.wait = 0
            # Below the floor it would not be felt, and in the end it would be 0.
            self.factor = max(
                self.factor * self.preset.training.plateau_factor, self.preset.training.floor
            )


class RateSchedule(keras.callbacks.Callback):
    """Set the rate at the beginning of each epoch, and note it in the logs at its end."""

    def __init__(self, preset: Preset, plateau: Plateau):
        super().__init__()
        self.preset = preset
        self.plateau = plateau

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        fraction = rate_of_epoch(self.preset, epoch, self.plateau.factor)
        self.model.optimizer.learning_rate = self.preset.training.learning_rate * fraction

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        assert logs is not None  # Keras gives them
        logs["learning_rate"] = current_rate(self.model)


def current_rate(model: keras.Model) -> float:
    """Return the learning rate that the model's optimiser has."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
