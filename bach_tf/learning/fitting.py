"""Resume a run, and fit its model."""

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
from bach_tf.learning.event_files import EventFiles
from bach_tf.learning.history import HistoryFile
from bach_tf.learning.locks import locked
from bach_tf.learning.metrics import TokenMean, hits, nats
from bach_tf.learning.outcome import DivergedError, Outcome, read_outcome
from bach_tf.learning.pipeline import WHOLE, TrainingBatches
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
from bach_tf.learning.shard_batches import ShardBatches, damage_named
from bach_tf.learning.workers import following
from bach_tf.learning.workers.epochs import run_epochs
from bach_tf.learning.workers.group import Group
from bach_tf.recipes import Preset, changed
from bach_tf.recipes.tables import OPTIMIZERS

HISTOGRAM_EPOCHS = 5  # interval between weight histograms: each epoch would be slow and large


def resume_run(
    folder: Path, epochs: int | None = None, data_dir: str | Path | None = None
) -> tuple[Run, Path]:
    """Open a run to resume it; return it and the prepared folder of its corpus.

    Args:
        folder: the run folder.
        epochs: new total number of epochs. The learning rates of the remaining epochs are those
            of a run planned with this number from the start: a cosine schedule is stretched.
        data_dir: new location of the same corpus; unchanged by default.

    Raises:
        ValueError: if this is not a run folder, another process is training it, or its corpus
            has changed or cannot be read.
    """
    preset, codec = load_settings(folder)
    if data_dir is not None:
        preset = changed(preset, data_dir=str(Path(data_dir).expanduser().absolute()))
    longer = preset if epochs is None else changed(preset, epochs=epochs)
    with full_disk_named(folder), locked(folder / CHECKPOINT):
        corpus = prepare_corpus(preset)
        check_corpus(folder, corpus)
        # The checkpoint has the weights; without one they are initialised from the seed.
        memory = load_memory(folder, preset)
        run = Run(folder, preset, codec, build_model(preset, codec, memory), memory)
        return replace(run, preset=longer), corpus


def train(
    run: Run,
    corpus: Path,
    *,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    group: Group | None = None,
) -> Outcome:
    """Fit a run's model to a prepared corpus; see `fit`.

    Raises:
        ValueError: if the corpus differs from the one the run began with, a shard of it is damaged,
            or as for `fit`.
    """
    if _writes(group):
        check_corpus(run.folder, corpus)
    worker, workers = group.part if group else WHOLE
    batches = training_batches(
        run.preset, run.codec, corpus, run.memory, worker=worker, workers=workers
    )
    validation = measured_batches(run.preset, run.codec, corpus, "valid")
    with damage_named(corpus), group.explaining() if group else contextlib.nullcontext():
        return fit(run, batches, validation, verbose=verbose, callbacks=callbacks, group=group)


def fit(
    run: Run,
    batches: TrainingBatches | ShardBatches,
    validation: tf.data.Dataset,
    *,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    group: Group | None = None,
) -> Outcome:
    """Train until the last epoch or until validation stops improving.

    Continues from the checkpoint in the run folder, if any, exactly as if training had never
    been interrupted. At the end `run.model` has the best weights.

    Args:
        run: a new run, or one to resume.
        batches: the training batches.
        validation: inputs, targets and weights evaluated after each epoch.
        verbose: 0 is silent, 1 a progress bar, 2 one line per epoch.
        callbacks: additional callbacks; they may read the logs but must not change them.
        group: the devices that train together; `None` for a single one. Worker 0 alone writes the
            run folder and calls the additional callbacks.

    Raises:
        DivergedError: if the loss is NaN in the first epoch.
        ValueError: if another process is training the run, or the checkpoint is damaged.
        OSError: if the run folder cannot be written, or another worker has stopped.
    """
    if group is not None and not _writes(group):
        _fit(run, batches, validation, verbose, (), group)
        return following.receive_outcome(group, run)
    with full_disk_named(run.folder), locked(run.folder / CHECKPOINT):
        replace_preset(run, run.preset)  # resumed runs may have another number of epochs
        _fit(run, batches, validation, verbose, callbacks, group)
        _check_trained(run)
    load_weights(run)
    outcome = read_outcome(run)
    if group is not None:
        following.send_outcome(group, run, outcome)
    return outcome


