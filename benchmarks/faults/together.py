"""A training by two workers, one of which is killed, compared with an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

from bach_tf.learning.run_files import PRESET
from benchmarks.faults.child import RUN, SMALL
from benchmarks.faults.training import Facts, Outcome, Training
from benchmarks.faults.victims import LONGEST, ROOT, End, Moment, run
from benchmarks.workers import free_addresses

EPOCHS = 6
WHERE = ("step", "validation", "checkpoint", "weights", "history")
# Worker 0 alone writes files, but either may be lost while it does.
TOGETHER = {f"{kind}, worker {victim}": (kind, victim) for kind in WHERE for victim in (0, 1)}
SURVIVOR = re.compile(
    r"Worker (\d) \(.*\) has stopped: it was killed, or its machine or network failed\. "
    r"Start all workers again, each with --resume \S+\.$"
)


class Ends(NamedTuple):
    """The ends of both workers: of worker 0, and status and errors of worker 1."""

    chief: End
    status: int
    errors: str


class TrainingTogether(Training):
    """A run that two workers train on this machine.

    Args:
        home: an empty folder for it.
        random: chooses the moments.
    """

    kinds = tuple(TOGETHER)
    epochs = EPOCHS

    def __init__(self, home: Path, random: Random):
        super().__init__(home, random)
        self.other = home / "other"
        self.other.mkdir()

    def train(self, moment: Moment | None) -> End:
        """Start or resume the run on both workers; kill worker 0 at a moment.

        The end is that of worker 0, unless it is worker 1 that has failed.
        """
        chief, status, errors = self.train_both(moment, victim=0)
        return chief if chief.status else chief._replace(status=status, errors=errors)

    def train_both(self, moment: Moment | None, victim: int) -> Ends:
        """Start or resume the run on both workers; kill one of them at a moment of worker 0."""
        addresses = ",".join(free_addresses(2))
        other = subprocess.Popen(
            [sys.executable, "-m", "bach_tf", "train", *self._arguments(addresses, 1)],
            cwd=self.other,
            env={**os.environ, "BACH_TF_HOME": str(self.other), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            work = ("watched", *self._arguments(addresses, 0))
            chief = run(work, self.folder, self.home, moment, other if victim else None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                other.wait(timeout=LONGEST)
        finally:
            other.kill()  # unless it has ended
            _, errors = other.communicate()
        return Ends(chief, other.returncode, errors)

    def _arguments(self, addresses: str, worker: int) -> list[str]:
        about = ["--workers", addresses, "--worker", str(worker), "--device", "cpu", "--quiet"]
        if (self.folder / PRESET).exists():
            return [
                "--resume",
                str(self.folder.relative_to(self.home)),
                *about,
            ]  # which worker 1 does not have
        settings = [each for setting in SMALL for each in ("--set", setting)]
        data = ["--corpus", "folder", "--data-dir", str(self.data)]
        epochs = ["--epochs", str(self.epochs)]
        return ["--model", "gru", "--run-name", RUN, *data, *epochs, *settings, *about]

    def take_facts(self) -> Facts:
        """Return the facts of the finished run, and delete it."""
        if (self.other / self.folder.relative_to(self.home)).exists():
            raise RuntimeError("Worker 1 has written a run folder.")
        return super().take_facts()

    def kill(self, kind: str, usual: End) -> tuple[End, Outcome | None]:
        """Train until a moment of a kind; return the end, and what came of the kill if it was one.

        Args:
            kind: one of `TOGETHER`.
            usual: the end of worker 0 in an undisturbed training.
        """
        base, victim = TOGETHER[kind]
        ends = self.train_both(self._moment(base, usual), victim)
        if not ends.chief.killed or not ends.chief.status:
            # All was done before the moment, or what was left needed worker 0 alone.
            return ends.chief, None
        early = not (self.folder / "model.weights.h5").exists()
        problem = survivor_of(ends, victim) or self._read()
        return ends.chief, Outcome(kind, ends.chief.last, early, problem)


def survivor_of(ends: Ends, victim: int) -> str:
    """Return what the worker that was not killed has done wrong; "" for nothing."""
    status, errors = ends.status, ends.errors
    if victim:
        status, errors = ends.chief.status, ends.chief.errors
    said = SURVIVOR.search(errors.strip())
    if status == 2 and said and int(said[1]) == victim and "Traceback" not in errors:
        return ""
    if status == -signal.SIGKILL:
        return f"the other worker did not end within {LONGEST:g} s"
    return f"the other worker ended with status {status}: {errors[-300:]}"
