"""How fast the pipeline delivers training batches, with no training behind it.

python -m benchmarks.pipeline --corpus chorales
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from bach_tf.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

from bach_tf.pipeline import TrainingBatches, load_split
from bach_tf.presets import PRESETS
from bach_tf.training import make_batches, make_codec, prepare_corpus


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


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="chorales")
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args(argv)
    preset = replace(PRESETS["gru"], corpus=args.corpus, data_dir=args.data_dir)
    begin = time.perf_counter()
    try:
        corpus = prepare_corpus(preset)
    except (ValueError, OSError) as error:
        print(f"pipeline: {error}", file=sys.stderr)
        return 2
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
