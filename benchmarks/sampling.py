"""How fast pieces are written, as ratios in one run.

    python -m benchmarks.sampling
    python -m benchmarks.sampling --quick

The compiled loop stands beside what people would do instead: `model.predict` on the growing piece
for every note, and the same weights in PyTorch (`pip install torch`, for this table alone), run on
the growing piece in the same way. The weights are fresh: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bach_tf.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.presets import PRESETS
from bach_tf.runs import build_model, create_run, save_weights
from bach_tf.sampling import Sampler
from benchmarks.machine import describe_machine, measured_apart, peak_memory_mb

NOTES = 800
BATCH = 64
REPEATS = 5
CODEC = SatbCodec(lowest=36, highest=81)
QUICK_NOTES = 8


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: what is compared.
        seconds: of ours, the median of several.
        other: seconds of the other.
        target: what the ratio is to be, in words.
    """

    name: str
    seconds: float
    other: float
    target: str

    @property
    def ratio(self) -> float:
        """How many times the other takes."""
        return self.other / self.seconds


def median_seconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of a call, the first of which is not counted."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def make_sampler(preset_name: str) -> Sampler:
    """Return a sampler of a preset's model with fresh weights."""
    preset = replace(PRESETS[preset_name], seed=0)
    return Sampler(build_model(preset, CODEC), CODEC)


def sample_seconds(sampler: Sampler, notes: int, num_outputs: int = 1, **options) -> float:
    """Return the seconds of writing pieces of so many notes, none of which ends before."""
    options = {"temperature": 1.0, "seed": 0, "min_length": notes, **options}
    prompt = [CODEC.START]
    return median_seconds(
        lambda: sampler.sample(prompt, length=notes, num_outputs=num_outputs, **options)
    )


def predict_seconds(sampler: Sampler, notes: int) -> float:
    """Return the seconds of the recipe's loop: Keras' predict on the whole piece for each note."""
    numbers = np.random.default_rng(0)

    def write():
        ids = [CODEC.START]
        for _ in range(notes):
            logits = sampler.model.predict(np.array([ids], np.int32), verbose=0)[0, -1]
            shares = np.exp(logits - logits.max())
            ids.append(int(numbers.choice(len(shares), p=shares / shares.sum())))
        return ids

    sampler.model.predict(np.array([[CODEC.START]], np.int32), verbose=0)
    begin = time.perf_counter()
    write()
    return time.perf_counter() - begin


def torch_seconds(sampler: Sampler, notes: int) -> float | None:
    """Return the seconds of the same loop with a ConvLSTM in PyTorch; `None` without it."""
    try:
        from benchmarks import torch_models
    except ImportError:
        return None
    return torch_models.growing_piece_seconds(
        torch_models.conv_lstm_of(sampler.model), CODEC.START, notes
    )


def process_seconds(command: list[str]) -> float:
    """Return the seconds of a process, the median of three."""
    return median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), 3)


def first_note_seconds() -> float:
    """Return the seconds of `generate.py` that writes one step, from the start of Python."""
    program = str(Path(__file__).parent.parent / "generate.py")
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(PRESETS["gru"], CODEC, "fresh", runs=Path(folder))
        save_weights(run)
        command = [sys.executable, program, "--run", str(run.folder), "--length", "1"]
        return process_seconds([*command, "--min-bars", "0", "--output", folder])


def measure(notes: int) -> list[Row]:
    """Return the rows of the table for pieces of so many notes."""
    gru, wavenet, transformer = map(make_sampler, ("gru", "wavenet", "transformer"))
    one = {name: sample_seconds(s, notes) for name, s in (("gru", gru), ("wavenet", wavenet))}
    rows = [
        Row("gru: predict on the growing piece", one["gru"], predict_seconds(gru, notes), ">= 500"),
    ]
    in_torch = torch_seconds(wavenet, notes)
    if in_torch is not None:
        rows.append(Row("wavenet: PyTorch on the growing piece", one["wavenet"], in_torch, ">= 30"))
    for name, sampler in (("gru", gru), ("wavenet", wavenet), ("transformer", transformer)):
        single = one.get(name) or sample_seconds(sampler, notes)
        twice = sample_seconds(sampler, 2 * notes)
        many = sample_seconds(sampler, notes, BATCH)
        rows.append(Row(f"{name}: twice the length", single, twice, "1.9 to 2.1"))
        rows.append(Row(f"{name}: {BATCH} pieces at once", single, many, "<= 2.5"))
    narrowed = sample_seconds(gru, notes, top_k=8, top_p=0.9)
    rows.append(Row("gru: with top-k and top-p", one["gru"], narrowed, ""))
    bare = process_seconds([sys.executable, "-c", "import tensorflow, keras"])
    rows.append(Row("generate.py beside the imports", bare, first_note_seconds(), "<= 2"))
    return rows


def memory_of(preset_name: str, num_outputs: int, notes: int) -> dict:
    """Return the peak memory of this process once a preset has written so many pieces."""
    make_sampler(preset_name).sample(
        [CODEC.START],
        length=notes,
        num_outputs=num_outputs,
        min_length=notes,
        temperature=1.0,
        seed=0,
    )
    return {"megabytes": peak_memory_mb()}


def memory_table(notes: int) -> str:
    """Return the peak memory of each model for one piece and for many, as a table in Markdown."""
    lines = [f"| model | one piece, MB | {BATCH} pieces, MB |\n| --- | --- | --- |"]
    for name in ("gru", "wavenet", "transformer"):
        arguments = ([name, str(number), str(notes)] for number in (1, BATCH))
        measured = [measured_apart("benchmarks.sampling", "--memory-of", *a) for a in arguments]
        lines.append(f"| {name} | " + " | ".join(f"{m['megabytes']:.0f}" for m in measured) + " |")
    return "\n".join(lines)


def format_table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| what | ours, s | other, s | ratio | target |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.name} | {row.seconds:.3f} | {row.other:.3f} | {row.ratio:.2f} | {row.target} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few notes: no figures")
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.memory_of:
        name, num_outputs, notes = args.memory_of
        print(json.dumps(memory_of(name, int(num_outputs), int(notes))))
        return 0
    notes = QUICK_NOTES if args.quick else NOTES
    rows = measure(notes)
    print(f"{describe_machine()}, {notes} notes\n")
    print(format_table(rows))
    if not args.quick:
        print(f"\n{memory_table(notes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
