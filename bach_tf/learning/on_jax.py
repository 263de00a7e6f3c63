"""Training with JAX instead of TensorFlow: each epoch is one compiled call, which suits GPUs.

Used with `KERAS_BACKEND=jax` in the environment. The run folder has the same format as with
TensorFlow and is read by the same commands, but has no checkpoint, so training cannot be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, TypeAlias

import jax
import keras
import numpy as np
from jax import numpy as jnp

from bach_tf.codecs import PAD, Codec
from bach_tf.learning import starting
from bach_tf.learning.data import (
    in_other_pieces,
    in_this_memory,
    make_windowing,
)
from bach_tf.learning.history import append_row
from bach_tf.learning.outcome import Outcome, read_outcome
from bach_tf.learning.rates import rate_of_epoch
from bach_tf.learning.runs import HISTORY, Run, load_weights, save_weights
from bach_tf.learning.windows import (
    Beside,
    Pieces,
    Windowing,
    allowed_shifts,
    in_tokens,
    load_split,
    window_starts,
)
from bach_tf.recipes import Preset

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
}
WITH_TENSORFLOW = "needs TensorFlow: unset KERAS_BACKEND."
Parameters: TypeAlias = "list[jax.Array]"


@dataclass(frozen=True, eq=False)
class Windows:
    """All windows of a split, small enough for the device's memory.

    Args:
        ids: int32 `(W, T + 1)`, padded.
        piece: int64 `(W,)`, the index of each window's piece.
        beside: int32 `(W, N, ...)`, additional model inputs; `None` for none.
    """

    ids: np.ndarray
    piece: np.ndarray
    beside: np.ndarray | None

    @classmethod
    def cut(
        cls, pieces: Pieces, beside: list[np.ndarray] | None, windowing: Windowing, codec: Codec
    ) -> Windows:
        """Cut pieces into windows.

        Args:
            pieces: the pieces of a split.
            beside: for each piece, additional inputs: one row per step and one after the last.
            windowing: length and stride of the windows.
            codec: determines the tokens per step.
        """
        tokens = len(codec.may_follow)
        length, stride = in_tokens(windowing, codec)
        starts, piece = window_starts(pieces, length, stride)
        ids = _rows_from(pieces.ids, starts, pieces.ends[piece], length + 1)
        if beside is None:
            return cls(ids, piece, None)
        rows = Beside(pieces, beside, tokens)
        first = rows.starts[piece] + (starts - pieces.starts[piece]) // tokens
        return cls(ids, piece, _rows_from(rows.rows, first, rows.ends[piece], windowing.window))


def _rows_from(values: np.ndarray, starts, ends, length: int) -> np.ndarray:
    """Return `length` values from each start, zeros after each end: `(W, length, ...)`."""
    positions = starts[:, None] + np.arange(length)
    inside = positions < ends[:, None]
    cut = values[np.where(inside, positions, 0)]
    return np.where(inside.reshape(*inside.shape, *(1 for _ in values.shape[1:])), cut, 0)


def start_run(preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Create a run folder; return the run and the prepared folder of its corpus.

    Args:
        preset: all settings. `bfloat16`, `epoch_batches`, `patience` and `plateau_patience` have no
            effect here.
        name: name of the run folder; by default the recipe and the time.

    Raises:
        ValueError: if windows are split at random, the corpus, codec or model is unknown, the
            corpus cannot be read, or a run of that name exists.
    """
    if preset.training.split == "windows":
        raise ValueError(
            f"The recipe {preset.recipe} holds out windows of its training pieces "
            f"(split=windows), which {WITH_TENSORFLOW}"
        )
    return starting.start_run(preset, name)


def resume_run(*_: Any) -> NoReturn:
    """Refuse to resume: training with JAX has no checkpoints.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"--resume continues from a checkpoint, which {WITH_TENSORFLOW}")


def start_from(*_: Any) -> NoReturn:
    """Refuse to fine-tune: training with JAX starts from fresh weights.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"--from starts from the weights of another run, which {WITH_TENSORFLOW}")


def joined(roster: Any = None, device: str | None = None, *_: Any) -> AbstractContextManager[None]:
    """Refuse several workers and a device: JAX has its own ways to choose devices.

    Raises:
        ValueError: if one of them is given.
    """
    if roster is not None:
        raise ValueError(f"--workers trains on several machines, which {WITH_TENSORFLOW}")
    if device is not None:
        raise ValueError(
            f"--device chooses a device, which {WITH_TENSORFLOW} With JAX, set JAX_PLATFORMS."
        )
    return nullcontext()


