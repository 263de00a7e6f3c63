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
NOTHING = ""  # in place of a report


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
        last: what had been reported last before that; "" for nothing.
    """

    status: int
    reports: list[str]
    seconds: tuple[float, float]
    errors: str
    killed: bool
    last: str = ""


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
        watch = _Watch(process, reports, give, _Victim(victim or process, moment))
        try:
            watch.to_the_end()
            seconds = watch.seconds
        finally:
            process.kill()
            status = process.wait()
            os.close(reports)
            os.close(give)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
        killed = watch.victim.killed and (victim or process).wait() == -signal.SIGKILL
        return End(status, watch.seen, seconds, said, killed, watch.last)


class _Watch:
    """Answers the reports of a program until its end, and kills the victim at the moment."""

    def __init__(self, process: subprocess.Popen, reports: int, give: int, victim: _Victim):
        self.process, self.reports, self.give, self.victim = process, reports, give, victim
        self.began, self.first_step = time.monotonic(), 0.0
        self.seen: list[str] = []
        self.last = ""  # before the kill
        self._text = b""

    def to_the_end(self) -> None:
        """Watch until the program has ended, or was killed."""
        while time.monotonic() - self.began < LONGEST:
            lines = self._heard()
            if lines is None:
                self.process.wait(timeout=LONGEST)
                return
            for line in lines or [NOTHING]:
                self._go_on_after(line)
                if self.victim.killed and self.victim.process is self.process:
                    return

    @property
    def seconds(self) -> tuple[float, float]:
        """See `End`; the second is the time until now."""
        return self.first_step, time.monotonic() - self.began

    def _heard(self) -> list[str] | None:
        """Return the next reports, none if it is time to look elsewhere; `None` at the end."""
        ready, _, _ = select.select([self.reports], [], [], LOOK if self.victim.moment else 1.0)
        if not ready:
            return []
        piece = os.read(self.reports, 65536)
        if not piece:
            return None
        *lines, self._text = (self._text + piece).split(b"\n")
        return list(map(os.fsdecode, lines))

    def _go_on_after(self, line: str) -> None:
        if line:
            self.seen.append(line)
            self.last = self.last if self.victim.killed else line
        if line == "step" and not self.first_step:
            self.first_step = time.monotonic() - self.began
        come = self.victim.moment_has_come(line, time.monotonic() - self.began)
        if come and self.victim.moment.delay is None:
            self.victim.kill()  # before the reported operation
        if line:
            with contextlib.suppress(BrokenPipeError):  # it has ended meanwhile
                os.write(self.give, b".")
        if come and not self.victim.killed:
            time.sleep(self.victim.moment.delay if self.victim.moment.at else 0.0)
            self.victim.kill()


class _Victim:
    """The program that is killed, and when."""

    def __init__(self, process: subprocess.Popen, moment: Moment | None):
        self.process, self.moment, self.killed = process, moment, False
        self.left = moment.number if moment else 0
        self.size = moment.grows() if moment and moment.grows else 0

    def moment_has_come(self, line: str, seconds: float) -> bool:
        """Return whether to kill it, with a report or between two."""
        moment = self.moment
        if moment is None or self.killed:
            return False
        if moment.grows:
            before, self.size = self.size, moment.grows()
            self.left -= self.size > before
            return self.left <= 0
        if moment.at is None:
            return moment.delay is not None and seconds > moment.delay
        self.left -= bool(line) and moment.at(line)
        return self.left <= 0

    def kill(self) -> None:
        self.process.kill()
        self.killed = True
