"""Files a second and peak memory of `bach-tf prepare` for corpora of several sizes.

    python -m benchmarks.scale --data-dir /path/to/data
    python -m benchmarks.scale --data-dir /path/to/data --sizes 200 400
    python -m benchmarks.scale --data-dir /path/to/data --sizes 200 --kill

The files are made of real ones: passages of the pieces in the folder, in all keys, as MIDI files.
Each size is prepared by the direct runner in a process of its own with two workers; its memory is
that of all its processes together, looked at five times a second. From the first size on, time and
memory beyond those of an empty start are to grow in proportion to the files, within 10 %.

With `--kill` a worker is killed in the middle of the run: the run must end with an error and leave
nothing, and a second one must give the same bytes as an undisturbed one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bach_tf._basics.process import begin
from bach_tf.corpora.scale.runners import WORKER
from bach_tf.corpora.scale.shards import read_shards
from bach_tf.corpora.scale.statistics import STATISTICS
from bach_tf.formats import read_all, write
from bach_tf.score import COLUMNS, Score
from benchmarks.machine import describe_machine

ENDINGS = (".mid", ".midi")
SIZES = (1_000, 10_000, 50_000)
WORKERS = 2
SECONDS = 60  # of a passage
IN_A_FOLDER = 1_000  # files
LOOK_EVERY = 0.2  # seconds
LINEAR_WITHIN = 0.1
PATIENCE = 5  # times that a run may take after a worker is killed, before it is killed too
SHIFTS = (0, *range(-5, 0), *range(1, 7))


class Measured(NamedTuple):
    """What a run took.

    Args:
        files: that it read.
        seconds: from its start to its end.
        megabytes: the most that its processes had together.
        pieces: in its shards.
    """

    files: int
    seconds: float
    megabytes: float
    pieces: int


def passages(data: Path) -> Iterator[Score]:
    """Yield passages of the pieces in a folder or its archives, in one key after the other.

    Args:
        data: with MIDI files, or `.tar.gz` archives of them.

    Raises:
        ValueError: if there are none.
    """
    whole = list(_scores_in(data))
    if not whole:
        raise ValueError(f"Expected MIDI files in {data} or in its archives, got none.")
    cut = [passage for score in whole for passage in _cut(score)]
    for number in count():
        round_, key = divmod(number, len(SHIFTS))
        # A note is left out, another one in each key but the second: as in an archive, most files
        # are other music, and some are copies in another key.
        note = round_ * len(SHIFTS) + max(1, key)
        yield from (_moved(_without(passage, note), SHIFTS[key]) for passage in cut)


def _scores_in(data: Path) -> Iterator[Score]:
    with tempfile.TemporaryDirectory() as scratch:
        for archive in sorted(data.glob("*.tar.gz")):
            with tarfile.open(archive) as tar:
                tar.extractall(Path(scratch) / archive.stem, filter="data")
        for folder in (data, Path(scratch)):
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in ENDINGS:
                    yield from (piece.score for piece in read_all(path).values())


def _cut(score: Score) -> Iterator[Score]:
    steps = _steps_in(score, SECONDS)
    for start in range(0, score.length - steps + 1, steps):
        mine = (score.onset >= start) & (score.onset + score.duration <= start + steps)
        columns = {name: getattr(score, name)[mine] for name in COLUMNS}
        columns["onset"] = columns["onset"] - start
        if columns["onset"].size > 8:
            kept = {"steps_per_quarter": score.steps_per_quarter, "timing": score.timing}
            yield Score(**columns, length=steps, **kept)


def _steps_in(score: Score, seconds: int) -> int:
    """Return about how many steps of a score last so long, at 75 quarters a minute."""
    return max(1, seconds * 75 * score.steps_per_quarter // 60)


def _without(score: Score, number: int) -> Score:
    kept = np.arange(len(score)) != number % len(score)
    return replace(score, **{name: getattr(score, name)[kept] for name in COLUMNS})


def _moved(score: Score, shift: int) -> Score:
    inside = score.pitch.min() + shift >= 0 and score.pitch.max() + shift <= 127
    return score.transpose(shift) if inside else score


def fill(folder: Path, data: Path, files: int) -> None:
    """Write so many files, a thousand in each folder, and say how far it is.

    Args:
        folder: is made.
        data: as in `passages`.
        files: how many.
    """
    for number, score in enumerate(islice(passages(data), files)):
        inside = folder / f"{number // IN_A_FOLDER:03}"
        if number % IN_A_FOLDER == 0:
            print(f"made {number:,} of {files:,} files", flush=True)
        write(score, inside / f"{number:06}.mid")


def prepare(files: Path, output: Path, watch: Callable[[subprocess.Popen], None]) -> int:
    """Run `bach-tf prepare` in a process of its own; return its exit status.

    Args:
        files: the folder of MIDI files.
        output: the prepared folder.
        watch: called again and again with the process.
    """
    command = [sys.executable, "-m", "bach_tf", "prepare", "--data-dir", str(files)]
    command += ["--model", "performance", "--output", str(output), "--processes", str(WORKERS)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*command, *EXTRA], stdout=said, stderr=said, start_new_session=True
        )
        try:
            while process.poll() is None:
                watch(process)
                time.sleep(LOOK_EVERY)
        finally:
            for each in family_of(process.pid):
                os.kill(each, signal.SIGKILL)
        said.seek(0)
        last = said.read().strip().splitlines()[-4:]
    print("\n".join(f"    {line}" for line in last), flush=True)
    return process.returncode


EXTRA: list[str] = []  # options of every run


def family_of(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs; without itself.

    Args:
        pid: of the process.
    """
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it has ended
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its in parents.items() if its == parent]
        found += children
        waiting += children
    return found