def train(
    run: Run, corpus: Path, *, verbose: int = 1, callbacks: Sequence[Any] = (), group: None = None
) -> Outcome:
    """Train a new run for all its epochs, then load the best weights.

    Args:
        run: a run created by `start_run`.
        corpus: the prepared folder.
        verbose: 0 is silent; otherwise one line per epoch.
        callbacks: must be empty, because Keras callbacks cannot be called here.
        group: must be `None`, because one device trains here.

    Raises:
        ValueError: if the loss is NaN in the first epoch, or there are callbacks.
    """
    if callbacks:
        raise ValueError("Training with JAX cannot call Keras callbacks.")
    pieces = load_split(corpus, "train", run.codec)
    beside = in_other_pieces(run.memory)
    windows = Windows.cut(pieces, beside, make_windowing(run.preset), run.codec)
    talk = partial(print, flush=True) if verbose else lambda line: None
    Fit(run, pieces, windows, _held_out(run, corpus), talk).run_epochs()
    return read_outcome(run)


def _held_out(run: Run, corpus: Path) -> Windows:
    """Return the validation split with one window per piece."""
    pieces = load_split(corpus, "valid", run.codec)
    tokens = len(run.codec.may_follow)
    steps = int((pieces.ends - pieces.starts - 1).max()) // tokens + 1
    whole = Windowing(window=steps, stride=steps, batch_size=1)
    return Windows.cut(pieces, in_this_memory(run.memory, pieces, tokens), whole, run.codec)


