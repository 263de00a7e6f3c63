"""The progress of a compiled loop, and stopping it.

A graph call returns when its loop ends, and until then Python handles no signals in its thread. So
the call is made in another thread, while the calling one reports what the loop has counted. The
counter is a variable on the CPU: its handle is an input of the graph, so that calls of the same
compiled loop at the same time do not disturb each other. Each parallel loop has its own, because
TensorFlow runs operations on the same variable one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import tensorflow as tf

from bach_tf.composing.progress import Report, unheard

COUNTER = tf.TensorSpec([], tf.resource)  # an input of a compiled loop
SECONDS_BETWEEN_REPORTS = 0.05
LONGEST_GOODBYE = 1.0  # seconds to wait for a loop to stop; one that is compiling takes longer
STOP = -(1 << 30)  # added to a counter, makes it negative

Result = TypeVar("Result")


def goes_on(counter: tf.Tensor | None) -> tf.Tensor:
    """Return whether a loop should go on: a bool scalar, for its condition.

    Args:
        counter: the handle of its counter; `None` for a loop that is never stopped.
    """
    if counter is None:
        return tf.constant(True)
    count = tf.raw_ops.ReadVariableOp(resource=counter, dtype=tf.int32)
    return tf.ensure_shape(count, []) >= 0


def count_step(counter: tf.Tensor | None) -> None:
    """Count a step of a loop, in its body.

    Args:
        counter: as for `goes_on`.
    """
    if counter is not None:
        tf.raw_ops.AssignAddVariableOp(resource=counter, value=tf.constant(1))


def steered(
    call: Callable[..., Result], parts: int, steps: int, report: Report = unheard
) -> Result:
    """Call a compiled function and return its result, reporting the progress of its loops.

    An exception in `report`, or Ctrl-C in the main thread, stops the loops after their current
    step, and is raised here.

    Args:
        call: called in another thread with the handles of the counters, one for each loop.
        parts: number of parallel loops.
        steps: number of steps of each loop.
        report: called in this thread several times a second with the fraction done.

    Example:
        >>> steered(lambda counter: 7, parts=1, steps=100)
        7
    """
    with tf.device("CPU"):
        counters = [tf.Variable(0, trainable=False) for _ in range(parts)]
    thread = ThreadPoolExecutor(1)  # awaited when Python exits, because TensorFlow would crash
    outcome: Future[Result] | None = None
    try:
        outcome = thread.submit(lambda: call(*(counter.handle for counter in counters)))
        while not outcome.done():
            wait([outcome], SECONDS_BETWEEN_REPORTS)
            done = sum(int(counter.numpy()) for counter in counters)
            report(done / (parts * steps))
    except BaseException:
        for counter in counters:
            counter.assign_add(STOP)
        wait([outcome] if outcome else [], LONGEST_GOODBYE)
        raise
    finally:
        thread.shutdown(wait=False)
    result = outcome.result()
    report(1.0)
    return result
