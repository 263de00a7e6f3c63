"""The command: kill, resume, compare, and print a table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from random import Random

import benchmarks.faults
from benchmarks.faults.together import TrainingTogether
from benchmarks.faults.training import Outcome, Training, differences
from benchmarks.faults.victims import run
from benchmarks.faults.writers import kill_writer, writers
from benchmarks.machine import describe_machine

MOST_TRIES = 3  # of one kind, where the training ended before the moment


def kill_trainings(training: Training, kills: int) -> tuple[list[Outcome], list[str]]:
    """Kill trainings; return what came of each kill, and how finished ones differ.

    Args:
        training: what is killed.
        kills: how many.
    """
    expected, usual = training.reference()
    print(f"undisturbed: {usual.seconds[1]:.0f} s, {len(expected.events)} events", flush=True)
    outcomes: list[Outcome] = []
    differing: list[str] = []
    kinds, since = cycle(training.kinds), 0
    while len(outcomes) < kills:
        kind = next(kinds)
        for _ in range(MOST_TRIES):
            end, outcome = training.kill(kind, usual)
            if outcome:
                break
            differing += _finished(training, end, expected, since)
            since = 0
        if outcome:
            outcomes.append(outcome)
            since += 1
            _tell(len(outcomes), outcome)
        training.clear_half()
    end = training.train(None)
    return outcomes, differing + _finished(training, end, expected, since)


def _finished(training: Training, end, expected, kills: int) -> list[str]:
    """Compare a training that has ended, and begin anew."""
    if end.status:
        shutil.rmtree(training.folder, ignore_errors=True)
        return [f"status {end.status}: {end.errors[-300:]}"]
    found = differences(training.take_facts(), expected)
    print(f"finished after {kills} kills: {', '.join(found) or 'equal'}", flush=True)
    return found


def kill_writers(home: Path, kills: int, random: Random) -> list[Outcome]:
    """Kill other programs while they write; return what came of each kill."""
    from bach_tf.learning.runs import RUNS

    training = Training(home, random)
    run(("train", str(training.data), "1"), training.folder, home)
    found = writers(home, home / RUNS / "run", training.data)
    outcomes: list[Outcome] = []
    usual = {}
    for kind, writer in found.items():
        shutil.rmtree(writer.output, ignore_errors=True)
        usual[kind] = run(writer.work, writer.output, home)
        if usual[kind].status:
            raise RuntimeError(f"{kind} failed: {usual[kind].errors[-2000:]}")
    for kind, _ in zip(cycle(found), range(kills)):
        outcomes.append(kill_writer(kind, found[kind], home, random, usual[kind]))
        _tell(len(outcomes), outcomes[-1])
    return outcomes


def _tell(number: int, outcome: Outcome) -> None:
    early = ", before the first epoch's end" if outcome.early else ""
    problem = f": {outcome.problem}" if outcome.problem else ""
    print(f"{number}. {outcome.kind}: {outcome.when}{early}{problem}", flush=True)


def print_table(outcomes: list[Outcome]) -> None:
    """Print the kills by kind of moment."""
    print("\n| killed in | kills | before an epoch had finished | problems |")
    print("|---|---:|---:|---:|")
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.kind == kind]
        counts = len(mine), sum(o.early for o in mine), sum(bool(o.problem) for o in mine)
        print(f"| {kind} | {' | '.join(map(str, counts))} |")


def main() -> int:
    """Parse the arguments, kill, print the table; return 1 if something was lost."""
    parser = argparse.ArgumentParser(
        description=benchmarks.faults.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30, help="of trainings")
    parser.add_argument("--together", type=int, default=10, help="of one of two workers")
    parser.add_argument("--writers", type=int, default=9, help="kills of other programs")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    random = Random(args.seed)
    outcomes: list[Outcome] = []
    differing: list[str] = []
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        for kind, kills in ((Training, args.kills), (TrainingTogether, args.together)):
            if kills:
                training = kind(Path(scratch) / kind.__name__, random)
                found, different = kill_trainings(training, kills)
                outcomes, differing = outcomes + found, differing + different
        if args.writers:
            outcomes += kill_writers(Path(scratch) / "writers", args.writers, random)
    print_table(outcomes)
    print(f"\nfinished trainings: {', '.join(differing) or 'all equal to the undisturbed one'}")
    return 1 if differing or any(outcome.problem for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
