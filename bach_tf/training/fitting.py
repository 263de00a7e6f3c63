"""Start or resume a run, and fit its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from bach_tf.choices import choose
from bach_tf.pipeline import TrainingBatches
from bach_tf.presets import Preset
from bach_tf.runs import (
    HISTORY,
    WEIGHTS,
    Run,
    create_run,
    load_run,
    load_weights,
    replace_preset,
)
from bach_tf.training.callbacks import (
    MONITOR,
    Checkpoint,
    RateSchedule,
    ReseedDropout,
    Stopwatch,
    precision_callbacks,
    rate_of_epoch,
)
from bach_tf.training.data import (
    check_model,
    make_codec,
    make_windowing,
    measured_batches,
    prepare_corpus,
    training_batches,
)
from bach_tf.training.metrics import TokenMean, hits, nats
from bach_tf.training.optimizers import OPTIMIZERS

HISTOGRAM_EPOCHS = 5  # histograms of all weights in every epoch fill a disk and slow it down


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Args:
        epochs: finished in all.
        best_epoch: the one whose weights were kept, counted from 1.
        best_nll: its validation, in nats a token.
        seconds: of all epochs.
    """

    epochs: int
    best_epoch: int
    best_nll: float
    seconds: float


def start_run(preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Prepare the preset's corpus and make a fresh run; return it and the prepared folder.

    Args:
        preset: the settings.
        name: of the run folder; the recipe and the time when `None`.

    Raises:
        ValueError: an unknown corpus, codec, model or optimiser, sizes that cannot be, a
            corpus that cannot be read or is not sound, or a run of that name.
    """
    # Mistakes are said before the corpus is built and a folder made.
    make_windowing(preset)
    choose(OPTIMIZERS, preset.optimizer, "optimizer")
    rate_of_epoch(preset, 0)
    corpus = prepare_corpus(preset)
    codec = make_codec(preset, corpus)
    check_model(preset, codec)
    return create_run(preset, codec, name), corpus


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


def train(
    run: Run,
    corpus: Path,
    *,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Outcome:
    """Fit a run's model to a prepared corpus; see `fit`."""
    batches = training_batches(run.preset, run.codec, corpus)
    validation = measured_batches(run.preset, run.codec, corpus, "valid")
    return fit(run, batches, validation, verbose=verbose, callbacks=callbacks)


def fit(
    run: Run,
    batches: TrainingBatches,
    validation: tf.data.Dataset,
    *,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Outcome:
    """Train until the last epoch or until validation no longer gets better.

    Goes on from the checkpoint in the run's folder if there is one: the same epochs follow
    as if the training had never stopped. At the end `run.model` has the best weights.

    Args:
        run: a fresh one or one to resume.
        batches: of the training split.
        validation: inputs, targets and weights to measure each epoch with.
        verbose: 0 is silent, 1 a progress bar, 2 a line for each epoch.
        callbacks: more of them, which see what an epoch has come to and change nothing in it.

    Raises:
        ValueError: a loss that is not a number from the first epoch on.
    """
    preset = run.preset
    compile_model(run.model, preset)
    checkpoint = Checkpoint(run)
    first_epoch = checkpoint.restore()
    if not checkpoint.stopped:
        callbacks = _callbacks(run, checkpoint, callbacks)
        try:
            run.model.fit(
                batches.dataset(first_epoch),
                steps_per_epoch=batches.steps_per_epoch,
                initial_epoch=first_epoch,
                epochs=preset.epochs,
                validation_data=validation,
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
    return read_outcome(run)


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Give the model its optimiser, loss and metrics; padding counts in none of them."""
    model.compile(
        optimizer=choose(OPTIMIZERS, preset.optimizer, "optimizer")(
            preset.learning_rate * rate_of_epoch(preset, 0),
            weight_decay=preset.weight_decay or None,
            global_clipnorm=preset.clip_norm,
            use_ema=preset.average > 0,
            ema_momentum=preset.average,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            # Unlike the loss: without regularisers, and the mean over tokens, not batches.
            TokenMean(nats, "nll"),
            TokenMean(hits, "accuracy"),
        ],
    )
    # At once, not in the first batch: a checkpoint holds its variables from the start.
    model.optimizer.build(model.trainable_variables)


def _callbacks(
    run: Run, checkpoint: Checkpoint, more: Sequence[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks in the order in which they must see the end of an epoch."""
    preset = run.preset
    return [
        ReseedDropout(preset.seed),
        Stopwatch(),  # before those that write the logs
        keras.callbacks.TerminateOnNaN(),
        checkpoint.plateau,  # writes this epoch's rate into the logs
        checkpoint.early_stopping,
        *more,  # at the end of validation the averages are still in the model's place
        *checkpoint.averages,
        *precision_callbacks(preset),
        keras.callbacks.TensorBoard(
            run.folder, histogram_freq=HISTOGRAM_EPOCHS, write_graph=False, profile_batch=0
        ),
        keras.callbacks.CSVLogger(run.folder / HISTORY, append=True),
        RateSchedule(preset),
        checkpoint,  # after all that it keeps the state of
    ]


def _close(callbacks: list[keras.callbacks.Callback]) -> None:
    """Close the files of callbacks whose training was interrupted, which Keras leaves open."""
    if callbacks[-1].began:
        for callback in callbacks:
            callback.on_train_end()


def read_outcome(run: Run) -> Outcome:
    """Return what the training of a run has come to, out of its folder."""
    rows = pd.read_csv(run.folder / HISTORY)
    best = rows[MONITOR].idxmin()
    return Outcome(
        epochs=len(rows),
        best_epoch=int(rows["epoch"][best]) + 1,
        best_nll=float(rows[MONITOR][best]),
        seconds=float(rows["seconds"].sum()),
    )
