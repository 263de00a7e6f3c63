"""How fast the pipeline delivers training batches, with no training behind it.

    python -m benchmarks.pipeline --corpus chorales
    python -m benchmarks.pipeline --times 10

The second command compares the peak memory with that of a corpus ten times as large: the same
pieces of the training split under other names. Each is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

from bach_tf.corpora.preparation.prepared import MANIFEST, read_manifest
from bach_tf.learning import make_batches, make_codec, prepare_corpus
from bach_tf.learning.pipeline import TrainingBatches
from bach_tf.learning.windows import load_split
from bach_tf.recipes import PRESETS, changed
from benchmarks.machine import describe_machine, measured_apart, peak_memory_mb


def tokens_per_second(batches: TrainingBatches, epochs: int) -> list[float]:
    """Return the tokens a second of each epoch; the first one compiles and is slower."""
    stream = iter(batches.dataset())
    rates = []
    for _ in range(epochs):
        begin, tokens = time.perf_counter(), 0
        for _ in range(batches.steps_per_epoch):
            inputs, _, _ = next(stream)
            tokens += inputs.shape[0] * inputs.shape[1]
        rates.append(tokens / (time.perf_counter() - begin))
    return rates


def repeat_corpus(corpus: Path, larger: Path, times: int) -> None:
    """Write a prepared corpus anew with each training piece so many times, under other names.

    Args:
        corpus: the prepared folder.
        larger: the folder to be made.
        times: how often each piece is there.
    """
    manifest, entries = read_manifest(corpus), []
    for entry in manifest["pieces"]:
        path = Path(entry["file"])
        for number in range(times if path.parts[0] == "train" else 1):
            name = path.with_stem(f"{path.stem}-{number}").as_posix()
            (larger / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(corpus / path, larger / name)
            entries.append({**entry, "file": name})
    text = json.dumps({**manifest, "pieces": entries})
    (larger / MANIFEST).write_text(text, encoding="utf-8")


def memory_of(corpus: Path) -> dict:
    """Return the tokens of a prepared corpus, and the megabytes before and after an epoch of it."""
    before, preset = peak_memory_mb(), PRESETS["gru"]
    codec = make_codec(preset, corpus)
    pieces = load_split(corpus, "train", codec)
    tokens_per_second(make_batches(preset, pieces, codec), 1)
    return {"tokens": int(pieces.ids.size), "before": before, "after": peak_memory_mb()}


def memory_table(corpus: Path, times: int) -> str:
    """Return what an epoch of a corpus and of a larger one takes, as a table in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        repeat_corpus(corpus, Path(folder), times)
        measured = [
            measured_apart("benchmarks.pipeline", "--memory-of", str(each))
            for each in (corpus, folder)
        ]
    one, many = ({**each, "grown": each["after"] - each["before"]} for each in measured)
    lines = [
        f"| corpus | tokens | peak MB | beyond the imports, MB |\n{'| --- ' * 4}|",
        *(
            f"| {name} | {each['tokens']:,} | {each['after']:.0f} | {each['grown']:.0f} |"
            for name, each in (("once", one), (f"{times} times", many))
        ),
        f"| ratio | {many['tokens'] / one['tokens']:.1f} | {many['after'] / one['after']:.2f} | "
        f"{many['grown'] / max(one['grown'], 1):.2f} |",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="chorales")
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--times", type=int, help="compare the memory of a corpus so much larger")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.memory_of:
        print(json.dumps(memory_of(Path(args.memory_of))))
        return 0
    preset = changed(PRESETS["gru"], corpus=args.corpus, data_dir=args.data_dir)
    begin = time.perf_counter()
    try:
        corpus = prepare_corpus(preset)
    except (ValueError, OSError) as error:
        print(f"pipeline: {error}", file=sys.stderr)
        return 2
    if args.times:
        print(f"{describe_machine()}\n\n{memory_table(corpus, args.times)}")
        return 0
    codec = make_codec(preset, corpus)
    pieces = load_split(corpus, "train", codec)
    print(f"{len(pieces)} pieces, {pieces.ids.size} tokens, {time.perf_counter() - begin:.1f} s")
    print("epoch  million tokens a second")
    rates = tokens_per_second(make_batches(preset, pieces, codec), args.epochs)
    for epoch, rate in enumerate(rates, start=1):
        print(f"{epoch:5}  {rate / 1e6:23.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
