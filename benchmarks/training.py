"""How many tokens a second a training takes, beside the same architecture in PyTorch, in one run.

    python -m benchmarks.training
    python -m benchmarks.training --quick

PyTorch is needed for this table alone (`pip install torch`); without it, its column stays empty.
Both sides train on the same random ids with Adam and a clipped gradient, both warmed up. Each
measurement is a process of its own, for its memory; the two sides take turns, and the median of
the turns counts. `--quick` measures two batches in this process: it shows that all works.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bach_tf.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.presets import PRESETS
from bach_tf.runs import build_model
from bach_tf.training.fitting import compile_model
from benchmarks.machine import describe_machine, measured_apart, peak_memory_mb

CODEC = SatbCodec(lowest=36, highest=81)
STEPS = 8  # batches that are timed
TURNS = 3
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


GRU = {"units": 118, "layers": 3, "input_dropout": 0.0, "dropout": 0.2}
CASES = (
    Case("gru", 64, 256, 1.5, GRU),
    Case("gru", 16, 256, 1.0, GRU),
    Case("wavenet", 32, 128, 1.5),
    Case("folk", 64, 64, 0.8),
    Case("transformer", 8, 256, 1.0),
)


def make_ids(case: Case) -> np.ndarray:
    """Return random ids: int32 `(B, T + 1)`."""
    numbers = np.random.default_rng(0)
    return numbers.integers(1, CODEC.vocab_size, (case.batch_size, case.length + 1), np.int32)


def our_rate(case: Case, steps: int) -> float:
    """Return the tokens a second of our training."""
    preset = PRESETS[case.preset]
    preset = replace(preset, model={**preset.model, **case.model})
    model = build_model(preset, CODEC)
    compile_model(model, preset)
    ids = make_ids(case)
    weights = np.ones((case.batch_size, case.length), np.float32)
    batches = tf.data.Dataset.from_tensors((ids[:, :-1], ids[:, 1:], weights)).repeat()
    return _rate(case, steps, lambda n: _fit(model, batches, n))


def _fit(model, batches: tf.data.Dataset, steps: int) -> None:
    model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)


def torch_rate(case: Case, steps: int) -> float | None:
    """Return the tokens a second of the same architecture in PyTorch; `None` without it."""
    try:
        from benchmarks import torch_models
    except ImportError:
        return None
    settings = {**PRESETS[case.preset].model, **case.model}
    model = torch_models.twin_of(PRESETS[case.preset].architecture, CODEC.vocab_size, settings)
    train = torch_models.make_training(model, make_ids(case))
    return _rate(case, steps, train)


def _rate(case: Case, steps: int, train: Callable[[int], object]) -> float:
    train(2)  # compiles, and fills the caches
    begin = time.perf_counter()
    train(steps)
    return steps * case.batch_size * case.length / (time.perf_counter() - begin)


def measure(number: int, side: str, steps: int) -> dict:
    """Return the tokens a second (`None` without PyTorch) and the peak memory of a case."""
    rate = {"ours": our_rate, "torch": torch_rate}[side](CASES[number], steps)
    return {"rate": rate, "megabytes": peak_memory_mb()}


def measure_in_turns(number: int) -> list[dict]:
    """Return the medians of both sides of a case, each measurement in a process of its own."""
    turns = [
        [measured_apart("benchmarks.training", "--one", str(number), side) for side in SIDES]
        for _ in range(TURNS)
    ]
    return [_median(list(of_side)) for of_side in zip(*turns)]


def _median(measured: list[dict]) -> dict:
    if measured[0]["rate"] is None:
        return measured[0]
    return {name: statistics.median(each[name] for each in measured) for name in measured[0]}


def row_of(case: Case, ours: dict, theirs: dict) -> str:
    """Return a line of the table."""
    beside = "| | |"
    if theirs["rate"] is not None:
        ratio = ours["rate"] / theirs["rate"]
        beside = f"{theirs['rate']:,.0f} | {ratio:.2f} | {case.target} |"
    memory = " / ".join(f"{side['megabytes']:.0f}" for side in (ours, theirs) if side["rate"])
    size = f"{case.batch_size} x {case.length}"
    return f"| {case.preset} | {size} | {ours['rate']:,.0f} | {beside} {memory} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two batches: no figures")
    parser.add_argument("--one", nargs=2, metavar=("NUMBER", "SIDE"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(int(args.one[0]), args.one[1], STEPS)))
        return 0
    print(f"{describe_machine()}{', quick: no figures' if args.quick else ''}\n")
    print("| model | batch | ours, tokens/s | PyTorch, tokens/s | ratio | target | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for number, case in enumerate(CASES):
        quick = args.quick
        both = [measure(number, s, 2) for s in SIDES] if quick else measure_in_turns(number)
        print(row_of(case, *both), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
