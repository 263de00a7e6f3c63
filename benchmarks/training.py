"""How many tokens a second a training takes, beside the same architecture in PyTorch, in one run.

    python -m benchmarks.training
    python -m benchmarks.training --quick

PyTorch is needed for this table alone (`pip install torch`); without it, its column stays empty.
Both sides train on the same random ids with Adam and a clipped gradient, both warmed up. Each
side is a process of its own, for its memory; the two take turns of some seconds, since the speed
of a machine drifts. Tokens a second are medians of the turns, and the ratio is the median of the
ratios of the turns, with the lowest and the highest. `--quick` measures two batches in this
process: it shows that all works.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.learning.callbacks import precision_callbacks
from bach_tf.learning.fitting import compile_model
from bach_tf.learning.pipeline import without_tuning
from bach_tf.learning.runs import build_model
from bach_tf.recipes import PRESETS, changed
from benchmarks.machine import Worker, answer_requests, describe_machine, peak_memory_mb

CODEC = SatbCodec(lowest=36, highest=81)
TURNS = 9
TURN_SECONDS = 1.5  # at least so long is measured in a turn
SIDES = ("ours", "torch")


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Args:
        preset: a name in `PRESETS`.
        batch_size: windows of `length` tokens.
        length: tokens of a window.
        target: how many times PyTorch's tokens a second ours are to be.
        model: settings that differ from the preset's.
    """

    preset: str
    batch_size: int
    length: int
    target: float
    model: dict = field(default_factory=dict)


PLAIN = {"period": 1, "rules": False}  # as in PyTorch: without place and rules
GRU = {"units": 118, "layers": 3, "input_dropout": 0.0, "dropout": 0.2, **PLAIN}
CASES = (
    Case("gru", 64, 256, 1.5, GRU),
    Case("gru", 16, 256, 1.0, GRU),
    Case("wavenet", 32, 128, 1.5, PLAIN),
    Case("folk", 64, 64, 0.8),
    Case("transformer", 8, 256, 1.0),
    Case("chorale", 4, 1024, 1.0),
)


def make_ids(case: Case) -> np.ndarray:
    """Return random ids: int32 `(B, T + 1)`."""
    numbers = np.random.default_rng(0)
    return numbers.integers(1, CODEC.vocab_size, (case.batch_size, case.length + 1), np.int32)


def our_training(case: Case) -> Callable[[int], object]:
    """Return a function that trains our model for so many batches."""
    preset = PRESETS[case.preset]
    preset = changed(preset, model={**preset.model.settings, **case.model})
    model = build_model(preset, CODEC)
    compile_model(model, preset)
    ids = make_ids(case)
    weights = np.ones((case.batch_size, case.length), np.float32)
    batches = tf.data.Dataset.from_tensors((ids[:, :-1], ids[:, 1:], weights)).repeat()
    batches = without_tuning(batches)
    callbacks = precision_callbacks(preset)
    return lambda steps: model.fit(
        batches, steps_per_epoch=steps, callbacks=callbacks, verbose=0, shuffle=False
    )


def torch_training(case: Case) -> Callable[[int], object] | None:
    """Return the same for the same architecture in PyTorch; `None` without it."""
    try:
        from benchmarks import torch_models
    except ImportError:
        return None
    preset = PRESETS[case.preset]
    settings = {**preset.model.settings, **case.model}
    model = torch_models.twin_of(preset.model.architecture, CODEC.vocab_size, settings)
    bfloat16 = bool(precision_callbacks(preset))  # both sides multiply alike
    return torch_models.make_training(model, make_ids(case), bfloat16)


def make_measure(case: Case, side: str, seconds: float) -> Callable[[], dict]:
    """Return a function that measures the tokens a second of a side, and its peak memory so far.

    The rate is `None` without PyTorch.
    """
    train = {"ours": our_training, "torch": torch_training}[side](case)
    if train is None:
        return lambda: {"rate": None, "megabytes": peak_memory_mb()}
    train(2)  # compiles, and fills the caches
    begin = time.perf_counter()
    train(2)
    steps = 2 * max(1, math.ceil(seconds / (time.perf_counter() - begin)))

    def measure() -> dict:
        begin = time.perf_counter()
        train(steps)
        took = time.perf_counter() - begin
        rate = steps * case.batch_size * case.length / took
        return {"rate": rate, "megabytes": peak_memory_mb()}

    return measure


def measure_in_turns(number: int) -> list[tuple[dict, dict]]:
    """Return what both sides of a case measured in each turn."""
    ours, theirs = (Worker("benchmarks.training", "--one", str(number), s) for s in SIDES)
    with ours, theirs:
        return [(ours.ask(), theirs.ask()) for _ in range(TURNS)]


def row_of(case: Case, turns: list[tuple[dict, dict]]) -> str:
    """Return a line of the table: medians of the turns."""
    ours, theirs = zip(*turns)
    beside, sides = "| | |", [ours]
    if theirs[0]["rate"] is not None:
        sides.append(theirs)
        ratios = sorted(mine["rate"] / other["rate"] for mine, other in turns)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        beside = f"{_median(theirs, 'rate'):,.0f} | {spread} | {case.target} |"
    memory = " / ".join(f"{max(turn['megabytes'] for turn in side):.0f}" for side in sides)
    size = f"{case.batch_size} x {case.length}"
    return f"| {case.preset} | {size} | {_median(ours, 'rate'):,.0f} | {beside} {memory} |"


def _median(measured: tuple[dict, ...], name: str) -> float:
    return statistics.median(each[name] for each in measured)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two batches: no figures")
    numbers = range(len(CASES))
    parser.add_argument("--only", type=int, choices=numbers, help="a row; all of them without")
    parser.add_argument("--one", nargs=2, metavar=("NUMBER", "SIDE"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        answer_requests(make_measure(CASES[int(args.one[0])], args.one[1], TURN_SECONDS))
        return 0
    print(f"{describe_machine()}{', quick: no figures' if args.quick else ''}\n")
    print("| model | batch | ours, tokens/s | PyTorch, tokens/s | ratio | target | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for number, case in enumerate(CASES):
        if args.only not in (None, number):
            continue
        if args.quick:
            turns = [tuple(make_measure(case, side, 0)() for side in SIDES)]
        else:
            turns = measure_in_turns(number)
        print(row_of(case, turns), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
