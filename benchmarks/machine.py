"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import resource
from datetime import date
from importlib.metadata import version
from pathlib import Path


def describe_machine() -> str:
    """Return the date, the processor with its cores, and the versions, in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy"))
    return (
        f"{date.today():%Y-%m-%d}, {_processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    """Return the name of the processor where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def peak_memory_mb() -> float:
    """Return the most resident memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
