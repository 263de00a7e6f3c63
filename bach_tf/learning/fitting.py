"""Start or resume a run, and fit its model."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from bach_tf._basics.lazy import load
from bach_tf.learning.batches import measured_batches, training_batches
from bach_tf.learning.callbacks import (
    ReseedDropout,
    StopOnNaN,
    Stopwatch,
    precision_callbacks,
)
from bach_tf.learning.checkpoints import Checkpoint
from bach_tf.learning.corpus_record import check_corpus
from bach_tf.learning.data import (
    prepare_corpus,
)
from bach_tf.learning.disk import full_disk_named
from bach_tf.learning.history import HistoryFile
from bach_tf.learning.locks import locked
from bach_tf.learning.metrics import TokenMean, hits, nats
from bach_tf.learning.outcome import Outcome, read_outcome
from bach_tf.learning.pipeline import TrainingBatches
from bach_tf.learning.rates import RateSchedule, rate_of_epoch
from bach_tf.learning.runs import (
    CHECKPOINT,
    HISTORY,
    WEIGHTS,
    Run,
    build_model,
    load_memory,
    load_settings,
    load_weights,
    replace_preset,
)
from bach_tf.recipes import Preset, changed
from bach_tf.recipes.tables import OPTIMIZERS

HISTOGRAM_EPOCHS = 5  # histograms of all weights in every epoch fill a disk and slow it down


def resume_run(
    folder: Path, epochs: int | None = None, data_dir: str | Path | None = None
) -> tuple[Run, Path]:
    """Open a run to resume it; return it and the prepared folder of its corpus.

    Args:
        folder: of the run.
        epochs: another last epoch than the run's own. The rates of the epochs to come are those
            of a training that was asked for so many at first: a cosine is stretched.
        data_dir: where the same corpus is read from now; as before when `None`.

    Raises:
        ValueError: not a run folder, one that another process trains, or a corpus that has changed
            or cannot be read any more.
    """
    preset, codec = load_settings(folder)
    if data_dir is not None:
        preset = changed(preset, data_dir=str(Path(data_dir).expanduser().absolute()))
    longer = preset if epochs is None else changed(preset, epochs=epochs)
    with full_disk_named(folder), locked(folder / CHECKPOINT):
        corpus = prepare_corpus(preset)
        check_corpus(folder, corpus)
        # The checkpoint has the weights; without one they are drawn again from the seed.
        memory = load_memory(folder, preset)
        run = Run(folder, preset, codec, build_model(preset, codec, memory), memory)
        return replace(run, preset=longer), corpus


def train(
    run: Run,
    corpus: Path,
    *,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Outcome:
    """Fit a run's model to a prepared corpus; see `fit`.

    Raises:
        ValueError: another corpus than the run began with, or as `fit`.
    """
    check_corpus(run.folder, corpus)
    batches = training_batches(run.preset, run.codec, corpus, run.memory)
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
    """Train until the last epoch or until validation stops improving.

    Goes on from the checkpoint in the run's folder if there is one: the same epochs follow
    as if the training had never stopped. At the end `run.model` has the best weights.

    Args:
        run: a fresh one or one to resume.
        batches: of the training split.
        validation: inputs, targets and weights to measure each epoch with.
        verbose: 0 is silent, 1 a progress bar, 2 a line for each epoch.
        callbacks: more of them, which see what an epoch has come to and change nothing in it.

    Raises:
        ValueError: a loss that is NaN in the first epoch, another training of the same run, or a
            checkpoint that is damaged.
        OSError: the run's folder cannot be written.
    """
    with full_disk_named(run.folder), locked(run.folder / CHECKPOINT):
        replace_preset(run, run.preset)  # a resumed run may have another last epoch
        _fit(run, batches, validation, verbose, callbacks)
    load_weights(run)
    return read_outcome(run)


def _fit(run: Run, batches, validation, verbose: int, callbacks) -> None:
    """Train, from the checkpoint if there is one; the best weights end up in the folder."""
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
                epochs=preset.training.epochs,
                validation_data=validation,
                callbacks=callbacks,
                shuffle=False,  # the batches are shuffled already
                verbose=verbose,
            )
        except BaseException:
            _close(callbacks)
            raise
    if not (run.folder / WEIGHTS).exists():
        raise ValueError(
            "The loss became NaN in the first epoch. Retrain with a lower learning rate: "
            f"--set learning_rate={preset.training.learning_rate / 10:g}"
        )


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Give the model its optimiser, loss and metrics; padding counts in none of them."""
    model.compile(
        optimizer=load(OPTIMIZERS[preset.training.optimizer])(
            preset.training.learning_rate * rate_of_epoch(preset, 0),
            weight_decay=preset.training.weight_decay or None,
            global_clipnorm=preset.training.clip_norm,
            use_ema=preset.training.average > 0,
            ema_momentum=preset.training.average,
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
    model.optimizer.exclude_from_weight_decay(var_list=model.undecayed())
    # At once, not in the first batch: a checkpoint holds its variables from the start.
    model.optimizer.build(model.trainable_variables)


def _callbacks(
    run: Run, checkpoint: Checkpoint, more: Sequence[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks in the order in which they must see the end of an epoch."""
    preset = run.preset
    return [
        ReseedDropout(preset.training.seed),
        Stopwatch(),  # before those that write the logs
        RateSchedule(preset, checkpoint.plateau),  # before the plateau of this epoch is found
        StopOnNaN(),
        checkpoint.plateau,
        checkpoint.early_stopping,
        *more,  # at the end of validation the averages are still in the model's place
        *checkpoint.averages,
        *precision_callbacks(preset),
        keras.callbacks.TensorBoard(
            run.folder, histogram_freq=HISTOGRAM_EPOCHS, write_graph=False, profile_batch=0
        ),
        HistoryFile(run.folder / HISTORY),
        checkpoint,  # after all that it keeps the state of
    ]


def _close(callbacks: list[keras.callbacks.Callback]) -> None:
    """Close the files of callbacks after an interrupted training, which Keras leaves open."""
    if not callbacks[-1].began:
        return
    for callback in callbacks:
        # On a full disk, what they still hold cannot be written either.
        with contextlib.suppress(OSError, tf.errors.OpError):
            callback.on_train_end()
