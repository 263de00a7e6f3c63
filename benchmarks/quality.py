"""How many minutes a training takes until its validation falls below what the recipes end at.

    python -m benchmarks.quality --data-dir DOWNLOADS
    python -m benchmarks.quality --quick

Each preset of four voices is trained with its own settings on the canonical chorales until its
validation is below 0.60 nats per token, or its minutes are over; so is the recipe for GRUs with the
settings of its author. The minutes are those of the epochs, validation included. `--quick` trains
small models for an epoch: it shows that all works, and no figure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

import keras

from bach_tf import learning
from bach_tf.learning.runs import create_run
from bach_tf.recipes import PRESETS, Preset, changed, override, shrunk
from benchmarks.machine import describe_machine

QUALITY = 0.60
MINUTES = 20.0
# A. Géron, "Hands-On Machine Learning", chapter 15: three GRUs of twice the vocabulary, dropout of
# 0.3 on their inputs, Adam at 0.01, power scheduling over 40 epochs, and nothing besides.
GERON = (
    "model.units=None", "model.input_dropout=0.3", "model.dropout=0.0", "model.period=1",
    "model.rules=False", "learning_rate=0.01", "decay_epochs=40", "epochs=90", "window=64",
    "stride=64", "batch_size=32", "transpose=(0, 0)",
)  # fmt: skip


class Until(keras.callbacks.Callback):
    """Stop after the epoch whose validation is good enough, or in which the time is over.

    Args:
        nll: of the validation, in nats per token.
        minutes: counted from the first epoch.
    """

    def __init__(self, nll: float, minutes: float):
        super().__init__()
        self.nll, self.minutes = nll, minutes
        self.reached = False

    def on_train_begin(self, logs=None):  # noqa: D102
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):  # noqa: D102
        self.reached = logs["val_nll"] < self.nll
        late = time.monotonic() - self.began > 60 * self.minutes
        self.model.stop_training = self.model.stop_training or self.reached or late


def presets_of_four_voices(corpus: str, data_dir: str | None) -> dict[str, Preset]:
    """Return the settings of each row: those of chorales, and the recipe for GRUs as it was."""
    rows = {name: each for name, each in PRESETS.items() if each.music.codec == "satb"}
    rows["gru, its recipe's settings"] = override(PRESETS["gru"], GERON)
    return {
        name: changed(preset, corpus=corpus, data_dir=data_dir) for name, preset in rows.items()
    }


def row_of(name: str, preset: Preset, minutes: float) -> str:
    """Train, and return a line of the table."""
    until = Until(QUALITY, minutes)
    with tempfile.TemporaryDirectory() as folder:
        corpus = learning.prepare_corpus(preset)
        codec = learning.make_codec(preset, corpus)
        run = create_run(preset, codec, "quality", runs=Path(folder))
        outcome = learning.train(run, corpus, verbose=0, callbacks=[until])
        tokens = outcome.epochs * learning.training_batches(preset, codec, corpus).tokens
    took = f"{outcome.seconds / 60:.1f}"
    if not until.reached:
        took = f"not in {took}: {outcome.best_nll:.3f}"
    return f"| {name} | {took} | {outcome.epochs} | {tokens / outcome.seconds:,.0f} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models, one epoch, no figures")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the presets; all without")
    parser.add_argument("--corpus", default="jsb", help="default: jsb, the canonical chorales")
    parser.add_argument("--data-dir", help="the archive or a folder, instead of the download")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="at most, for each row")
    args = parser.parse_args(argv)
    presets = presets_of_four_voices(args.corpus, args.data_dir)
    if unknown := set(args.only or ()) - set(presets):
        print(f"quality: no preset {min(unknown)!r}. Choose from: {', '.join(presets)}",
              file=sys.stderr)  # fmt: skip
        return 2
    print(f"{describe_machine()}{', quick: no figures' if args.quick else ''}\n")
    print(f"| preset | minutes until {QUALITY:.2f} | epochs | tokens/s |")
    print("| --- | --- | --- | --- |", flush=True)
    for name, preset in presets.items():
        if args.only and name not in args.only:
            continue
        if args.quick:
            preset = changed(shrunk(preset), epochs=1)
        try:
            print(row_of(name, preset, args.minutes), flush=True)
        except (ValueError, OSError) as error:
            print(f"quality: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
