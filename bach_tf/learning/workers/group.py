"""All devices of all workers that train a model together."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf

from bach_tf.learning.workers.limit import limited
from bach_tf.learning.workers.meeting import Lines

BUSY_SECONDS = 600  # that a worker may take for something else
CONNECTING_SECONDS = 300  # after all workers have met
UNCONNECTED = (
    f"TensorFlow has not connected all workers within {CONNECTING_SECONDS} s: one of them has "
    "stopped meanwhile, or the network between them has failed. Start all workers again."
)
SECONDS_TO_LEARN = 10  # who has stopped, after an operation between workers has failed
BROKEN = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)


@dataclass
class Group:
    """The devices that train a model together.

    The variables are ordinary ones, one copy per worker, rather than mirrored ones. What the
    devices do together is a sum of gradients, with `tf.distribute`'s all-reduce; then each worker
    makes the same update. `Model.fit` of Keras 3 fails with mirrored variables of several workers
    (https://github.com/keras-team/keras/issues/20585), and fused operations, weight averages and
    checkpoints work with ordinary variables as they are.

    Args:
        strategy: `MirroredStrategy` for the devices of one machine, `MultiWorkerMirroredStrategy`
            for several workers.
        lines: the connections between workers; `None` for one machine.
        folder: the run folder, as soon as there is one; for messages.
    """

    strategy: tf.distribute.Strategy
    lines: Lines | None = None
    folder: Path | None = field(default=None, init=False)

    @property
    def worker(self) -> int:
        """The number of this worker. Worker 0 alone writes files."""
        return self.lines.roster.worker if self.lines else 0

    @property
    def workers(self) -> int:
        """The number of workers."""
        return len(self.lines.roster.addresses) if self.lines else 1

    @property
    def replicas(self) -> int:
        """The number of devices of this worker."""
        return self.strategy.num_replicas_in_sync // self.workers

    @property
    def part(self) -> tuple[int, int]:
        """Which part of each batch this worker trains on, of how many."""
        return self.worker, self.workers

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Turn errors that follow from the loss of a worker into one that names the worker.

        Raises:
            ConnectionError: if a worker has stopped, or the network between them has failed.
        """
        try:
            yield
        except tf.errors.OpError as error:
            if self.lines is None or not isinstance(error, (*BROKEN, tf.errors.InternalError)):
                raise
            if not self.lines.lost.wait(SECONDS_TO_LEARN) and not isinstance(error, BROKEN):
                raise
            raise self._loss() from None
        except ConnectionError:
            if self.lines is None or self.lines.loss is None:
                raise  # of another connection, such as a download
            raise self._loss() from None

    def _loss(self) -> ConnectionError:
        loss = self.lines.loss if self.lines else None
        said = "The network between the workers has failed."
        if self.lines and loss:
            said = str(self.lines.stopped())
        if loss and loss.lasting:  # such as a loss of NaN: the reason says what to change
            return ConnectionError(f"{said} Start all workers with that change, without --resume.")
        again = f", each with --resume {self.folder}" if self.folder else ""
        return ConnectionError(f"{said} Start all workers again{again}.")


def mirrored(devices: list[str]) -> Group:
    """Return a group of several devices of this machine.

    Args:
        devices: such as `["gpu:0", "gpu:1"]`.
    """
    return Group(_mirrored_strategy(tuple(devices)))


@functools.cache
def _mirrored_strategy(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """Return the only strategy of these devices.

    A second one would number its operations like the first, and TensorFlow would take them for
    those of the first, of other shapes.
    """
    return tf.distribute.MirroredStrategy(devices)


def connected(lines: Lines, gpus: int) -> Group:
    """Return a group of several workers, as soon as TensorFlow has connected them.

    Args:
        lines: the connections between them.
        gpus: the number of this worker's GPUs.

    Raises:
        ValueError: if TensorFlow has computed something before, or cannot connect.
    """
    roster = lines.roster
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(roster.addresses)}),
        task_type="worker",
        task_id=roster.worker,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    _wait_for_busy_workers(len(roster.addresses))
    try:
        with limited(CONNECTING_SECONDS, UNCONNECTED):
            strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise ValueError(
            "Several workers need a Python in which TensorFlow has not computed anything yet: "
            f"start it again. TensorFlow says: {error}"
        ) from None
    lines.react = _abort
    return Group(strategy, lines)


def _wait_for_busy_workers(count: int) -> None:
    """Let TensorFlow wait for a worker that does not answer while its machine is busy.

    By default it gives up after 10 seconds, which compiling a step on a busy processor can take. A
    worker that is lost is noticed by its connection, see `Lines`.
    """
    # As the strategy does with the default, unless it has been done. There is no public name.
    from tensorflow.python.distribute import collective_all_reduce_strategy
    from tensorflow.python.eager import context

    messages = collective_all_reduce_strategy.coordination_config_pb2
    jobs = [messages.CoordinatedJob(name="worker", num_tasks=count)]
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=BUSY_SECONDS * 1000,
        coordinated_jobs=jobs,
    )


def _abort() -> None:
    """End operations between workers that would wait forever for one that has stopped."""
    # TensorFlow's own check of its workers uses it too (collective_all_reduce_strategy.py); there
    # is no public name.
    from tensorflow.python.eager import context

    context.context().abort_collective_ops(tf.errors.UNAVAILABLE, "a worker has stopped")
