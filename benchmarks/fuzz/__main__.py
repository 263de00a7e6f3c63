"""The command: hand the inputs out to processes, and print a table."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter, deque
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

import benchmarks.fuzz
from bach_tf._basics.choices import choose
from bach_tf._basics.cores import usable_cores
from benchmarks.fuzz.damage import DAMAGE
from benchmarks.fuzz.readers import KINDS
from benchmarks.fuzz.worker import (
    BUG,
    ENDLESS,
    READ,
    REFUSED,
    Batch,
    Bug,
    Reader,
    Task,
    Watch,
    work,
)
from benchmarks.machine import describe_machine

BATCH = 100  # inputs
SHOWN = 40  # bugs
OUTCOMES = (READ, REFUSED, BUG)
REPORTS = 60.0  # seconds between lines of progress


class Worker:
    """A process and its task."""

    def __init__(self, seed: int):
        self.seed = seed
        self.task: Task | None = None
        self.begin()

    def begin(self) -> None:
        """Start a process."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.place = context.Value("q", -1, lock=False)
        self.scratch = tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True)
        about = theirs, self.place, self.seed, self.scratch.name
        self.process = context.Process(target=work, args=about, daemon=True)
        self.process.start()
        theirs.close()
        self.moved = self.place.value, 0.0

    def give(self, task: Task | None) -> None:
        """Hand out a task; `None` ends the process."""
        self.task = task
        self.moved = self.place.value, self._seconds()
        self.connection.send(task)

    def hangs(self) -> bool:
        """Return whether the process has been at one input for too long."""
        seconds = self._seconds()
        if self.place.value != self.moved[0]:
            self.moved = self.place.value, seconds
        return seconds - self.moved[1] > ENDLESS + 60 * (self.moved[0] < 0)

    def _seconds(self) -> float:
        """Return how long the process has computed: a busy machine makes it no slower."""
        about = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        user, system = about.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Stop the process and remove its folder."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.scratch.cleanup()


