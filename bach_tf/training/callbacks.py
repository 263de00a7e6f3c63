"""What happens at the end of each epoch: the rate, the dropout's seeds, the checkpoint."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from bach_tf.choices import choose
from bach_tf.presets import Preset
from bach_tf.runs import HISTORY, Run, save_weights

CHECKPOINT = "checkpoint"
STATE = "state.json"
MONITOR = "val_nll"
BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
SCHEDULES: dict[str, Callable[[Preset, int], float]] = {
    "constant": lambda preset, epoch: 1.0,
    "cosine": lambda preset, epoch: (1 + math.cos(math.pi * min(epoch / preset.epochs, 1))) / 2,
    "power": lambda preset, epoch: 1 / (1 + epoch / preset.decay_epochs),
}


def rate_of_epoch(preset: Preset, epoch: int) -> float:
    """Return the rate of an epoch, counted from 0, as a share of the highest.

    Raises:
        ValueError: an unknown schedule.
    """
    warmth = min(1.0, (epoch + 1) / (preset.warmup_epochs + 1))
    return warmth * choose(SCHEDULES, preset.schedule, "schedule")(preset, epoch)


class RateSchedule(keras.callbacks.Callback):
    """Multiply the rate after each epoch as the schedule goes, so that a plateau's factor stays."""

    def __init__(self, preset: Preset):
        super().__init__()
        self.preset = preset

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        preset, optimizer = self.preset, self.model.optimizer
        factor = rate_of_epoch(preset, epoch + 1) / rate_of_epoch(preset, epoch)
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate)) * factor
        optimizer.learning_rate = max(rate, preset.floor * preset.learning_rate)


class Stopwatch(keras.callbacks.Callback):
    """Note in the logs how many seconds each epoch took, validation included."""

    def on_epoch_begin(self, epoch, logs=None):  # noqa: D102
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        logs["seconds"] = time.monotonic() - self.began


class ReseedDropout(keras.callbacks.Callback):
    """Draw each epoch's dropout from the seed and the epoch, so that a resumed one repeats it."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):  # noqa: D102
        states = [
            variable
            for variable in self.model.non_trainable_variables
            if variable.name == "seed_generator_state"
        ]
        seeds = np.random.default_rng([self.seed, epoch]).integers(2**31, size=(len(states), 2))
        for variable, seed in zip(states, seeds):
            variable.assign(seed.astype(variable.dtype))


class Bfloat16(keras.callbacks.Callback):
    """Multiply matrices in bfloat16 while a model trains; the weights and all else stay float32.

    Where the processor has instructions for it, an epoch of the chorale model takes three
    quarters of the time. What is measured is measured in float32.
    """

    def on_train_begin(self, logs=None):  # noqa: D102
        _multiply_in_bfloat16(True)

    def on_test_begin(self, logs=None):  # noqa: D102
        _multiply_in_bfloat16(False)

    def on_test_end(self, logs=None):  # noqa: D102
        _multiply_in_bfloat16(True)

    def on_train_end(self, logs=None):  # noqa: D102
        _multiply_in_bfloat16(False)


def precision_callbacks(preset: Preset) -> list[keras.callbacks.Callback]:
    """Return what multiplies in bfloat16 where the preset asks for it and the processor can."""
    return [Bfloat16()] if preset.bfloat16 and has_bfloat16() else []


def _multiply_in_bfloat16(on: bool) -> None:
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor multiplies bfloat16; elsewhere it would only imitate that."""
    try:
        text = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return False
    return any(flag in text for flag in BFLOAT16_FLAGS)


class Checkpoint(keras.callbacks.Callback):
    """Keep the best weights, and the state of the whole training after each epoch.

    The state is the weights, the optimiser, and the counters of the callbacks that wait for
    validation to get better. A training killed at any moment can go on from it.
    """

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        self.folder = run.folder / CHECKPOINT
        self.began = False
        self.state = {"epoch": 0, "best": float("inf"), "stopped": False, "counters": {}}
        self.plateau = keras.callbacks.ReduceLROnPlateau(
            monitor=MONITOR,
            mode="min",
            factor=run.preset.plateau_factor,
            patience=run.preset.plateau_patience,
            min_lr=run.preset.floor * run.preset.learning_rate,
        )
        self.early_stopping = keras.callbacks.EarlyStopping(
            monitor=MONITOR, mode="min", patience=run.preset.patience
        )
        # Puts the averages of the weights in their place as long as something is measured.
        self.averages = [keras.callbacks.SwapEMAWeights()] if run.preset.average else []

    @property
    def stopped(self) -> bool:
        """Whether the training has come to its end before the last epoch."""
        return self.state["stopped"]

    def restore(self) -> int:
        """Load the state if there is one; return the number of finished epochs."""
        if not (self.folder / STATE).exists():
            return 0
        self.state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        self.run.model.load_weights(self.folder / self.state["weights"])
        _drop_later_rows(self.run.folder / HISTORY, self.state["epoch"])
        return self.state["epoch"]

    def on_train_begin(self, logs=None):  # noqa: D102
        self.began = True  # and with it, as the last one, all other callbacks
        # Keras resets the counters when training begins: they are set behind it.
        for name, counters in self.state["counters"].items():
            vars(getattr(self, name)).update(counters)
        if self.state["epoch"] == 0:
            self._write()

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        if logs[MONITOR] < self.state["best"]:
            self.state["best"] = float(logs[MONITOR])
            self._keep()
        self.state["epoch"] = epoch + 1
        self.state["stopped"] = bool(self.model.stop_training)
        self.state["counters"] = {
            "plateau": _counters(self.plateau, "best", "wait", "cooldown_counter"),
            "early_stopping": _counters(self.early_stopping, "best", "wait", "best_epoch"),
        }
        self._write()

    def _keep(self) -> None:
        """Write the weights that were measured into the run's folder."""
        for average in self.averages:
            average.on_test_begin()
        save_weights(self.run)
        for average in self.averages:
            average.on_test_end()

    def _write(self) -> None:
        """Write the weights under the epoch's name, then, at one stroke, the state that says so."""
        self.folder.mkdir(exist_ok=True)
        self.state["weights"] = f"epoch_{self.state['epoch']:04d}.weights.h5"
        self.model.save_weights(self.folder / self.state["weights"])
        scratch = self.folder / f"new-{STATE}"
        scratch.write_text(json.dumps(self.state), encoding="utf-8")
        os.replace(scratch, self.folder / STATE)
        for weights in self.folder.glob("*.weights.h5"):
            if weights.name != self.state["weights"]:
                weights.unlink()


def _counters(callback: keras.callbacks.Callback, *names: str) -> dict[str, float | None]:
    """Return attributes of a callback as plain numbers, for JSON."""
    values = {name: getattr(callback, name) for name in names}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _drop_later_rows(history: Path, epochs: int) -> None:
    """Cut from the history what was written after the checkpoint."""
    if history.exists() and history.stat().st_size:
        rows = pd.read_csv(history)
        rows[rows["epoch"] < epochs].to_csv(history, index=False)
