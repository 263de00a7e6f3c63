"""How many tokens a second two workers train, beside one, each with one core, in one run.

    python -m benchmarks.workers
    python -m benchmarks.workers --quick

Each worker is a process with one thread, tied to a core of its own; the two are connected over the
loopback. One and two workers take turns of some seconds, since the speed of a machine drifts, on
the same batches of random ids. Tokens a second are medians of the turns, and the ratio is the
median of the ratios of the turns, with the lowest and the highest. `--quick` measures a few
batches: it shows that all works.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time

from bach_tf._basics.process import begin, libraries_silenced
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

from benchmarks.machine import describe_machine

CASES = {"gru": (32, 256), "transformer": (16, 256)}  # windows of a batch, tokens of each
ONE_THREAD = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
QUICK = (4, 32)  # the same, to show that all works
TURNS = 5
UPDATES = 12  # of a turn


def worker(addresses: str, number: int, preset: str, size: tuple[int, int]) -> None:
    """Train as many updates as each line of the input says; worker 0 prints the seconds."""
    from bach_tf import learning
    from bach_tf.learning.workers.roster import read_roster

    with contextlib.suppress(AttributeError):  # on macOS
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    roster = read_roster(addresses, number, {})
    with libraries_silenced(), learning.joined(roster, "cpu") as group:
        update = _updates(preset, size, group)
        update(2)  # compiles
        for line in sys.stdin:
            began = time.perf_counter()
            update(int(line))
            print(json.dumps(time.perf_counter() - began), flush=True)


def _updates(preset_name: str, size: tuple[int, int], group):
    """Return a function that makes so many updates of a preset's model, alone or in a group."""
    import numpy as np
    import tensorflow as tf

    from bach_tf.codecs import SatbCodec
    from bach_tf.learning.fitting import compile_model
    from bach_tf.learning.pipeline import without_tuning
    from bach_tf.learning.runs import build_model
    from bach_tf.learning.windows import part_of
    from bach_tf.learning.workers.steps import SharedSteps
    from bach_tf.recipes import PRESETS

    codec, preset = SatbCodec(lowest=36, highest=81), PRESETS[preset_name]
    model = build_model(preset, codec)
    compile_model(model, preset)
    rows, length = size
    numbers = np.random.default_rng(0)
    ids = numbers.integers(1, codec.vocab_size, (rows, length + 1), np.int32)
    first, last = part_of(rows, *(group.part if group else (0, 1)))
    ids, weights = ids[first:last], np.ones((last - first, length), np.float32)
    batches = tf.data.Dataset.from_tensors((ids[:, :-1], ids[:, 1:], weights)).repeat()
    if group is None:
        batches = without_tuning(batches)
        return lambda count: model.fit(batches, steps_per_epoch=count, verbose=0, shuffle=False)
    steps, stream = SharedSteps(model, group), iter(without_tuning(batches))
    return lambda count: [steps.train(next(stream)).numpy() for _ in range(count)]


def free_addresses(count: int) -> list[str]:
    """Return addresses on this machine whose ports nobody used a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


class Team:
    """Several workers of a training, which measure when they are asked.

    Args:
        count: number of workers.
        preset: a name in `CASES`.
        quick: whether batches are small.
    """

    def __init__(self, count: int, preset: str, quick: bool):
        addresses = ",".join(free_addresses(count))
        command = [sys.executable, "-m", "benchmarks.workers", "--preset", preset]
        command += ["--quick"] * quick
        environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
        pipe = subprocess.PIPE
        self._processes = [
            subprocess.Popen(
                [*command, "--workers", addresses, "--worker", str(number)],
                stdin=pipe, stdout=pipe, text=True, env=environment,
            )
            for number in range(count)
        ]  # fmt: skip

    def seconds_of(self, updates: int) -> float:
        """Return how long so many updates take.

        Raises:
            RuntimeError: if a worker has stopped; it has said why.
        """
        for process in self._processes:
            process.stdin.write(f"{updates}\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process in self._processes]
        if not all(answers):
            raise RuntimeError("a worker has stopped")
        return max(map(float, answers))

    def end(self) -> None:
        """Let the workers end."""
        for process in self._processes:
            process.stdin.close()
        for process in self._processes:
            process.wait()


def row_of(preset: str, quick: bool) -> str:
    """Measure a preset; return a line of the table."""
    rows, length = QUICK if quick else CASES[preset]
    turns, updates = (1, 1) if quick else (TURNS, UPDATES)
    tokens = rows * length * updates
    teams = [Team(count, preset, quick) for count in (1, 2)]
    try:
        for team in teams:
            team.seconds_of(1)  # until it is ready
        rates = [[tokens / team.seconds_of(updates) for team in teams] for _ in range(turns)]
    finally:
        for team in teams:
            team.end()
    ratios = sorted(two / one for one, two in rates)
    one, two = (statistics.median(column) for column in zip(*rates))
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {preset} | {rows} x {length} | {one:,.0f} | {two:,.0f} | {spread} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few batches: no figures")
    parser.add_argument("--preset", choices=CASES, help="a row; all of them without")
    parser.add_argument("--workers", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.workers:
        size = QUICK if args.quick else CASES[args.preset]
        worker(args.workers, args.worker, args.preset, size)
        return 0
    print(f"{describe_machine()}{', quick: no figures' if args.quick else ''}\n")
    print("| model | batch | 1 worker, tokens/s | 2 workers, tokens/s | ratio |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for preset in [args.preset] if args.preset else CASES:
        print(row_of(preset, args.quick), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
