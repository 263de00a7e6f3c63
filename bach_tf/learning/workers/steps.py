"""Training and validation steps that all devices of all workers share.

Each device computes sums over its own rows of a batch: losses, weights and gradients. The sums
over all devices are those of the whole batch, so that updates do not depend on the number of
devices, beyond rounding.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bach_tf.learning.metrics import hits, nats
from bach_tf.learning.windows import part_of
from bach_tf.learning.workers.group import Group
from bach_tf.models import NextTokenModel

# What is summed over the tokens and rows of a batch, in this order.
LOSS, NLL, HITS, TOKENS, ROWS = range(5)
SUMS = 5
TOKENS_TRIED = 8  # to see how large gradients are
SUM = tf.distribute.ReduceOp.SUM


class SharedSteps:
    """The training and validation of a model by a group.

    Args:
        model: a compiled model.
        group: the devices.
    """

    def __init__(self, model: NextTokenModel, group: Group):
        self.model, self.group = model, group
        # Gradients are clipped here, see `_scale`; the optimiser must not clip them again.
        self.clip_norm = model.optimizer.global_clipnorm
        model.optimizer.global_clipnorm = None
        self.common = _common_to_rows(model)
        self.present = threading.local()  # of each device, which has a thread of its own
        self.averages = {
            layer: _normalise_whole_batches(layer, self.present)
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        }

    def release(self) -> None:
        """Give the model back as it was, for use without the group."""
        self.model.optimizer.global_clipnorm = self.clip_norm
        for layer, averages in self.averages.items():
            del layer._moments
            layer.momentum = averages[0].momentum

    @tf.function(reduce_retracing=True, autograph=False)
    def train(self, batch: Any) -> tf.Tensor:
        """Update the weights with this worker's part of a batch.

        Args:
            batch: inputs, targets and weights of this worker.

        Returns:
            sums over the batch of all workers, float32 `(5,)`: losses of rows, negative
            log-likelihoods and hits of tokens, tokens, rows.
        """
        strategy = self.group.strategy
        averages = [average for each in self.averages.values() for average in each]
        before = [tf.identity(average.variable.value) for average in averages]
        results = strategy.run(self._sums_and_slopes, args=(batch,))
        # Equal on all devices: those of the first one update the only copy of the variables.
        sums, slopes = tf.nest.map_structure(
            lambda each: strategy.experimental_local_results(each)[0], results
        )
        self.model.optimizer.apply(slopes, self.model.trainable_variables)
        for average, old in zip(averages, before):
            average.include_batch(old)
        return sums

    @tf.function(reduce_retracing=True, autograph=False)
    def measure(self, batch: Any) -> tf.Tensor:
        """Return the same sums for a batch of validation, on one device of this worker."""
        inputs, targets, weights = batch
        logits = self.model(inputs, training=False)
        return self._with_loss(_sums(targets, logits, weights, tf.shape(targets)[0]))

    @tf.function(reduce_retracing=True, autograph=False)
    def total(self, sums: tf.Tensor) -> tf.Tensor:
        """Return the sum of an array over all workers."""
        results = self.group.strategy.run(self._total, args=(sums,))
        return self.group.strategy.experimental_local_results(results)[0]

    def _total(self, sums: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        counts = self._device(context) == 0  # each worker once, however many devices it has
        return context.all_reduce(SUM, tf.where(counts, sums, tf.zeros_like(sums)))

    def _device(self, context: Any) -> tf.Tensor:
        """Return the number of a device among those of its worker."""
        return context.replica_id_in_sync_group % self.group.replicas

    def _sums_and_slopes(self, batch: Any) -> tuple[tf.Tensor, list]:
        """Return sums and clipped gradients of the batch of all workers, on one of the devices."""
        context = tf.distribute.get_replica_context()
        (inputs, targets, weights), rows = _rows(batch, self._device(context), self.group.replicas)
        self.present.weight = tf.cast(tf.minimum(rows, 1), tf.float32)
        with tf.GradientTape() as tape:
            logits = self.model(inputs, training=True)
            sums = _sums(targets, logits, weights, rows)
            # The sum over all devices, divided by all tokens, is the mean loss and the penalty.
            loss = sums[NLL] + sums[TOKENS] * self._penalty()
        slopes = tape.gradient(loss, self.model.trainable_variables)
        total, squares, slopes = self._added(context, sums, slopes)
        tokens = tf.maximum(total[TOKENS], 1.0)
        scale = self._scale(tf.sqrt(squares) / tokens) / tokens
        return self._with_loss(total), [slope * scale for slope in slopes]

    def _added(self, context: Any, sums: tf.Tensor, slopes: list) -> tuple:
        """Return sums, the square of the norm of gradients, and gradients, over all devices.

        In the norm of a sparse gradient Keras counts each of its rows, one of a token of the batch,
        by itself, although tokens may be equal. Their squares are added over the devices; what all
        windows have in common, such as the place in the bar, has one row for all devices.
        """
        own = [
            isinstance(slope, tf.IndexedSlices) and not common
            for slope, common in zip(slopes, self.common)
        ]
        squares = _squares([slope.values for slope, yes in zip(slopes, own) if yes])
        values = [
            slope.values if common else tf.convert_to_tensor(slope)
            for slope, common in zip(slopes, self.common)
        ]
        sums, squares, *values = _totals(context, [sums, squares, *values])
        squares += _squares([value for value, yes in zip(values, own) if not yes])
        slopes = [
            tf.convert_to_tensor(tf.IndexedSlices(value, slope.indices, slope.dense_shape))
            if common
            else value
            for value, slope, common in zip(values, slopes, self.common)
        ]
        return sums, squares, slopes

    def _scale(self, norm: tf.Tensor) -> tf.Tensor:
        """Return by what gradients of this global norm are multiplied, as Keras clips them."""
        if not self.clip_norm:
            return tf.ones(())
        scale = self.clip_norm * tf.minimum(1.0 / norm, 1.0 / self.clip_norm)
        return scale + (norm - norm)  # NaN if the norm is infinite

    def _penalty(self) -> tf.Tensor:
        """Return the losses of regularisers."""
        return tf.add_n([tf.zeros(()), *self.model.losses])

    def _with_loss(self, sums: tf.Tensor) -> tf.Tensor:
        """Return sums with the loss of all rows, for which Keras takes that of the batch."""
        loss = sums[NLL] / tf.maximum(sums[TOKENS], 1.0) + self._penalty()
        return tf.concat([[loss * sums[ROWS]], sums[NLL:]], 0)


def as_logs(sums: np.ndarray) -> dict[str, float]:
    """Return the metrics of an epoch, named as Keras names them.

    Args:
        sums: as returned by `SharedSteps.train`, added up.

    Example:
        >>> as_logs(np.array([3.0, 8.0, 6.0, 12.0, 2.0]))["accuracy"]
        0.5
    """
    rows, tokens = max(float(sums[ROWS]), 1.0), max(float(sums[TOKENS]), 1.0)
    return {
        "accuracy": float(sums[HITS]) / tokens,
        "loss": float(sums[LOSS]) / rows,
        "nll": float(sums[NLL]) / tokens,
    }


def _sums(targets, logits, weights, rows) -> tf.Tensor:
    """Return the sums of a batch, without the loss."""
    return tf.stack(
        [
            tf.zeros(()),
            tf.reduce_sum(nats(targets, logits) * weights),
            tf.reduce_sum(hits(targets, logits) * weights),
            tf.reduce_sum(weights),
            tf.cast(rows, tf.float32),
        ]
    )


def _rows(batch: Any, part: tf.Tensor, parts: int) -> tuple[Any, tf.Tensor]:
    """Return a device's rows of its worker's batch, and how many count."""
    targets, weights = batch[1:]
    size = tf.shape(targets)[0]
    if parts == 1:
        # Weights of 0 throughout mark the row of a worker that has none of its own.
        return batch, tf.where(tf.reduce_any(weights > 0), size, 0)
    first, last = part_of(size, part, parts)
    own = tf.nest.map_structure(lambda each: each[first : tf.maximum(last, first + 1)], batch)
    counts = (last > first) & tf.reduce_any(weights > 0)
    inputs, targets, weights = own
    return (inputs, targets, weights * tf.cast(counts, weights.dtype)), tf.where(
        counts, last - first, 0
    )


def _squares(tensors: list[tf.Tensor]) -> tf.Tensor:
    """Return the sum of the squares of tensors: the same bits for any number of cores."""
    # TensorFlow divides a sum of all elements among its threads, but not that of one row.
    rows = [tf.reduce_sum(each**2, axis=-1) for each in tensors]
    return tf.add_n([tf.zeros(()), *map(tf.reduce_sum, rows)])


def _totals(context: Any, parts: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the sums of tensors over all devices."""
    # TensorFlow's mixed precision would round all that is joined to a product in bfloat16, even
    # counts of tokens. It does not pass through integers.
    parts = [tf.bitcast(tf.bitcast(part, tf.int32), part.dtype) for part in parts]
    # In one piece, because each operation between workers costs a round trip.
    flat = context.all_reduce(SUM, tf.concat([tf.reshape(part, [-1]) for part in parts], 0))
    pieces = tf.split(flat, [tf.size(part) for part in parts])
    return [
        tf.ensure_shape(tf.reshape(piece, tf.shape(part)), part.shape)
        for piece, part in zip(pieces, parts)
    ]


