"""A training by two workers, one of which is killed, compared with an undisturbed one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

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
    """A run that two workers train, each a process with one thread.

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
        self.ends: Ends | None = None

    def train(self, moment: Moment | None, victim: int = 0) -> End:
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
            _, errors = other.communicate(timeout=LONGEST)
        finally:
            other.kill()
        self.ends = Ends(chief, other.returncode, errors)
        return chief

    def _arguments(self, addresses: str, worker: int) -> list[str]:
        about = ["--workers", addresses, "--worker", str(worker), "--device", "cpu", "--quiet"]
        if (self.folder / "preset.json").exists():
            return ["--resume", str(self.folder), *about]
        settings = [each for setting in SMALL for each in ("--set", setting)]
        data = ["--corpus", "folder", "--data-dir", str(self.data)]
        epochs = ["--epochs", str(self.epochs)]
        return ["--model", "gru", "--run-name", RUN, *data, *epochs, *settings, *about]

    def take_facts(self) -> Facts:
        """Return the facts of the finished run, and delete it."""
        if (self.other / "tb_logs").exists():
            raise RuntimeError("Worker 1 has written a run folder.")
        return super().take_facts()

    def kill(self, kind: str, usual: End) -> tuple[End, Outcome | None]:
        """Train until a moment of a kind; return the end, and what came of the kill if it was one.

        Args:
            kind: one of `TOGETHER`.
            usual: the end of worker 0 in an undisturbed training.
        """
        base, victim = TOGETHER[kind]
        end = self.train(self._moment(base, usual), victim)
        if not end.killed or not end.status:  # what was left to do needed one worker alone
            return end, None
        assert self.ends is not None
        early = not (self.folder / "model.weights.h5").exists()
        problem = survivor_of(self.ends, victim) or self._read()
        return end, Outcome(kind, end.reports[-1], early, problem)


def survivor_of(ends: Ends, victim: int) -> str:
    """Return what the worker that was not killed has done wrong; "" for nothing."""
    status, errors = ends.status, ends.errors
    if victim:
        status, errors = ends.chief.status, ends.chief.errors
    said = SURVIVOR.search(errors.strip())
    if status == 2 and said and int(said[1]) == victim and "Traceback" not in errors:
        return ""
    return f"the other worker ended with status {status}: {errors[-300:]}"
