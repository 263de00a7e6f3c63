"""The report of `bach-tf train` after training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from bach_tf.learning.runs import HISTORY

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bach_tf.cli.talk import Talk
    from bach_tf.learning.outcome import Outcome
    from bach_tf.learning.runs import Run
    from bach_tf.learning.workers.roster import Roster

# Columns of the history, and their names in the report.
MEASURES = {
    "nll": "train_nll",
    "accuracy": "train_accuracy",
    "val_nll": "best_nll",
    "val_accuracy": "best_accuracy",
}


def finish_training(run: Run, corpus: Path, outcome: Outcome, talk: Talk) -> None:
    """Print the results of training.

    Args:
        run: the trained run.
        corpus: the prepared folder.
        outcome: as returned by `bach_tf.learning.train`.
        talk: the output.
    """
    record = training_record(run.folder, run.preset.recipe, corpus, outcome)
    talk.show(training_table(record))
    talk.finish(record, [record["run"]], closing_lines(record, talk.sibling("generate")))


def finish_following(run: Run, roster: Roster, outcome: Outcome, talk: Talk) -> None:
    """Print the results of training on a worker that writes no run folder.

    Args:
        run: the trained run.
        roster: the workers.
        outcome: as returned by `bach_tf.learning.train`.
        talk: the output.
    """
    where = f"The run is in {run.folder} of {roster.name(0)}."
    record = {"worker": roster.worker, "run": str(run.folder), **vars(outcome)}
    closing = f"Trained {outcome.epochs} epochs as {roster.name(roster.worker)}. {where}"
    talk.finish(record, [], closing)


def training_record(folder: Path, recipe: str, corpus: Path, outcome: Outcome) -> dict:
    """Return the results of training as plain data.

    Args:
        folder: the run folder.
        recipe: the name of its preset.
        corpus: the prepared folder.
        outcome: as returned by `bach_tf.learning.train`.

    Returns:
        `run`, `recipe`, `corpus`, `epochs`, and `best_epoch` (counted from 1) with its
        `train_nll`, `train_accuracy`, `best_nll` and `best_accuracy` (the latter two of the
        validation split; in nats per token and as fractions); `seconds` of all epochs; `stopped`,
        why training stopped; and the run's `files`. Values missing in the history are `None`.
    """
    best = _row_of(folder / HISTORY, outcome.best_epoch)
    measured = {name: _number(best.get(column)) for column, name in MEASURES.items()}
    return {
        "run": str(folder),
        "recipe": recipe,
        "corpus": str(corpus),
        "epochs": outcome.epochs,
        "best_epoch": outcome.best_epoch,
        **measured,
        "best_nll": outcome.best_nll,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "files": sorted(str(path) for path in folder.rglob("*") if path.is_file()),
    }


def training_table(record: dict) -> RenderableType:
    """Return a table of the best epoch, preceded by a blank line.

    Args:
        record: as returned by `training_record`.
    """
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(f"best epoch: {record['best_epoch']} of {record['epochs']}")
    table.add_column("training", justify="right")
    table.add_column("validation", justify="right")
    table.add_row(
        "nats per token", *(_or_dash(record[name], "{:.4f}") for name in ("train_nll", "best_nll"))
    )
    accuracies = (record["train_accuracy"], record["best_accuracy"])
    percent = (None if each is None else 100 * each for each in accuracies)
    table.add_row("accuracy", *(_or_dash(value, "{:.1f} %") for value in percent))
    return Group("", table)


def closing_lines(record: dict, generate: str = "bach-tf generate") -> str:
    """Return the last two lines: the result, its folder and the next command.

    Args:
        record: as returned by `training_record`.
        generate: the command that generates pieces.
    """
    return (
        f"Trained {record['epochs']} epochs in {record['seconds']:.0f} s{_why(record['stopped'])}. "
        f"Best validation: {record['best_nll']:.4f} nats per token after epoch "
        f"{record['best_epoch']}.\n"
        f"Run folder: {record['run']}. Next: {generate} --run {record['run']}"
    )


def _why(stopped: str) -> str:
    """Return in words why training stopped; empty if all epochs are done."""
    if stopped.startswith("NaN"):
        epoch = stopped.removeprefix("NaN in ")
        return f", until the loss became NaN in {epoch} (retrain with a lower learning rate)"
    return {
        "patience": ", until validation no longer improved",
        "interrupted": ", until it was interrupted",
    }.get(stopped, "")


def _row_of(history: Path, epoch: int) -> dict[str, str]:
    """Return the row of an epoch, counted from 1; empty if there is none."""
    if not history.is_file():
        return {}
    with history.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("epoch") == str(epoch - 1)]
    return rows[-1] if rows else {}


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
