"""Starting a program and killing it at a moment."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LOOK = 0.0005  # seconds between looks at growing files
LONGEST = 600.0  # seconds of a program


class Moment(NamedTuple):
    """When to kill a program.

    Args:
        kind: in the table.
        at: whether a report belongs to the moment; `None` for none.
        number: of these reports, the one that counts, from 1.
        delay: seconds after that report, or after the start where reports do not count; `None`
            kills before the reported operation.
        grows: looked at between reports: a number that counts as a report when it changes.
    """

    kind: str
    at: Callable[[str], bool] | None = None
    number: int = 1
    delay: float | None = None
    grows: Callable[[], int] | None = None


class End(NamedTuple):
    """The end of a program.

    Args:
        status: its exit status, negative for a signal.
        reports: what it reported.
        seconds: until its first report of a step, and in all.
        errors: what it printed on standard error.
    """

    status: int
    reports: list[str]
    seconds: tuple[float, float]
    errors: str

    @property
    def killed(self) -> bool:
        """Whether the kill came before the end."""
        return self.status == -signal.SIGKILL


def run(work: Sequence[str], root: Path, home: Path, moment: Moment | None = None) -> End:
    """Run a piece of work of `benchmarks.faults.child`, and kill it at a moment.

    Args:
        work: its name and arguments.
        root: the folder whose files are reported.
        home: the working folder, with the cache.
        moment: when to kill; `None` for not at all.
    """
    reports, out = os.pipe()
    answers, give = os.pipe()
    about = [sys.executable, "-m", "benchmarks.faults.child", str(out), str(answers), str(root)]
    environment = os.environ | {
        "BACH_TF_HOME": str(home / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }
    with (home / "errors.txt").open("w+b") as errors:
        process = subprocess.Popen(
            [*about, *work],
            cwd=home,
            env=environment,
            pass_fds=(out, answers),
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        os.close(out)
        os.close(answers)
        try:
            seen, seconds = _watch(process, reports, give, moment)
        finally:
            process.kill()
            status = process.wait()
            os.close(reports)
            os.close(give)
        errors.seek(0)
        return End(status, seen, seconds, errors.read().decode(errors="replace"))


def _watch(
    process: subprocess.Popen, reports: int, give: int, moment: Moment | None
) -> tuple[list[str], tuple[float, float]]:
    """Answer the reports of a program until its end, or kill it at the moment."""
    began, first = time.monotonic(), 0.0
    seen: list[str] = []
    left = moment.number if moment else 0
    size = moment.grows() if moment and moment.grows else 0
    text = b""
    while time.monotonic() - began < LONGEST:
        ready, _, _ = select.select([reports], [], [], LOOK if moment else 1.0)
        if moment and moment.grows:
            before, size = size, moment.grows()
            left -= size > before
            if left <= 0:
                return _kill(process, seen, began, first)
        if _is_over(moment, time.monotonic() - began):
            return _kill(process, seen, began, first)
        if not ready:
            continue
        piece = os.read(reports, 65536)
        if not piece:
            break
        *lines, text = (text + piece).split(b"\n")
        for line in map(os.fsdecode, lines):
            seen.append(line)
            first = first or (time.monotonic() - began if line == "step" else 0.0)
            if moment and moment.at and moment.at(line):
                left -= 1
                if left == 0 and moment.delay is None:
                    return _kill(process, seen, began, first)
            os.write(give, b".")
            if moment and moment.at and left == 0:
                time.sleep(moment.delay or 0.0)
                return _kill(process, seen, began, first)
    process.wait(timeout=LONGEST)
    return seen, (first, time.monotonic() - began)


def _is_over(moment: Moment | None, seconds: float) -> bool:
    """Return whether a moment that depends on the time alone has come."""
    if moment is None or moment.at or moment.grows or moment.delay is None:
        return False
    return seconds > moment.delay


def _kill(
    process: subprocess.Popen, seen: list[str], began: float, first: float
) -> tuple[list[str], tuple[float, float]]:
    process.kill()
    return seen, (first, time.monotonic() - began)
