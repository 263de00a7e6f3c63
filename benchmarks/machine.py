"""What a figure was measured on."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
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


def measured_apart(module: str, *arguments: str) -> dict:
    """Return what a process of its own measures: the JSON in the last line that it prints.

    The most memory that a process has had never falls again: each case needs one of its own.

    Args:
        module: of a benchmark, such as "benchmarks.training".
        arguments: of its command line.

    Raises:
        RuntimeError: the process failed; the message is the end of what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])}: {done.stderr.strip()[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])