def megabytes_of(pids: list[int]) -> float:
    """Return the memory of processes together; what they share is counted once.

    Args:
        pids: of the processes.
    """
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def measure(files: Path, size: int, output: Path) -> Measured:
    """Prepare a folder; return what that took.

    Args:
        files: the folder of MIDI files.
        size: how many it has.
        output: the prepared folder.

    Raises:
        RuntimeError: if the run fails.
    """
    most = 0.0

    def watch(process: subprocess.Popen) -> None:
        nonlocal most
        most = max(most, megabytes_of([process.pid, *family_of(process.pid)]))

    start = time.perf_counter()
    if prepare(files, output, watch):
        raise RuntimeError(f"preparing {files} failed")
    seconds = time.perf_counter() - start
    shards = read_shards(output)
    splits = shards.manifest["splits"]
    pieces = sum(shard["pieces"] for split in splits.values() for shard in split)
    return Measured(size, seconds, most, pieces)


def table_of(found: list[Measured]) -> str:
    """Return the measurements as a table in Markdown, with how linear they are.

    The rate between two sizes is that of the files which the larger one has more: what a start
    costs, whatever the size, is not in it.

    Args:
        found: one of each size, the smallest first.
    """
    lines = [
        "| files | seconds | files a second | files a second beyond the size before | peak MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for before, each in zip([None, *found], found):
        more = f"{_rate(before, each):.1f}" if before else ""
        lines.append(
            f"| {each.files:,} | {each.seconds:.0f} | {each.files / each.seconds:.1f} | {more} | "
            f"{each.megabytes:.0f} |"
        )
    return "\n".join([*lines, "", *_linear(found)])


def _rate(before: Measured, after: Measured) -> float:
    return (after.files - before.files) / max(after.seconds - before.seconds, 1e-9)


def _linear(found: list[Measured]) -> list[str]:
    """Return whether the last two rates beyond the size before agree."""
    if len(found) < 3:
        return []
    rates = [_rate(*pair) for pair in pairwise(found)]
    apart = max(rates) / min(rates) - 1
    verdict = "linear" if apart <= LINEAR_WITHIN else "NOT linear"
    return [f"{verdict}: the rates differ by {apart:.1%}, of at most {LINEAR_WITHIN:.0%}"]


def content_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a prepared folder, but for the statistics.

    Quantiles in the statistics are estimates, which depend on the order of the pieces.

    Args:
        folder: prepared.
    """
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != STATISTICS
    }


def kill(files: Path, scratch: Path, seconds: float) -> list[str]:
    """Kill a worker in the middle of a run, and return what was found, a line for each.

    Args:
        files: the folder of MIDI files.
        scratch: for prepared folders.
        seconds: that an undisturbed run takes.
    """
    start, killed = time.perf_counter(), []

    def watch(process: subprocess.Popen) -> None:
        workers = [pid for pid in family_of(process.pid) if _is_worker(pid)]
        if not killed and workers and time.perf_counter() - start > seconds / 2:
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])
        if killed and time.perf_counter() - start > PATIENCE * (seconds + 60):
            process.kill()

    status = prepare(files, scratch / "killed", watch)
    left = sorted(path.name for path in scratch.iterdir() if "killed" in path.name)
    again = prepare(files, scratch / "killed", lambda process: None)
    same = content_of(scratch / "killed") == content_of(scratch / "whole")
    return [
        f"a worker was killed: {bool(killed)}; the run ended with status {status}",
        f"left behind: {left or 'nothing'}",
        f"run again, status {again}: {'the same bytes' if same else 'OTHER BYTES'} as undisturbed",
    ]


def _is_worker(pid: int) -> bool:
    """Return whether a process does Beam's work; the shell that has started it does not."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return arguments[1:3] == [b"-m", WORKER.encode()]


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="MIDI files, or archives")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--kill", action="store_true", help="kill a worker of the first size")
    parser.add_argument("--no-statistics", action="store_true", help="without those of TFDV")
    parser.add_argument("--scratch", type=Path, help="where files are made (default: temporary)")
    args = parser.parse_args(argv)
    EXTRA[:] = ["--no-statistics"] * args.no_statistics
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        return _measure_sizes(args, Path(folder))


def _measure_sizes(args: argparse.Namespace, scratch: Path) -> int:
    found = []
    for size in sorted(args.sizes):
        files, output = scratch / f"{size}", scratch / "whole"
        fill(files, args.data_dir, size)
        found.append(measure(files, size, output))
        print(f"{size:,} files: {found[-1]}", flush=True)
        if args.kill:
            print("\n".join(kill(files, scratch, found[-1].seconds)))
            return 0
        shutil.rmtree(files)
    print(f"\n{table_of(found)}")
    return 0


if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    sys.exit(main())
