"""What each recipe reported, and what it reaches here: one table.

    python -m benchmarks.recipes --data-dir DOWNLOADS
    python -m benchmarks.recipes --quick

Each row is a training of its own, into `tb_logs/recipe-NAME`, of a minute to an hour.
A run folder that is there is not trained again: what was stopped goes on, and what is finished is
measured again. `--quick` trains small models for an epoch: it shows that all works, and no figure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bach_tf._basics.process import begin
from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    silence_libraries()  # before TensorFlow is imported

from bach_tf import learning
from bach_tf.learning.runs import RUNS, Run
from bach_tf.measuring.evaluation import evaluate_ngrams, evaluate_run
from bach_tf.recipes import PRESETS, Preset, changed, override, shrunk
from benchmarks.machine import describe_machine

ORDER = 3  # of the n-gram model that is printed beside


@dataclass(frozen=True)
class Recipe:
    """A row of the table.

    Args:
        name: of the row, and of its run folder behind "recipe-".
        preset: a name in `PRESETS`.
        reported: what the recipe's author printed.
        changes: settings that make our default the recipe's own, as `override` takes them.
        corpus: where it is not the preset's own.
    """

    name: str
    preset: str
    reported: str
    changes: tuple[str, ...] = ()
    corpus: str | None = None


CELLO_OWN = (
    "encoding.rhythm=False", "encoding.max_notes=1000", "window=20", "stride=1", "batch_size=64",
    "transpose=(0, 0)", "model.units=256", "model.layers=1", "model.dense=[256]",
    "learning_rate=0.001", "schedule=constant", "context=20", "epochs=30",
)  # fmt: skip
RECIPES = (
    Recipe("gru", "gru", "0.58 / 0.58", corpus="jsb"),
    Recipe("wavenet", "wavenet", "0.605 / 0.656, accuracy 81.6 %", corpus="jsb"),
    Recipe("folk", "folk", "a working tune generator"),
    Recipe(
        "folk-own", "folk", "a working tune generator",
        (
            "encoding.header=False", "model.embedding=38", "transpose=(0, 0)", "epochs=10",
            "learning_rate=0.001", "schedule=constant",
        ),
    ),
    Recipe("cello", "cello", 'a new "suite"'),
    Recipe("cello-own", "cello", 'a new "suite"', CELLO_OWN),
    Recipe("cello-own-deep", "cello", 'a new "suite"', (*CELLO_OWN, "model.layers=2")),
    Recipe("mozart", "mozart", "accuracy above 60 % on windows"),
    Recipe(
        "mozart-own", "mozart", "accuracy above 60 % on windows",
        (
            "encoding.rhythm=False", "encoding.fewest=1", "split=windows", "window=100",
            "stride=20", "batch_size=128", "transpose=(0, 0)", "model.units=256",
            "model.dense=[256, 256]",
            "model.batch_norm=True", "model.dropout=0.0", "optimizer=rmsprop",
            "learning_rate=0.001", "schedule=constant", "clip_norm=5.0", "epochs=30",
        ),
    ),
    Recipe("performance", "performance", "playing with timing and dynamics"),
    Recipe(
        "performance-own", "performance", "playing with timing and dynamics",
        ("model.units=512", "model.embedding=128", "batch_size=64", "learning_rate=0.001"),
    ),
    Recipe("transformer", "transformer", "0.335 validation", corpus="jsb"),
    Recipe(
        "transformer-own", "transformer", "0.335 validation",
        ("model.layers=5", "model.units=256", "model.heads=8", "model.feed_forward=1024"),
        corpus="jsb",
    ),
)  # fmt: skip
HEADER = (
    "recipe", "reported", "valid nats", "test nats", "test accuracy", f"order-{ORDER} test",
    "weights", "epochs", "minutes", "tokens/s",
)  # fmt: skip


def make_preset(recipe: Recipe, data_dir: str | None, *, quick: bool) -> Preset:
    """Return the settings of a row, shrunk where it is to be quick."""
    preset = PRESETS[recipe.preset]
    preset = changed(preset, corpus=recipe.corpus or preset.music.corpus)
    if preset.music.corpus not in ("chorales", "folk"):  # those come with music21
        preset = changed(preset, data_dir=data_dir)
    preset = override(preset, recipe.changes)
    return changed(shrunk(preset), epochs=1) if quick else preset


def trained(name: str, preset: Preset) -> tuple[Run, Path]:
    """Return the run of a row, trained to its end, and its corpus."""
    folder = RUNS / name
    if folder.exists():
        run, corpus = learning.resume_run(folder)
    else:
        run, corpus = learning.start_run(preset, name)
    learning.train(run, corpus, verbose=2)
    return run, corpus


def measure(recipe: Recipe, run: Run, corpus: Path) -> tuple[str, ...]:
    """Return the cells of a row."""
    preset, outcome = run.preset, learning.read_outcome(run)
    valid, test = (evaluate_run(run, corpus, split) for split in ("valid", "test"))
    by_pieces = preset.training.split == "pieces"
    ngram = f"{evaluate_ngrams(run, corpus, 'test')[ORDER]['nll']:.3f}" if by_pieces else "(leak)"
    seen = outcome.epochs * learning.training_batches(preset, run.codec, corpus).tokens
    return (
        recipe.name,
        recipe.reported,
        f"{valid['nll']:.3f}",
        f"{test['nll']:.3f}",
        f"{100 * test['accuracy']:.1f} %",
        ngram,
        f"{run.model.count_params():,}",
        str(outcome.epochs),
        f"{outcome.seconds / 60:.1f}",
        f"{seen / outcome.seconds:,.0f}",
    )


def row_of(recipe: Recipe, data_dir: str | None, *, quick: bool) -> tuple[str, ...]:
    """Train and measure a row; where its corpus cannot be had, say why in the row."""
    name = f"quick-{recipe.name}" if quick else f"recipe-{recipe.name}"
    try:
        run, corpus = trained(name, make_preset(recipe, data_dir, quick=quick))
        return measure(recipe, run, corpus)
    except (ValueError, OSError) as error:
        print(f"{recipe.name}: {error}", file=sys.stderr)
        return (recipe.name, recipe.reported, "not trained: see above", *[""] * (len(HEADER) - 3))


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as a table in Markdown."""
    rule = ["---"] * len(HEADER)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADER, rule, *rows))


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    names = [recipe.name for recipe in RECIPES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models, one epoch, no figures")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--data-dir", help="a folder with the archives, instead of downloads")
    args = parser.parse_args(argv)
    chosen = [recipe for recipe in RECIPES if recipe.name in args.only]
    rows = [row_of(recipe, args.data_dir, quick=args.quick) for recipe in chosen]
    print(f"{describe_machine()}{', quick: no figures' if args.quick else ''}\n")
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
