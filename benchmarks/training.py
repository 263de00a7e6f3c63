"""How many tokens a second a training takes, beside the same architecture in PyTorch, in one run.

    python -m benchmarks.training
    python -m benchmarks.training --quick

PyTorch is needed for this table alone (`pip install torch`); without it, its column stays empty.
Both sides train on the same random ids with Adam and a clipped gradient, both warmed up.
"""

from __future__ import annotations

import argparse
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
from benchmarks.machine import describe_machine, peak_memory_mb

CODEC = SatbCodec(lowest=36, highest=81)
STEPS = 8  # batches that are timed


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
    return _rate(case, steps, lambda n: model.fit(batches, steps_per_epoch=n, verbose=0))


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


def row_of(case: Case, steps: int) -> str:
    """Return a line of the table."""
    ours, theirs = our_rate(case, steps), torch_rate(case, steps)
    beside = "| |" if theirs is None else f"{theirs:,.0f} | {ours / theirs:.2f} |"
    size = f"{case.batch_size} x {case.length}"
    return f"| {case.preset} | {size} | {ours:,.0f} | {beside} {case.target} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two batches: no figures")
    args = parser.parse_args(argv)
    rows = [row_of(case, 2 if args.quick else STEPS) for case in CASES]
    print(f"{describe_machine()}, peak memory {peak_memory_mb():.0f} MB\n")
    print("| model | batch | ours, tokens/s | PyTorch, tokens/s | ratio | target |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
