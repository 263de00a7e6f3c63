"""Join the other devices or workers of a training run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bach_tf.learning.outcome import DivergedError
from bach_tf.learning.workers.devices import use_device
from bach_tf.learning.workers.group import Group, connected, mirrored
from bach_tf.learning.workers.meeting import WAIT_SECONDS, meet
from bach_tf.learning.workers.roster import Roster


@contextmanager
def joined(
    roster: Roster | None = None,
    device: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seconds: float = WAIT_SECONDS,
) -> Iterator[Group | None]:
    """Train with all devices in the block.

    Args:
        roster: the workers; `None` for this process alone.
        device: "cpu" or "gpu:N"; by default all GPUs of this machine, or the CPU without them.
        settings: what must be the same on all workers, see `following.settings_of`.
        seconds: how long to wait for the other workers.

    Yields:
        the group, or `None` for a single device.

    Raises:
        ValueError: if there is no such device, or the workers do not meet.
        ConnectionError: if a worker stops before the end of the block.
    """
    gpus = use_device(device)
    if roster is None:
        yield mirrored(gpus) if len(gpus) > 1 else None
        return
    lines = meet(roster, settings, seconds, len(gpus))
    try:
        group = connected(lines, len(gpus))
        with group.explaining():
            yield group
    except BaseException as error:
        lines.end(_reason(error), lasting=isinstance(error, DivergedError))
        raise
    lines.end()


def _reason(error: BaseException) -> str:
    """Return what the other workers are told."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted with Ctrl-C"
    text = (str(error).strip().splitlines() or [""])[0]
    return text if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {text}"
