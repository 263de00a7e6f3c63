"""Fit a run's model, with its callbacks, into its folder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from bach_tf.choices import choose
from bach_tf.codecs import CODECS
from bach_tf.corpora import CORPORA, read_manifest
from bach_tf.pipeline import (
    Pieces,
    TrainingBatches,
    Windowing,
    evaluation_batches,
    load_split,
)
from bach_tf.presets import Preset
from bach_tf.runs import (
    HISTORY,
    WEIGHTS,
    Run,
    create_run,
    load_run,
    load_weights,
    replace_preset,
    save_weights,
)
from bach_tf.validation import ensure_valid

CHECKPOINT = "checkpoint"
STATE = "state.json"
MONITOR = "val_nll"
OPTIMIZERS = {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam}
HISTOGRAM_EPOCHS = 5  # histograms of all weights in every epoch fill a disk and slow it down
EVALUATION_BATCH = 128  # whole pieces at a time: a recurrent model pays for steps, not for rows


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Args:
        epochs: finished in all.
        best_epoch: the one whose weights were kept, counted from 1.
        best_nll: its validation, in nats a token.
        seconds: of this call.
    """

    epochs: int
    best_epoch: int
    best_nll: float
    seconds: float


def start_run(preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Prepare the preset's corpus and make a fresh run; return it and the prepared folder.

    Args:
        preset: the settings.
        name: of the run folder; the architecture and the time when `None`.

    Raises:
        ValueError: an unknown corpus, codec, model or optimiser, sizes that cannot be, a
            corpus that cannot be read or is not sound, or a run of that name.
    """
    # Mistakes are said before the corpus is built and a folder made.
    make_windowing(preset)
    choose(OPTIMIZERS, preset.optimizer, "optimizer")
    corpus = prepare_corpus(preset)
    return create_run(preset, make_codec(preset, corpus), name), corpus


def resume_run(folder: Path, epochs: int | None = None) -> tuple[Run, Path]:
    """Open a run to go on with it; return it and the prepared folder of its corpus.

    Args:
        folder: of the run.
        epochs: another last epoch than the run's own.

    Raises:
        ValueError: not a run folder, or its corpus cannot be read any more.
    """
    run = load_run(folder)
    if epochs is not None:
        run = replace_preset(run, replace(run.preset, epochs=epochs))
    return run, prepare_corpus(run.preset)


def prepare_corpus(preset: Preset) -> Path:
    """Return the prepared folder of a preset's corpus; a user's own is validated first.

    Raises:
        ValueError: an unknown corpus, or one that cannot be read or is not sound.
    """
    prepare = choose(CORPORA, preset.corpus, "corpus")
    data_dir = None if preset.data_dir is None else Path(preset.data_dir)
    if preset.corpus == "folder" and data_dir is not None and data_dir.is_dir():
        ensure_valid(data_dir)
    return prepare(data_dir)


def make_codec(preset: Preset, corpus: Path):
    """Return the preset's codec, wide enough for a prepared corpus and its transpositions.

    Raises:
        ValueError: an unknown codec.
    """
    lowest, highest = read_manifest(corpus)["pitch_range"]
    down, up = preset.transpose
    return choose(CODECS, preset.codec, "codec").for_range(lowest + down, highest + up)


def make_windowing(preset: Preset) -> Windowing:
    """Return how a preset's training pieces become batches.

    Raises:
        ValueError: a window, shift, batch or transposition that cannot be.
    """
    return Windowing(
        window=preset.window,
        shift=preset.shift,
        batch_size=preset.batch_size,
        transpose=preset.transpose,
    )


def make_batches(preset: Preset, pieces: Pieces, codec) -> TrainingBatches:
    """Return the training batches that a preset asks for.

    Raises:
        ValueError: no piece, or as `make_windowing`.
    """
    return TrainingBatches(pieces, codec, make_windowing(preset), seed=preset.seed)


def train(run: Run, corpus: Path, *, verbose: int = 1) -> Outcome:
    """Fit a run's model to a prepared corpus; see `fit`."""
    train_pieces = load_split(corpus, "train", run.codec)
    return fit(run, train_pieces, load_split(corpus, "valid", run.codec), verbose=verbose)


def fit(run: Run, train: Pieces, valid: Pieces, *, verbose: int = 1) -> Outcome:
    """Train until the last epoch or until validation no longer gets better.

    Goes on from the checkpoint in the run's folder if there is one: the same epochs follow
    as if the training had never stopped. At the end `run.model` has the best weights.

    Args:
        run: a fresh one or one to resume.
        train: pieces of the training split, transposed and windowed here.
        valid: pieces of the validation split, read whole and as they are.
        verbose: 0 is silent, 1 a progress bar, 2 a line for each epoch.

    Raises:
        ValueError: no piece to train on or to validate with, or a loss that is not a number
            from the first epoch on.
    """
    if not len(valid):
        raise ValueError("Expected at least one piece to validate with. Received: none")
    preset, begin = run.preset, time.monotonic()
    batches = make_batches(preset, train, run.codec)
    compile_model(run.model, preset)
    checkpoint = Checkpoint(run)
    first_epoch = checkpoint.restore()
    if not checkpoint.stopped:
        callbacks = _callbacks(run, checkpoint)
        try:
            run.model.fit(
                batches.dataset(first_epoch),
                steps_per_epoch=batches.steps_per_epoch,
                initial_epoch=first_epoch,
                epochs=preset.epochs,
                validation_data=evaluation_batches(valid, run.codec, EVALUATION_BATCH),
                callbacks=callbacks,
                shuffle=False,  # the batches are shuffled already
                verbose=verbose,
            )
        except KeyboardInterrupt:
            _close(callbacks)
            raise
    if not (run.folder / WEIGHTS).exists():
        raise ValueError(
            "The loss was not a number from the first epoch on. Train anew with a lower rate: "
            f"--set learning_rate={preset.learning_rate / 10:g}"
        )
    load_weights(run)
    return _outcome(run.folder / HISTORY, time.monotonic() - begin)


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Give the model its optimiser, loss and metrics; padding counts in none of them."""
    model.compile(
        optimizer=choose(OPTIMIZERS, preset.optimizer, "optimizer")(
            preset.learning_rate, global_clipnorm=preset.clip_norm
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            # Unlike the loss: without regularisers, and the mean over tokens, not batches.
            keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="nll"),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ],
    )
    # At once, not in the first batch: a checkpoint holds its variables from the start.
    model.optimizer.build(model.trainable_variables)


class PowerSchedule(keras.callbacks.Callback):
    """Multiply the rate after epoch `e` (from 0) by `(1 + e / decay) / (1 + (e + 1) / decay)`.

    So the rate is the first one divided by `1 + e / decay`, and a plateau's factor stays.
    """

    def __init__(self, decay_epochs: float, floor: float):
        super().__init__()
        self.decay_epochs = decay_epochs
        self.floor = floor

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        optimizer = self.model.optimizer
        factor = (self.decay_epochs + epoch) / (self.decay_epochs + epoch + 1)
        rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        optimizer.learning_rate = max(rate * factor, self.floor)


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
            save_weights(self.run)
        self.state["epoch"] = epoch + 1
        self.state["stopped"] = bool(self.model.stop_training)
        self.state["counters"] = {
            "plateau": _counters(self.plateau, "best", "wait", "cooldown_counter"),
            "early_stopping": _counters(self.early_stopping, "best", "wait", "best_epoch"),
        }
        self._write()

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


def _callbacks(run: Run, checkpoint: Checkpoint) -> list[keras.callbacks.Callback]:
    """Return the callbacks in the order in which they must see the end of an epoch."""
    preset = run.preset
    return [
        ReseedDropout(preset.seed),
        keras.callbacks.TerminateOnNaN(),
        checkpoint.plateau,  # writes this epoch's rate into the logs
        checkpoint.early_stopping,
        keras.callbacks.TensorBoard(
            run.folder, histogram_freq=HISTOGRAM_EPOCHS, write_graph=False, profile_batch=0
        ),
        keras.callbacks.CSVLogger(run.folder / HISTORY, append=True),
        PowerSchedule(preset.decay_epochs, preset.floor * preset.learning_rate),
        checkpoint,  # after all that it keeps the state of
    ]


def _close(callbacks: list[keras.callbacks.Callback]) -> None:
    """Close the files of callbacks whose training was interrupted, which Keras leaves open."""
    if callbacks[-1].began:
        for callback in callbacks:
            callback.on_train_end()


def _counters(callback: keras.callbacks.Callback, *names: str) -> dict[str, float | None]:
    """Return attributes of a callback as plain numbers, for JSON."""
    values = {name: getattr(callback, name) for name in names}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _drop_later_rows(history: Path, epochs: int) -> None:
    """Cut from the history what was written after the checkpoint."""
    if history.exists() and history.stat().st_size:
        rows = pd.read_csv(history)
        rows[rows["epoch"] < epochs].to_csv(history, index=False)


def _outcome(history: Path, seconds: float) -> Outcome:
    rows = pd.read_csv(history)
    best = rows[MONITOR].idxmin()
    return Outcome(
        epochs=len(rows),
        best_epoch=int(rows["epoch"][best]) + 1,
        best_nll=float(rows[MONITOR][best]),
        seconds=seconds,
    )
