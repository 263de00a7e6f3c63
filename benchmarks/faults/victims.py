"""Starting a program and killing it at a moment."""

from __future__ import annotations

import contextlib
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
        killed: whether the victim was killed before its end.
    """

    status: int
    reports: list[str]
    seconds: tuple[float, float]
    errors: str
    killed: bool


class Watched(NamedTuple):
    """What was seen of a program: see `End`."""

    reports: list[str]
    seconds: tuple[float, float]
    killed: bool


def run(
    work: Sequence[str],
    root: Path,
    home: Path,
    moment: Moment | None = None,
    victim: subprocess.Popen | None = None,
) -> End:
    """Run a piece of work of `benchmarks.faults.child`, and kill it at a moment.

    Args:
        work: its name and arguments.
        root: the folder whose files are reported.
        home: the working folder, with the cache.
        moment: when to kill; `None` for not at all.
        victim: another program that is killed instead, at a moment of this one.
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
            seen = _watch(process, reports, give, moment, victim or process)
        finally:
            process.kill()
            status = process.wait()
            os.close(reports)
            os.close(give)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
        killed = seen.killed and (victim or process).wait() == -signal.SIGKILL
        return End(status, seen.reports, seen.seconds, said, killed)


def _watch(
    process: subprocess.Popen,
    reports: int,
    give: int,
    moment: Moment | None,
    victim: subprocess.Popen,
) -> Watched:
    """Answer the reports of a program until its end; kill the victim at the moment."""
    began, first, killed = time.monotonic(), 0.0, False
    seen: list[str] = []
    watch = _Countdown(moment, began)
    text = b""
    while time.monotonic() - began < LONGEST:
        ready, _, _ = select.select([reports], [], [], LOOK if watch.moment else 1.0)
        lines: list[str] = []
        if ready:
            piece = os.read(reports, 65536)
            if not piece:
                break
            *whole, text = (text + piece).split(b"\n")
            lines = list(map(os.fsdecode, whole))
        for line in lines or [None]:
            if line is not None:
                seen.append(line)
                first = first or (time.monotonic() - began if line == "step" else 0.0)
            if watch.has_come(line):
                if watch.waits is not None:
                    _answer(give, line)
                    time.sleep(watch.waits)
                    line = None
                victim.kill()
                killed = True
                if victim is process:
                    return Watched(seen, (first, time.monotonic() - began), killed)
                watch = _Countdown(None, began)
            _answer(give, line)
    process.wait(timeout=LONGEST)
    return Watched(seen, (first, time.monotonic() - began), killed)


def _answer(give: int, line: str | None) -> None:
    """Let the program go on after a report, unless it has ended meanwhile."""
    if line is not None:
        with contextlib.suppress(BrokenPipeError):
            os.write(give, b".")


class _Countdown:
    """Finds the moment."""

    def __init__(self, moment: Moment | None, began: float):
        self.moment, self.began = moment, began
        self.left = moment.number if moment else 0
        self.size = moment.grows() if moment and moment.grows else 0

    @property
    def waits(self) -> float | None:
        """Seconds after the report; `None` if the reported operation is not to happen."""
        return self.moment.delay if self.moment and self.moment.at else None

    def has_come(self, line: str | None) -> bool:
        """Return whether the moment has come, with a report or between two."""
        if self.moment is None:
            return False
        if self.moment.grows:
            before, self.size = self.size, self.moment.grows()
            self.left -= self.size > before
            return self.left <= 0
        if self.moment.at is None:
            return time.monotonic() - self.began > (self.moment.delay or 0.0)
        if line is not None and self.moment.at(line):
            self.left -= 1
            return self.left == 0
        return False
