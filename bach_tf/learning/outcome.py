"""The result of a training run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bach_tf.learning.history import read_history
from bach_tf.learning.rates import MONITOR
from bach_tf.learning.runs import CHECKPOINT, HISTORY, Run

FINISHED, PATIENCE, INTERRUPTED = "finished", "patience", "interrupted"


class DivergedError(ValueError):
    """The loss became NaN before there were weights to keep: no training goes on from there."""


@dataclass(frozen=True)
class Outcome:
    """The result of a training run.

    Args:
        epochs: number of finished epochs.
        best_epoch: the epoch whose weights were kept, counted from 1.
        best_nll: its validation loss, in nats per token.
        seconds: total time of all epochs.
        stopped: why training stopped: `"finished"` (all epochs are done), `"patience"`
            (validation stopped improving), `"NaN in epoch N"` (counted from 1), or
            `"interrupted"`.
    """

    epochs: int
    best_epoch: int
    best_nll: float
    seconds: float
    stopped: str = FINISHED


def read_outcome(run: Run) -> Outcome:
    """Read the result of a run's training from its folder.

    Raises:
        ValueError: if the history or the checkpoint cannot be read.
    """
    rows = read_history(run.folder / HISTORY)
    state = _checkpoint_of(run)
    best = min(rows, key=lambda row: row[MONITOR] if np.isfinite(row[MONITOR]) else np.inf)
    # Not necessarily the lowest loss: the weights of that epoch may be lost.
    kept = state.get("best_epoch") or best["epoch"] + 1
    best = next((row for row in rows if row["epoch"] + 1 == kept), best)
    return Outcome(
        epochs=len(rows),
        best_epoch=int(best["epoch"]) + 1,
        best_nll=best[MONITOR],
        seconds=sum(row.get("seconds", 0.0) for row in rows),
        stopped=_why_stopped(rows, run.preset.training.epochs, state.get("stopped", False)),
    )


def _why_stopped(rows: list[dict[str, float]], epochs: int, early: bool) -> str:
    """Return why training stopped; see `Outcome`."""
    if not np.isfinite(rows[-1].get("loss", 0.0)):
        return f"NaN in epoch {int(rows[-1]['epoch']) + 1}"
    if len(rows) >= epochs:
        return FINISHED
    return PATIENCE if early else INTERRUPTED


def _checkpoint_of(run: Run) -> dict:
    """Return the state of a run's checkpoint; empty if it has none, as with JAX."""
    if not (run.folder / CHECKPOINT).exists():
        return {}
    from bach_tf.learning.checkpoints import STATE, read_state  # imports TensorFlow

    path = run.folder / CHECKPOINT / STATE
    return read_state(path) if path.exists() else {}
