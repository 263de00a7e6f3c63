"""How fast pieces are written, as ratios in one run.

    python -m benchmarks.sampling
    python -m benchmarks.sampling --quick
    python -m benchmarks.sampling --first   # first music alone, with the shipped weights

The compiled loop stands beside what people would do instead: `model.predict` on the growing piece
for every note, and the same weights in PyTorch (`pip install torch`, for this table alone), run on
the growing piece in the same way. The weights are fresh: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import numpy as np

from bach_tf.codecs import SatbCodec
from bach_tf.composing.sampling import Sampler
from bach_tf.learning.runs import SHIPPED, build_model
from bach_tf.recipes import PRESETS, changed
from benchmarks.machine import describe_machine, measured_apart, peak_memory_mb

NOTES = 800
BATCH = 64
REPEATS = 5
CODEC = SatbCodec(lowest=36, highest=81)
QUICK_NOTES = 8
FIRST_MUSIC = ("--seed", "7", "--bars", "8")
MODELS = [name for name, preset in PRESETS.items() if preset.music.codec == "satb"]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: what is compared.
        seconds: of ours, the median of several.
        other: seconds of the other, likewise.
        target: what the ratio is to be, in words.
        ratio: how many times the other takes; the median of the ratios where both took turns.
    """

    name: str
    seconds: float
    other: float
    target: str
    ratio: float

    @classmethod
    def of_turns(cls, name: str, target: str, ours: list[float], other: list[float]) -> Row:
        """Return the row of times that were measured in turn, since a machine's speed drifts."""
        ratio = statistics.median(theirs / mine for mine, theirs in zip(ours, other))
        return cls(name, statistics.median(ours), statistics.median(other), target, ratio)


def seconds_in_turns(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the times of several calls that take turns; the first turn is not counted."""
    times = {name: [] for name in calls}
    for turn in range(1 + REPEATS):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if turn:
                times[name].append(time.perf_counter() - begin)
    return times


def make_sampler(preset_name: str) -> Sampler:
    """Return a sampler of a preset's model with fresh weights."""
    preset = changed(PRESETS[preset_name], seed=0)
    return Sampler(build_model(preset, CODEC), CODEC)


def writer(sampler: Sampler, notes: int, num_outputs: int = 1, **options) -> Callable[[], object]:
    """Return a call that writes pieces of so many notes, none of which ends before."""
    options = {"temperature": 1.0, "seed": 0, "min_length": notes, **options}
    prompt = [CODEC.START]
    return lambda: sampler.sample(prompt, length=notes, num_outputs=num_outputs, **options)


def predict_seconds(sampler: Sampler, notes: int) -> float:
    """Return the seconds of the recipe's loop: Keras' predict on the whole piece for each note."""
    numbers = np.random.default_rng(0)

    def write():
        ids = [CODEC.START]
        for _ in range(notes):
            logits = sampler.model.predict(np.array([ids], np.int32), verbose=0)[0, -1]
            probs = np.exp(logits - logits.max())
            ids.append(int(numbers.choice(len(probs), p=probs / probs.sum())))
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


def start_rows() -> list[Row]:
    """Return the rows of first music with the shipped weights, beside the imports alone.

    Both are whole processes: by the clock, and by the seconds that their cores worked, which
    other programs on the machine change less.
    """
    program = str(Path(__file__).parent.parent / "generate.py")
    imports = [sys.executable, "-c", "import tensorflow, keras"]
    with tempfile.TemporaryDirectory() as folder:
        first = [sys.executable, program, "--run", SHIPPED, *FIRST_MUSIC, "--output", folder]
        turns = [(run_process(imports), run_process(first)) for _ in range(1 + REPEATS)][1:]
    rows = []
    for kind, unit in enumerate(("", ", CPU")):
        alone, whole = ([turn[which][kind] for turn in turns] for which in (0, 1))
        rows.append(Row.of_turns(f"first music beside the imports{unit}", "<= 2", alone, whole))
    return rows


def run_process(command: list[str]) -> tuple[float, float]:
    """Run a program to its end; return its seconds by the clock, and those of its cores."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows_of(name: str, sampler: Sampler, notes: int) -> list[Row]:
    """Return the rows that every model has: twice the length, and many pieces at once."""
    calls = {
        "one": writer(sampler, notes),
        "twice": writer(sampler, 2 * notes),
        "many": writer(sampler, notes, BATCH),
        "narrowed": writer(sampler, notes, top_k=8, top_p=0.9),
    }
    times = seconds_in_turns(calls)
    wanted = {
        "twice": ("twice the length", "1.9 to 2.1"),
        "many": (f"{BATCH} pieces at once", "<= 2.5"),
        "narrowed": ("with top-k and top-p", ""),
    }
    return [
        Row.of_turns(f"{name}: {what}", target, times["one"], times[key])
        for key, (what, target) in wanted.items()
    ]


def measure(notes: int) -> list[Row]:
    """Return the rows of the table for pieces of so many notes."""
    samplers = {name: make_sampler(name) for name in MODELS}
    of_models = {name: rows_of(name, sampler, notes) for name, sampler in samplers.items()}
    gru, wavenet = (of_models[name][0].seconds for name in ("gru", "wavenet"))
    predicted = predict_seconds(samplers["gru"], notes)
    what = "on the growing piece"
    rows = [Row(f"gru: predict {what}", gru, predicted, ">= 500", predicted / gru)]
    in_torch = torch_seconds(samplers["wavenet"], notes)
    if in_torch is not None:
        rows.append(Row(f"wavenet: PyTorch {what}", wavenet, in_torch, ">= 30", in_torch / wavenet))
    return rows + [row for rows in of_models.values() for row in rows] + start_rows()


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
    for name in MODELS:
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
    parser.add_argument("--first", action="store_true", help="the rows of first music alone")
    parser.add_argument("--memory", action="store_true", help="the table of memory alone")
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.memory_of:
        name, num_outputs, notes = args.memory_of
        print(json.dumps(memory_of(name, int(num_outputs), int(notes))))
        return 0
    if args.first:
        print(f"{describe_machine()}\n\n{format_table(start_rows())}")
        return 0
    notes = QUICK_NOTES if args.quick else NOTES
    print(f"{describe_machine()}, {notes} notes", flush=True)
    if not args.memory:
        print(f"\n{format_table(measure(notes))}", flush=True)
    if args.memory or not args.quick:
        print(f"\n{memory_table(notes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
