"""The state of a training run after each epoch, from which it resumes exactly.

RUN/checkpoint/
  epoch_0007.weights.h5   weights and optimiser after the last finished epoch
  state.json              the name of that file, the callbacks' counters, sizes of event files
  epoch_0006.weights.h5   the same for the epoch before, in case the last one is damaged
  previous.json
  checksums.json          of both weight files
  lock                    held by the training process
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from bach_tf._basics.replacing import replace_json
from bach_tf.learning.event_files import drop_later_events, event_sizes
from bach_tf.learning.history import drop_later_rows, read_history
from bach_tf.learning.rates import MONITOR, Plateau, current_rate, rate_of_epoch
from bach_tf.learning.run_files import read_json
from bach_tf.learning.runs import CHECKPOINT, HISTORY, WEIGHTS, Run, build_model, save_weights
from bach_tf.learning.weight_files import read_weights, write_weights

STATE, PREVIOUS = "state.json", "previous.json"
EVENTS = "events"
COUNTED = ("plateau", "early_stopping")
MOST_EPOCHS = 10**9
EXPECTED = {"epoch": int, "best": (int, float), "stopped": bool, "counters": dict, "weights": str}


class Checkpoint(keras.callbacks.Callback):
    """Keep the best weights, and the state of the whole training run after each epoch.

    The state has the weights, the optimiser and the counters of early stopping and of the
    plateau schedule. Training can be killed at any moment and continues from it.

    Args:
        run: the run to train.
    """

    def __init__(self, run: Run):
        super().__init__()
        self.run = run
        self.folder = run.folder / CHECKPOINT
        self.began = False
        self.state = {
            "epoch": 0, "best": float("inf"), "best_epoch": None, "stopped": False, "counters": {},
        }  # fmt: skip
        self.former = None  # the last intact state on disk
        self.plateau = Plateau(run.preset)
        self.early_stopping = keras.callbacks.EarlyStopping(
            monitor=MONITOR, mode="min", patience=run.preset.training.patience
        )
        # Uses the averaged weights during validation.
        self.averages = [keras.callbacks.SwapEMAWeights()] if run.preset.training.average else []

    @property
    def stopped(self) -> bool:
        """Whether training stopped before the last epoch."""
        return self.state["stopped"]

    def restore(self) -> int:
        """Load the state, if any; return the number of finished epochs.

        If the last checkpoint is damaged, the one before is used. Damaged best weights are
        replaced by those of the checkpoint. Both are reported on stderr.

        Raises:
            ValueError: if no checkpoint is intact, or it is missing beside trained weights.
        """
        if not any((self.folder / name).exists() for name in (STATE, PREVIOUS)):
            self._refuse_trained_weights()
            drop_later_events(self.run.folder, {})  # of a training killed before its first step
            return 0
        self.state = self.former = self._load()
        if "factor" not in self.state["counters"].get("plateau", {}):
            self._infer_factor()
        drop_later_rows(self.run.folder / HISTORY, self.state["epoch"])
        if EVENTS in self.state:  # not in runs of older versions
            drop_later_events(self.run.folder, self.state[EVENTS])
        if self.state["best"] < float("inf"):
            self._mend_best_weights()
        return self.state["epoch"]

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        self.began = True  # this callback is the last one, so all others have begun too
        # Keras resets the counters when training begins, so they are restored afterwards.
        for name, counters in self.state["counters"].items():
            vars(getattr(self, name)).update(counters)
        if self.state["epoch"] == 0:
            self.write()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        counters = {
            "plateau": _counters(self.plateau, "best", "wait", "factor"),
            "early_stopping": _counters(self.early_stopping, "best", "wait", "best_epoch"),
        }
        self.state = self.state | {
            "epoch": epoch + 1,
            "stopped": bool(self.model.stop_training),
            "counters": counters,
        }
        assert logs is not None  # always given by Keras
        if logs[MONITOR] < self.state["best"]:
            self.state |= {"best": float(logs[MONITOR]), "best_epoch": epoch + 1}
            self._keep()
        self.write()

    def _keep(self) -> None:
        """Write the evaluated weights into the run folder."""
        for average in self.averages:
            average.on_test_begin()
        try:
            save_weights(self.run)
        finally:
            for average in self.averages:
                average.on_test_end()

    def write(self) -> None:
        """Write the weights in a file named after the epoch, then the state that refers to it."""
        self.folder.mkdir(exist_ok=True)
        self.state["weights"] = f"epoch_{self.state['epoch']:04d}.weights.h5"
        self.state[EVENTS] = event_sizes(self.run.folder)
        write_weights(self.run.model, self.folder / self.state["weights"])
        if self.former:
            replace_json(self.folder / PREVIOUS, self.former)
        replace_json(self.folder / STATE, self.state)
        kept = {self.state["weights"], (self.former or self.state)["weights"]}
        for weights in self.folder.glob("*.weights.h5"):
            if weights.name not in kept:
                weights.unlink()
        self.former = self.state

    def _load(self) -> dict:
        """Load the newest intact state, with its weights."""
        problems = []
        for name in (STATE, PREVIOUS):
            try:
                state = read_state(self.folder / name)
                read_weights(self.run.model, self.folder / state["weights"], finite=False)
            except FileNotFoundError as error:
                problems.append(f"{error.filename or self.folder / name} is missing.")
            except (OSError, ValueError) as error:
                problems.append(str(error))
            else:
                for problem in problems:
                    _say(f"{problem} Resuming from the checkpoint after epoch {state['epoch']}.")
                return state
        folder = self.run.folder
        raise ValueError(
            f"{problems[0]} Training cannot continue without it. Restore a copy of {self.folder}, "
            f"or train a new run with another name."
            + (f" {folder / WEIGHTS} can still be used." if (folder / WEIGHTS).exists() else "")
        )

    def _refuse_trained_weights(self) -> None:
        """Raise `ValueError` if a trained run has lost its checkpoint."""
        if (self.run.folder / WEIGHTS).exists():
            raise ValueError(
                f"{self.run.folder} has trained weights but no checkpoint ({self.folder / STATE}): "
                "training cannot continue. Train a new run with another name."
            )

    def _infer_factor(self) -> None:
        """Derive the plateau factor for a checkpoint of an older version, which lacks it."""
        preset, epoch = self.run.preset, self.state["epoch"]
        factor = 1.0
        if (
            preset.training.schedule != "cosine" and epoch
        ):  # a cosine schedule may have had another number of epochs
            rate = current_rate(self.run.model) / preset.training.learning_rate
            factor = min(1.0, rate / rate_of_epoch(preset, epoch))
        self.plateau.factor = factor

    def _mend_best_weights(self) -> None:
        """Replace damaged best weights by those of the checkpoint."""
        path = self.run.folder / WEIGHTS
        try:
            read_weights(build_model(self.run.preset, self.run.codec), path)
            return
        except FileNotFoundError:
            problem = f"{path} is missing."
        except ValueError as error:
            problem = str(error)
        if not all(np.isfinite(weights).all() for weights in self.run.model.get_weights()):
            raise ValueError(
                f"{problem} The checkpoint holds NaN. Train a new run with another name."
            )
        for average in self.averages:
            average.set_model(self.run.model)
        self._keep()
        epoch, best = self.state["epoch"], self.state.get("best_epoch")
        rows = {int(row["epoch"]): row for row in read_history(self.run.folder / HISTORY)}
        measured = rows.get(epoch - 1, {}).get(MONITOR, float("inf"))
        self.state = self.former = self.state | {"best": measured, "best_epoch": epoch}
        replace_json(self.folder / STATE, self.state)
        lost = "" if best == epoch else f" Those of epoch {best or '?'}, the best, are lost."
        _say(f"{problem} Using the weights of epoch {epoch} instead.{lost}")


def read_state(path: Path) -> dict:
    """Read the state of a training run.

    Raises:
        ValueError: if the file is damaged; the message names it.
        FileNotFoundError: if it does not exist.
    """
    path.stat()  # raises if it does not exist
    try:
        state = read_json(path)
        wrong = [name for name, kind in EXPECTED.items() if not isinstance(state[name], kind)]
        wrong += [size for size in state.get(EVENTS, {}).values() if not isinstance(size, int)]
        wrong += [value for value in _values(state["counters"]) if not _is_number(value)]
        if (
            wrong
            or not 0 <= state["epoch"] <= MOST_EPOCHS
            or Path(state["weights"]).name != state["weights"]
        ):
            raise ValueError("something else")
    except (AttributeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the state of a training run, got: {type(error).__name__}: {error}."
        ) from None
    return state


def _values(counters: dict) -> Iterator[object]:
    """Yield the values of the callbacks' counters."""
    for name, values in counters.items():
        if name not in COUNTED:
            raise ValueError(f"counters of {name}")
        yield from values.values()


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _counters(callback: keras.callbacks.Callback, *names: str) -> dict[str, float | None]:
    """Return attributes of a callback as plain numbers for JSON."""
    values = {name: getattr(callback, name) for name in names}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
