"""A training loop for a group, with the callbacks and logs of `Model.fit`."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from bach_tf.learning.pipeline import TrainingBatches
from bach_tf.learning.shard_batches import ShardBatches
from bach_tf.learning.workers.group import Group
from bach_tf.learning.workers.steps import SUMS, SharedSteps, as_logs
from bach_tf.models import NextTokenModel


def run_epochs(
    model: NextTokenModel,
    batches: TrainingBatches | ShardBatches,
    validation: tf.data.Dataset,
    group: Group,
    *,
    epochs: range,
    callbacks: Sequence[keras.callbacks.Callback],
    verbose: int = 0,
) -> None:
    """Train a compiled model together with the other workers of a group.

    All workers make the same updates and see the same logs, so that schedules and early stopping
    come to the same on each.

    Args:
        model: the model, with the same weights on all workers.
        batches: the training batches of this worker.
        validation: batches evaluated after each epoch, each by one worker.
        group: the devices.
        epochs: the epochs to train, counted from 0.
        callbacks: those of this worker.
        verbose: as for `Model.fit`.
    """
    listeners = keras.callbacks.CallbackList(
        list(callbacks),
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs.stop,
        steps=batches.steps_per_epoch,
    )
    steps = SharedSteps(model, group)
    try:
        _run(steps, batches, validation, epochs, listeners)
    finally:
        steps.release()


def _run(
    steps: SharedSteps, batches, validation: tf.data.Dataset, epochs: range, listeners
) -> None:
    """Train for epochs, or until a callback stops it."""
    iterator = iter(batches.dataset(epochs.start))
    steps.model.stop_training = False
    listeners.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in epochs:
        listeners.on_epoch_begin(epoch)
        logs = _train(steps, iterator, batches.steps_per_epoch, listeners)
        measured = _measure(steps, validation, listeners)
        logs |= {f"val_{name}": value for name, value in measured.items()}
        listeners.on_epoch_end(epoch, logs)
        if steps.model.stop_training:
            break
    listeners.on_train_end(logs)


def _train(steps: SharedSteps, iterator, count: int, listeners) -> dict[str, float]:
    """Train on all batches of an epoch; return its metrics."""
    sums = np.zeros(SUMS)
    for number in range(count):
        listeners.on_train_batch_begin(number)
        sums += steps.train(next(iterator)).numpy()
        listeners.on_train_batch_end(number, as_logs(sums))
        if steps.model.stop_training:
            break
    return as_logs(sums)


def _measure(steps: SharedSteps, validation: tf.data.Dataset, listeners) -> dict[str, float]:
    """Evaluate this worker's batches; return the metrics of all."""
    group = steps.group
    listeners.on_test_begin()
    sums = np.zeros(SUMS)
    for number, batch in enumerate(validation.shard(group.workers, group.worker)):
        listeners.on_test_batch_begin(number)
        sums += steps.measure(batch).numpy()
        listeners.on_test_batch_end(number, as_logs(sums))
    logs = as_logs(steps.total(tf.constant(sums)).numpy())
    listeners.on_test_end(logs)
    return logs