class Fit:
    """A training run in progress.

    Args:
        run: a new run.
        pieces: the training split.
        windows: its windows.
        held_out: the validation split.
        talk: called with one line per epoch.
    """

    def __init__(
        self,
        run: Run,
        pieces: Pieces,
        windows: Windows,
        held_out: Windows,
        talk: Callable[[str], None],
    ):
        self.run, self.preset, self.talk = run, run.preset, talk
        self.windows, self.held_out = windows, held_out
        self.table = run.codec.transposition(make_windowing(self.preset).shifts)  # (S, V)
        self.allowed = allowed_shifts(pieces, self.table)  # (P, S)
        training = self.preset.training
        self.optimizer = OPTIMIZERS[training.optimizer](
            training.learning_rate,
            weight_decay=training.weight_decay or None,
            global_clipnorm=training.clip_norm,
        )
        self.optimizer.exclude_from_weight_decay(var_list=run.model.undecayed())
        self.optimizer.build(run.model.trainable_variables)
        rate = self.optimizer._learning_rate  # its index among the variables is needed below
        self.rate_at = next(n for n, v in enumerate(self.optimizer.variables) if v is rate)

    def run_epochs(self) -> None:
        """Train for all epochs, leaving the best weights in the run folder and the model."""
        epoch, measure = jax.jit(self._epoch, donate_argnums=0), jax.jit(self._measure)
        device = jax.device_put(self._data(self.windows))
        held_out = jax.device_put(self._in_batches(self._data(self.held_out)))
        state, best = self._first_state(), np.inf
        for number in range(self.preset.training.epochs):
            begun = monotonic()
            rate = self.preset.training.learning_rate * rate_of_epoch(self.preset, number)
            state, loss = epoch(state, device, *self._order(number), jnp.float32(rate))
            averages = state[-1]
            by_token = np.asarray(measure(averages, state[1], held_out))  # (tokens of a step,)
            nll = float(by_token[0].sum() / by_token[1].sum())
            row = {"learning_rate": rate, "loss": float(loss), "val_nll": nll}
            row["seconds"] = monotonic() - begun
            append_row(self.run.folder / HISTORY, number, row)
            voices = " ".join(f"{value:.4f}" for value in by_token[0] / by_token[1])
            self.talk(f"epoch {number + 1}: loss {float(loss):.4f}, val_nll {nll:.4f} ({voices})")
            if nll < best:
                best = nll
                self._keep(averages)
            if not np.isfinite(float(loss)):
                break
        if not np.isfinite(best):
            raise ValueError(
                "The loss became NaN in the first epoch. Retrain with a lower learning rate: "
                f"--set learning_rate={self.preset.training.learning_rate / 10:g}"
            )
        load_weights(self.run)

    def _keep(self, parameters: Parameters) -> None:
        for variable, value in zip(self.run.model.trainable_variables, parameters):
            variable.assign(value)
        save_weights(self.run)

    def _first_state(self) -> tuple:
        model = self.run.model
        # Copies, because the compiled call donates its arguments.
        weights, fixed, optimizer, averages = (
            [jnp.array(variable.value) for variable in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                self.optimizer.variables,
                model.trainable_variables,
            )
        )
        return weights, fixed, optimizer, averages

    @staticmethod
    def _data(windows: Windows) -> tuple:
        return (windows.ids,) if windows.beside is None else (windows.ids, windows.beside)

    def _in_batches(self, data: tuple) -> tuple:
        """Group pieces `(P, ...)` into batches `(N, B, ...)`, padding the last one."""
        size = self.preset.training.evaluation_batch
        missing = -len(data[0]) % size
        filled = [np.pad(part, [(0, missing)] + [(0, 0)] * (part.ndim - 1)) for part in data]
        return tuple(part.reshape(-1, size, *part.shape[1:]) for part in filled)

    def _order(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows of an epoch, and the transposition of each: `(updates, B)` each."""
        draws = np.random.default_rng([self.preset.training.seed, number])
        order = draws.permutation(len(self.windows.piece))
        size = self.preset.training.batch_size
        order = np.resize(order, -(-len(order) // size) * size)  # fills the last batch
        shift = np.where(self.allowed, draws.random(self.allowed.shape), -1).argmax(axis=1)
        rows = shift[self.windows.piece[order]]
        return order.reshape(-1, size), rows.reshape(-1, size)

    def _epoch(self, state: tuple, data: tuple, order, shifts, rate) -> tuple[tuple, Any]:
        """Run one epoch; return the new state and the mean loss."""
        table = jnp.asarray(self.table)
        rate_at = self.rate_at

        def update(state, rows):
            weights, fixed, optimizer, averages = state
            windows, shift = rows
            ids = jnp.take_along_axis(table[shift], data[0][windows], axis=1)  # (B, T + 1)
            beside = tuple(part[windows] for part in data[1:])
            (loss, fixed), slopes = jax.value_and_grad(self._loss, has_aux=True)(
                weights, fixed, ids, beside
            )
            optimizer = [*optimizer[:rate_at], rate, *optimizer[rate_at + 1 :]]
            weights, optimizer = self.optimizer.stateless_apply(optimizer, slopes, weights)
            momentum = self.preset.training.average
            averages = [a + (1 - momentum) * (w - a) for a, w in zip(averages, weights)]
            return (weights, fixed, optimizer, averages), loss

        state, losses = jax.lax.scan(update, state, (order, shifts))
        return state, losses.mean()

    def _loss(self, weights, fixed, ids, beside):
        logits, fixed, others = self._logits(weights, fixed, ids, beside, training=True)
        counts = (ids[:, 1:] != PAD).astype(jnp.float32)
        # The other losses are those of regularisers.
        return (_nats(logits, ids[:, 1:]) * counts).sum() / counts.sum() + sum(others), fixed

    def _logits(self, weights, fixed, ids, beside, training: bool):
        inputs = (ids[:, :-1], *beside) if beside else ids[:, :-1]
        model = self.run.model
        return model.stateless_call(weights, fixed, inputs, training=training, return_losses=True)

    def _measure(self, weights, fixed, data: tuple):
        """Return sums of nats and counts over the held-out pieces: `(2, tokens per step)`."""
        counted = jnp.asarray(self.run.codec.counted, jnp.float32)
        tokens = len(self.run.codec.may_follow)

        def measure(batch):
            ids, *beside = batch
            logits, *_ = self._logits(weights, fixed, ids, beside, training=False)
            counts = counted[ids[:, 1:]]
            both = jnp.stack([_nats(logits, ids[:, 1:]) * counts, counts])  # (2, B, T)
            return jnp.reshape(both, (2, -1, tokens)).sum(axis=1)

        return jax.lax.map(measure, data).sum(axis=0)


def _nats(logits, targets):
    """Return the negative log-likelihood of each target: float32 `(B, T)`."""
    logs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(logs, targets[..., None], axis=-1)[..., 0]
