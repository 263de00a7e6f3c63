"""A training that is killed and resumed until it ends, compared with an undisturbed one."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from bach_tf.corpora.preparation.embedded import embedded_files
from benchmarks.faults.child import RUN
from benchmarks.faults.victims import End, Moment, run

PIECES = 40  # scores of music21, of which those of four voices are used
EPOCHS = 9
CHECKPOINT = re.compile(r"\S+ checkpoint/")
WEIGHTS = re.compile(r"\S+ (?:new-)?(?:model\.weights\.h5|checksums\.json)")
HISTORY = re.compile(r"\S+ (?:new-)?history\.csv")
TIMES = ("seconds", "epoch_seconds")  # which differ from run to run
DATED = "_hparams_/session_start_info"
EVERY = 5  # kills after which the run is evaluated too, besides generating

KINDS: dict[str, Any] = {
    "start": None,
    "step": "step".__eq__,
    "validation": "validation".__eq__,
    "checkpoint": lambda report: bool(CHECKPOINT.match(report)),
    "weights": lambda report: bool(WEIGHTS.match(report)),
    "history": lambda report: bool(HISTORY.match(report)),
    "events": None,
}


class Outcome(NamedTuple):
    """What one kill has led to.

    Args:
        kind: of the moment.
        when: what was reported last.
        early: whether no epoch had finished.
        problem: what was wrong; "" if nothing was.
    """

    kind: str
    when: str
    early: bool
    problem: str = ""


class Facts(NamedTuple):
    """What must be the same after any number of kills."""

    weights: dict[str, bytes]
    optimizer: dict[str, bytes]
    history: list[list[str]]
    events: Counter[tuple]
    files: set[str]


class Training:
    """A run that is trained in other processes.

    Args:
        home: an empty folder for it.
        random: chooses the moments.
    """

    kinds = tuple(KINDS)  # of moments
    epochs = EPOCHS

    def __init__(self, home: Path, random: Random):
        self.home, self.random = home, random
        self.data = home / "data"
        self.folder = home / "tb_logs" / RUN
        self.data.mkdir(parents=True)
        for path in embedded_files("bach")[:PIECES]:
            shutil.copy(path, self.data / path.name)

    def reference(self) -> tuple[Facts, End]:
        """Train without a kill."""
        end = self.train(None)
        if end.status:
            raise RuntimeError(f"The undisturbed training failed: {end.errors[-2000:]}")
        return self.take_facts(), end

    def take_facts(self) -> Facts:
        """Return the facts of the finished run, and delete it."""
        facts = facts_of(self.folder)
        shutil.rmtree(self.folder)
        return facts

    def train(self, moment: Moment | None) -> End:
        """Start or resume the run, and kill it at a moment."""
        work = ("train", str(self.data), str(self.epochs))
        return run(work, self.folder, self.home, moment)

    def kill(self, kind: str, usual: End) -> tuple[End, Outcome | None]:
        """Train until a moment of a kind; return the end, and what came of the kill if it was one.

        Args:
            kind: one of `kinds`.
            usual: the end of an undisturbed training.
        """
        end = self.train(self._moment(kind, usual))
        if not end.killed:
            return end, None
        last = end.last or "before its first file"
        early = not (self.folder / "model.weights.h5").exists()
        return end, Outcome(kind, last, early, self._read())

    def _moment(self, kind: str, usual: End) -> Moment:
        random, epochs = self.random, random_share(self.random)
        if kind == "start":
            return Moment(kind, delay=random.uniform(0.1, 1.1) * usual.seconds[0])
        if kind == "events":
            return Moment(kind, number=random.randint(1, 6), grows=self._size_of_events)
        at = KINDS[kind]
        each = sum(map(at, usual.reports)) / self.epochs
        delay = random.choice((None, random.uniform(0, 0.002), random.uniform(0, 0.02)))
        return Moment(kind, at, 1 + int(epochs * each), delay)

    def _size_of_events(self) -> int:
        total = 0
        with contextlib.suppress(OSError):
            for path in self.folder.rglob("events.out.tfevents.*"):
                total += path.stat().st_size
        return total

    def _read(self) -> str:
        """Generate with the run; return what is wrong, if anything."""
        trained = (self.folder / "model.weights.h5").exists()
        name = str(self.folder) if self.folder.exists() else RUN
        commands = [
            ["generate", "--run", name, "--length", "8", "--output", str(self.home / "new")]
        ]
        if trained and self.random.randrange(EVERY) == 0:
            commands.append(["evaluate", "--run", name, "--split", "valid"])
        for command in commands:
            status, said = called(command)
            if trained and status:
                return f"{command[0]}: status {status}: {said}"
            if not trained and (status != 2 or "Traceback" in said):
                return f"{command[0]} without weights: status {status}: {said}"
        return ""

    def clear_half(self) -> None:
        """Delete what is not a run yet, as its message says to."""
        if self.folder.exists() and not (self.folder / "preset.json").exists():
            shutil.rmtree(self.folder)


def random_share(random: Random) -> float:
    """Return after how many epochs of a process to kill it: mostly early, so that many fit."""
    return random.uniform(0, 2.0)


def called(arguments: list[str]) -> tuple[int, str]:
    """Run `bach-tf` in this process; return its status and what it said."""
    from bach_tf.cli.main import main

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return main(arguments), said.getvalue()
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    except Exception as error:
        return -1, f"{type(error).__name__}: {error}"


def facts_of(folder: Path) -> Facts:
    """Return what a finished run consists of."""
    (last,) = sorted((folder / "checkpoint").glob("*.weights.h5"))[-1:]
    rows = [line.split(",") for line in (folder / "history.csv").read_text("utf-8").splitlines()]
    untimed = [place for place, name in enumerate(rows[0]) if name not in TIMES]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return Facts(
        arrays_in(folder / "model.weights.h5"),
        arrays_in(last),
        [[row[place] for place in untimed] for row in rows],
        Counter(events_in(folder)),
        {name for name in files if "tfevents" not in name},
    )


def arrays_in(path: Path) -> dict[str, bytes]:
    """Return the bytes of each array in a weight file."""
    import h5py

    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: (
                arrays.update({name: np.asarray(node).tobytes()})
                if isinstance(node, h5py.Dataset)
                else None
            )
        )
    return arrays


def events_in(folder: Path) -> Iterator[tuple]:
    """Yield file, tag, step and content of each event of a run, but for times and names."""
    import tensorflow as tf

    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.tag not in TIMES:
                    where = path.parent.relative_to(folder).as_posix()
                    content = value.tensor.SerializeToString() + value.metadata.SerializeToString()
                    yield where, value.tag, event.step, b"" if value.tag == DATED else content


def differences(found: Facts, expected: Facts) -> list[str]:
    """Return what differs between two runs, in words."""
    differing = [
        name
        for name in ("weights", "optimizer", "history", "files")
        if getattr(found, name) != getattr(expected, name)
    ]
    missing, more = expected.events - found.events, found.events - expected.events
    for words, events in (("missing", missing), ("doubled or other", more)):
        if events:
            some = sorted({event[:3] for event in events})[:3]
            differing.append(f"{events.total()} events {words}, such as {some}")
    return differing
