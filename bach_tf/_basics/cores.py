"""How many cores this process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores that this process may use, at least 1.

    Fewer than the machine has where a container or a scheduler says so. What is computed must
    not depend on it: only how many parts of it at once.
    """
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
