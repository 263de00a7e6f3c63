"""The number of CPU cores available to this process."""

import os


def usable_cores() -> int:
    """Return the number of cores available to this process, at least 1.

    Containers and schedulers may grant fewer than the machine has. Results must not depend on
    this number, only the degree of parallelism.
    """
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
