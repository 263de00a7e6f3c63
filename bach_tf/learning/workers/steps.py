"""Training and validation steps that all devices of all workers share.

Each device computes sums over its own rows of a batch: losses, weights and gradients. The sums
over all devices are those of the whole batch, so that updates do not depend on the number of
devices, beyond rounding.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bach_tf.learning.metrics import hits, nats
from bach_tf.learning.pipeline import part_of
from bach_tf.learning.workers.group import Group
from bach_tf.models import NextTokenModel

# What is summed over the tokens and rows of a batch, in this order.
LOSS, NLL, HITS, TOKENS, ROWS = range(5)
SUMS = 5
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
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                _normalise_whole_batches(layer, group.replicas)

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
        results = strategy.run(self._sums_and_slopes, args=(batch,))
        # Equal on all devices: those of the first one update the only copy of the variables.
        sums, slopes = tf.nest.map_structure(
            lambda each: strategy.experimental_local_results(each)[0], results
        )
        self.model.optimizer.apply(slopes, self.model.trainable_variables)
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
        with tf.GradientTape() as tape:
            logits = self.model(inputs, training=True)
            sums = _sums(targets, logits, weights, rows)
            # The sum over all devices, divided by all tokens, is the mean loss and the penalty.
            loss = sums[NLL] + sums[TOKENS] * self._penalty()
        variables = self.model.trainable_variables
        slopes = tape.gradient(loss, variables)
        sparse = [isinstance(slope, tf.IndexedSlices) for slope in slopes]
        parts = [sums, _squares(slopes, sparse), *map(tf.convert_to_tensor, slopes)]
        shapes = [sums.shape, tf.TensorShape(()), *(tf.TensorShape(v.shape) for v in variables)]
        sums, squares, *slopes = _added(context, parts, shapes)
        dense = [slope for slope, is_sparse in zip(slopes, sparse) if not is_sparse]
        tokens = tf.maximum(sums[TOKENS], 1.0)
        scale = self._scale(tf.sqrt(squares + _squares(dense)) / tokens) / tokens
        return self._with_loss(sums), [slope * scale for slope in slopes]

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


def _squares(slopes: list, chosen: list[bool] | None = None) -> tf.Tensor:
    """Return the sum of the squares of gradients; all are dense or, if chosen, sparse.

    In the norm of a sparse gradient Keras counts the rows of the same token one by one, before it
    adds them.
    """
    values = slopes if chosen is None else [s.values for s, yes in zip(slopes, chosen) if yes]
    return tf.add_n([tf.zeros(()), *(tf.reduce_sum(each**2) for each in values)])


def _added(context: Any, parts: list[tf.Tensor], shapes: list[tf.TensorShape]) -> list[tf.Tensor]:
    """Return the sums of tensors over all devices."""
    # In one piece, because each operation between workers costs a round trip.
    flat = context.all_reduce(SUM, tf.concat([tf.reshape(part, [-1]) for part in parts], 0))
    pieces = tf.split(flat, [shape.num_elements() for shape in shapes])
    return [tf.reshape(*each) for each in zip(pieces, shapes)]


def _normalise_whole_batches(layer: keras.layers.BatchNormalization, replicas: int) -> None:
    """Let batch normalisation use the moments of the batch of all workers.

    Keras' own option `synchronized` computes variances as differences of large numbers.

    Args:
        layer: the layer.
        replicas: devices of this worker. Each updates the only copy of the moving averages.
    """

    def moments(inputs: tf.Tensor, mask: None) -> tuple[tf.Tensor, tf.Tensor]:
        context, axes = tf.distribute.get_replica_context(), layer._reduction_axes
        count = context.all_reduce(SUM, tf.reduce_sum(tf.ones_like(inputs), axes))
        mean = context.all_reduce(SUM, tf.reduce_sum(inputs, axes)) / count
        squares = tf.math.squared_difference(inputs, tf.stop_gradient(mean))
        return mean, context.all_reduce(SUM, tf.reduce_sum(squares, axes)) / count

    layer._moments = moments
    layer.momentum **= 1.0 / replicas