def _common_to_rows(model: NextTokenModel) -> list[bool]:
    """Return which trainable variables have a sparse gradient that all rows of a batch share.

    Such a gradient has the same size for any number of rows.
    """
    common = []

    # In a graph, where more gradients are sparse than in eager execution.
    @tf.function(input_signature=[tf.TensorSpec((None, TOKENS_TRIED), tf.int32)], autograph=False)
    def note(ids: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(ids, training=False))
        slopes = tape.gradient(loss, model.trainable_variables)
        common.extend(
            isinstance(slope, tf.IndexedSlices) and slope.values.shape[0] is not None
            for slope in slopes
        )

    note.get_concrete_function()
    return common


class _Average(NamedTuple):
    """A moving average of batch normalisation.

    Args:
        variable: the average.
        momentum: the share of the former average.
    """

    variable: keras.Variable
    momentum: float

    def include_batch(self, before: tf.Tensor) -> None:
        """Combine the moment of the last batch, now in the variable, with the former average."""
        moment = self.variable.value
        self.variable.assign(before * self.momentum + moment * (1.0 - self.momentum))


def _normalise_whole_batches(
    layer: keras.layers.BatchNormalization, present: threading.local
) -> list[_Average]:
    """Let batch normalisation use the moments of the batch of all workers.

    Keras' own option `synchronized` computes variances as differences of large numbers.

    Args:
        layer: the layer.
        present: its `weight` is 0 on a device that has no row of its own, else 1.

    Returns:
        its moving averages. Each device of a worker would update the only copy of them; instead the
        layer puts the moments of a batch there.
    """

    def moments(inputs: tf.Tensor, mask: None) -> tuple[tf.Tensor, tf.Tensor]:
        context, axes = tf.distribute.get_replica_context(), layer._reduction_axes

        def total(values: tf.Tensor) -> tf.Tensor:
            return context.all_reduce(SUM, tf.reduce_sum(values, axes) * present.weight)

        count = total(tf.ones_like(inputs))
        mean = total(inputs) / count
        squares = tf.math.squared_difference(inputs, tf.stop_gradient(mean))
        return mean, total(squares) / count

    averages = [_Average(v, layer.momentum) for v in (layer.moving_mean, layer.moving_variance)]
    layer._moments, layer.momentum = moments, 0.0
    return averages