def _writes(group: Group | None) -> bool:
    """Whether this process writes the run folder."""
    return group is None or group.worker == 0


def _fit(run: Run, batches, validation, verbose: int, callbacks, group: Group | None) -> None:
    """Train, from the checkpoint if any, and leave the best weights in the run folder."""
    compile_model(run.model, run.preset)
    if group is None or group.worker == 0:
        checkpoint = Checkpoint(run)
    else:
        checkpoint = following.FollowedCheckpoint(run, group)
    first_epoch = checkpoint.restore()
    if group is not None and group.worker == 0:
        following.send_state(group, checkpoint)
    if checkpoint.stopped:
        return
    callbacks = _callbacks(run, checkpoint, callbacks, group.worker if group else 0)
    try:
        if group is None:
            _run_alone(run, batches, validation, first_epoch, callbacks, verbose)
        else:
            run_epochs(
                run.model,
                batches,
                validation,
                group,
                epochs=range(first_epoch, run.preset.training.epochs),
                callbacks=callbacks,
                verbose=verbose,
            )
    except BaseException:
        _close(callbacks)
        raise


def _run_alone(run: Run, batches, validation, first_epoch: int, callbacks, verbose: int) -> None:
    """Train on a single device."""
    run.model.fit(
        batches.dataset(first_epoch),
        steps_per_epoch=batches.steps_per_epoch,
        initial_epoch=first_epoch,
        epochs=run.preset.training.epochs,
        validation_data=validation,
        callbacks=callbacks,
        shuffle=False,  # the batches are already shuffled
        verbose=verbose,
    )


def _check_trained(run: Run) -> None:
    preset = run.preset
    if not (run.folder / WEIGHTS).exists():
        raise DivergedError(
            "The loss became NaN in the first epoch. Retrain with a lower learning rate: "
            f"--set learning_rate={preset.training.learning_rate / 10:g}"
        )


def compile_model(model: keras.Model, preset: Preset) -> None:
    """Compile the model with its optimiser, loss and metrics; padding has weight 0."""
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
            # Unlike the loss: without regularisers, and averaged over tokens, not batches.
            TokenMean(nats, "nll"),
            TokenMean(hits, "accuracy"),
        ],
    )
    model.optimizer.exclude_from_weight_decay(var_list=model.undecayed())
    # Now rather than in the first batch: checkpoints have its variables from the start.
    model.optimizer.build(model.trainable_variables)


def _callbacks(
    run: Run, checkpoint: Checkpoint, more: Sequence[keras.callbacks.Callback], worker: int
) -> list[keras.callbacks.Callback]:
    """Return the callbacks in the order in which they must handle the end of an epoch."""
    preset = run.preset
    return [
        ReseedDropout(preset.training.seed, worker),
        Stopwatch(),  # before those that write the logs
        RateSchedule(preset, checkpoint.plateau),  # before this epoch updates the plateau
        StopOnNaN(),
        checkpoint.plateau,
        checkpoint.early_stopping,
        *more,  # these run while the averaged weights are still in place
        *checkpoint.averages,
        *precision_callbacks(preset),
        *([] if worker else _writers(run)),
        checkpoint,  # after all callbacks whose state it stores
    ]


def _writers(run: Run) -> list[keras.callbacks.Callback]:
    """Return the callbacks that write into the run folder, besides the checkpoint."""
    return [
        EventFiles(run.folder, histogram_freq=HISTOGRAM_EPOCHS, write_graph=False, profile_batch=0),
        HistoryFile(run.folder / HISTORY),
    ]


def _close(callbacks: list[keras.callbacks.Callback]) -> None:
    """Close files that callbacks leave open when training is interrupted."""
    if not callbacks[-1].began:
        return
    for callback in callbacks:
        # If the disk is full, buffered output cannot be written either.
        with contextlib.suppress(OSError, tf.errors.OpError):
            callback.on_train_end()
