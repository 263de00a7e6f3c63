"""What a figure was measured on."""

from __future__ import annotations

import contextlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from bach_tf._basics.cores import usable_cores


def describe_machine() -> str:
    """Return the date, the processor with its cores, and the versions, in one line."""
    names = ["tensorflow", "keras", "numpy"]
    names += ["torch"] if find_spec("torch") else []  # which some tables stand beside
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{date.today():%Y-%m-%d}, {_processor()}, {usable_cores()} cores, "
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
    # What `getrusage` says begins with the memory of the process that started this one.
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    kilobyte = 1024 if sys.platform == "darwin" else 1  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobyte / 1024


class Worker:
    """A process of its own that measures each time it is asked, to be asked in turn with others.

    The speed of a machine drifts: what is to be compared must be measured at nearly the same time.

    Args:
        module: of a benchmark, such as "benchmarks.training"; run with the arguments it is to call
            `answer_requests`.
        arguments: of its command line.

    Example:
        >>> with Worker("benchmarks.training", "--one", "0", "ours") as worker:  # doctest: +SKIP
        ...     first, second = worker.ask(), worker.ask()
    """

    def __init__(self, module: str, *arguments: str):
        self._command = [sys.executable, "-m", module, *arguments]

    def __enter__(self) -> Worker:
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        return self

    def __exit__(self, *_) -> None:
        self._process.communicate()  # the end of what it is asked
        self._errors.close()

    def ask(self) -> dict:
        """Return what the process measures now.

        Raises:
            RuntimeError: the process failed; the message is the end of what it said.
        """
        with contextlib.suppress(BrokenPipeError):  # it has failed already
            self._process.stdin.write("measure\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().strip()[-1000:]
            raise RuntimeError(f"{' '.join(self._command[2:])}: {said}")
        return json.loads(answer)


def answer_requests(measure: Callable[[], dict]) -> None:
    """Measure for each line that comes in, and print the answer in a line, as a `Worker`."""
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


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