class Tally:
    """The outcomes of all inputs.

    Args:
        keep: the folder for inputs that are bugs.
    """

    def __init__(self, keep: Path):
        self.keep = keep
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self.slowest: dict[str, tuple[float, str]] = {}
        self.memory: Counter[str] = Counter()
        self.bugs: dict[tuple[str, str, str], list[str]] = {}

    def add(self, task: Task, batch: Batch) -> None:
        """Add the outcomes of a task."""
        self.counts.setdefault((task.kind, task.damage), Counter()).update(batch.counts)
        self.slowest[task.kind] = max(self.slowest.get(task.kind, (0.0, "")), batch.slowest)
        self.memory[task.kind] = max(self.memory[task.kind], batch.memory)
        for bug in batch.bugs:
            self._keep(bug)

    def _keep(self, bug: Bug) -> None:
        kind = bug.name.split("/")[0]
        names = self.bugs.setdefault((kind, bug.what.split(":")[0], bug.place), [])
        names.append(f"{bug.name}  {bug.what}")
        if len(names) <= 3:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / bug.name.replace("/", "-")).write_bytes(bug.content)
            print(f"BUG {bug.name} {bug.place} {bug.what}", flush=True)

    def print_table(self) -> None:
        """Print counts for each kind of file and damage, and what is the slowest and largest."""
        print("| file | damage | read | refused | bugs | slowest, s | memory, MB |")
        print("|---|---|---:|---:|---:|---:|---:|")
        for (kind, damage), counts in sorted(self.counts.items()):
            cells = [f"{counts[name]:,}" for name in OUTCOMES]
            print(f"| {kind} | {damage} | {' | '.join(cells)} | {self._limits(kind)} |")
        self._print_kinds()
        total = sum(self.counts.values(), Counter())
        print(f"\n{total.total():,} inputs: " + ", ".join(f"{n:,} {k}" for k, n in total.items()))
        for (kind, error, place), names in list(self.bugs.items())[:SHOWN]:
            print(f"{len(names)} times {kind} {place} {error}, first {names[0]}")

    def _print_kinds(self) -> None:
        """Print counts for each kind of file, over all damage."""
        print("\n| file | inputs | read | refused | bugs | slowest, s | memory, MB |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for kind in self.slowest:
            counts = sum((c for (name, _), c in self.counts.items() if name == kind), Counter())
            numbers = counts.total(), *(counts[name] for name in OUTCOMES)
            cells = [f"{number:,}" for number in numbers]
            print(f"| {kind} | {' | '.join(cells)} | {self._limits(kind)} |")

    def _limits(self, kind: str) -> str:
        return f"{self.slowest[kind][0]:.2f} | {max(0, self.memory[kind]) / 1e6:.0f}"


def fuzz(tasks: deque[Task], tally: Tally, seed: int, workers: int) -> None:
    """Let processes read all inputs, and restart those that die.

    Args:
        tasks: what to read.
        tally: receives the outcomes.
        seed: of the damage.
        workers: number of processes.
    """
    total, began = sum(task.stop - task.start for task in tasks), time.monotonic()
    pool = [Worker(seed) for _ in range(min(workers, len(tasks)))]
    try:
        _run(pool, tasks, tally, (total, began))
    finally:
        for worker in pool:
            worker.end()


def _run(pool: list[Worker], tasks: deque[Task], tally: Tally, about: tuple[int, float]) -> None:
    """Hand out tasks until all are done; `about` is the number of inputs, and when it began."""
    total, began = about
    reported = began
    for worker in pool:
        worker.give(tasks.popleft())
    while busy := [worker for worker in pool if worker.task]:
        for ready in wait([worker.connection for worker in busy], timeout=1.0):
            worker = next(worker for worker in busy if worker.connection is ready)
            _take(worker, tasks, tally)
        for worker in busy:
            if worker.task and worker.hangs():
                worker.process.kill()
        if time.monotonic() - reported > REPORTS:
            reported = time.monotonic()
            _report(sum(c.total() for c in tally.counts.values()), total, reported - began)


def _take(worker: Worker, tasks: deque[Task], tally: Tally) -> None:
    """Receive a batch, or notice that the process died; then hand out the next task."""
    task = worker.task
    assert task is not None
    try:
        tally.add(task, worker.connection.recv())
    except (EOFError, OSError):
        _bury(worker, task, tasks, tally)
    if tasks:
        worker.give(tasks.popleft())
    else:
        worker.task = None


def _bury(worker: Worker, task: Task, tasks: deque[Task], tally: Tally) -> None:
    """Blame the input at which a process died, and repeat the others of its task."""
    worker.process.join()
    place = worker.place.value
    print(f"process ended with {worker.process.exitcode} at {task.kind}/{task.damage}/{place}")
    worker.end()
    worker.begin()
    if not task.start <= place < task.stop:
        raise RuntimeError(f"{task.kind}: a process died before its first input")
    content = _content_of(worker.seed, task, place)
    what = f"process died or hung: {worker.process.exitcode}"
    bug = Bug(f"{task.kind}/{task.damage}/{place}", what, "", content)
    tally.add(task, Batch(Counter({BUG: 1}), [bug], (0.0, ""), 0))
    rest = (task._replace(stop=place), task._replace(start=place + 1))
    tasks.extend(part for part in rest if part.start < part.stop)


def _content_of(seed: int, task: Task, place: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        return Reader(task.kind, Watch(Path(scratch)), seed).input_of(task.damage, place)[1]


def _report(done: int, total: int, seconds: float) -> None:
    left = seconds * (total - done) / max(done, 1)
    print(f"{done:,} of {total:,} inputs, about {left / 60:.0f} minutes left", flush=True)


def again(name: str, seed: int, keep: Path) -> None:
    """Read one input in this process, with the traceback of its error."""
    kind, damage, index = name.split("/")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        reader = Reader(choose(KINDS, kind, "kind") and kind, Watch(Path(scratch)), seed)
        path, content = reader.input_of(damage, int(index))
        keep.mkdir(parents=True, exist_ok=True)
        (keep / name.replace("/", "-")).write_bytes(content)
        path.write_bytes(content)
        KINDS[kind].read(path)
        print("read")


def main() -> int:
    """Parse the arguments, read everything, print the table; return 1 if there is a bug."""
    parser = argparse.ArgumentParser(
        description=benchmarks.fuzz.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="of files, separated by commas")
    parser.add_argument("--damage", default=",".join(DAMAGE), help="kinds, separated by commas")
    parser.add_argument("--count", type=int, default=10_000, help="inputs for each kind of both")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="folder for bugs")
    parser.add_argument("--again", metavar="NAME", help="read one input: kind/damage/number")
    args = parser.parse_args()
    if args.again:
        again(args.again, args.seed, args.keep)
        return 0
    kinds, damage = args.kinds.split(","), args.damage.split(",")
    for name in kinds:
        choose(KINDS, name, "kind")
    for name in damage:
        choose(DAMAGE, name, "damage")
    starts = range(0, args.count, BATCH)
    # An interrupted command has read about as many of each; TensorFlow is loaded for the last ones.
    tasks = deque(
        Task(kind, name, start, min(start + BATCH, args.count))
        for heavy in (False, True)
        for start in starts
        for kind in kinds
        for name in damage
        if KINDS[kind].is_heavy == heavy
    )
    tally = Tally(args.keep)
    print(describe_machine(), flush=True)
    with suppress(KeyboardInterrupt):  # the table of what was read so far
        fuzz(tasks, tally, args.seed, args.workers)
    tally.print_table()
    return 1 if tally.bugs else 0


if __name__ == "__main__":
    sys.exit(main())
