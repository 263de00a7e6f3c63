"""What worker 0 sends to the others: the run, the state to continue from, and the outcome."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bach_tf.learning.checkpoints import Checkpoint
from bach_tf.learning.corpus_record import check_same, record_of
from bach_tf.learning.data import prepare_corpus
from bach_tf.learning.outcome import Outcome
from bach_tf.learning.run_files import codec_of
from bach_tf.learning.runs import Run, build_model
from bach_tf.learning.workers.group import Group
from bach_tf.recipes import Preset, changed


def settings_of(preset: Preset) -> dict[str, Any]:
    """Return the settings that must be the same on all workers, by name.

    The place of the corpus is not among them, because it may differ from machine to machine.

    Example:
        >>> from bach_tf.recipes import PRESETS
        >>> settings_of(PRESETS["folk"])["model.units"]
        128
    """
    named = {}
    for name, value in preset.flat().items():
        inner = value if isinstance(value, dict) else None
        named |= {f"{name}.{each}": inner[each] for each in inner} if inner else {name: value}
    return {name: value for name, value in named.items() if name != "data_dir"}


def lead(group: Group, run: Run, corpus: Path) -> None:
    """Send a new or resumed run to the other workers, as worker 0.

    Args:
        group: the group.
        run: the run.
        corpus: the prepared folder of its corpus.

    Raises:
        ConnectionError: if a worker has stopped.
    """
    group.folder = run.folder
    if group.lines is None:
        return
    message = {
        "folder": str(run.folder),
        "preset": run.preset.to_config(),
        "codec": {"name": run.preset.music.codec, **run.codec.to_config()},
        "corpus": record_of(corpus),
    }
    group.lines.tell(message, run.memory.encode())


def follow(group: Group, data_dir: str | Path | None = None) -> tuple[Run, Path]:
    """Receive the run of worker 0; return it and the prepared folder of its corpus.

    Args:
        group: the group.
        data_dir: where the corpus is on this machine; by default where it is on that of worker 0.

    Raises:
        ValueError: if the corpus cannot be read, or is another one.
        ConnectionError: if a worker has stopped.
    """
    assert group.lines is not None
    message, memory = group.lines.hear()
    group.folder = Path(message["folder"])
    preset = Preset.from_config(message["preset"])
    if data_dir is not None:
        preset = changed(preset, data_dir=str(Path(data_dir).expanduser().absolute()))
    corpus = prepare_corpus(preset)
    check_same(group.worker, message["corpus"], corpus)
    codec = codec_of(message["codec"])
    model = build_model(preset, codec, memory.decode())
    return Run(group.folder, preset, codec, model, memory.decode()), corpus


class FollowedCheckpoint(Checkpoint):
    """The state of a training run on a worker that writes no files.

    Args:
        run: the run.
        group: the group; worker 0 sends the state from which training continues.
    """

    def __init__(self, run: Run, group: Group):
        super().__init__(run)
        self.group = group

    def restore(self) -> int:
        """Receive weights, optimiser and counters; return the number of finished epochs."""
        assert self.group.lines is not None
        message, values = self.group.lines.hear()
        self.state = message["state"]
        for variable, value in zip(_state_of(self.run), _unpacked(values), strict=True):
            variable.assign(value)
        return message["state"]["epoch"]

    def write(self) -> None:
        """Leave writing to worker 0."""

    _keep = write


def send_state(group: Group, checkpoint: Checkpoint) -> None:
    """Send the state from which training continues to the other workers, as worker 0."""
    if group.lines is not None:
        values = _packed([variable.numpy() for variable in _state_of(checkpoint.run)])
        group.lines.tell({"state": checkpoint.state}, values)


def send_outcome(group: Group, run: Run, outcome: Outcome) -> None:
    """Send the outcome and the best weights to the other workers, as worker 0."""
    if group.lines is not None:
        group.lines.tell({"outcome": asdict(outcome)}, _packed(run.model.get_weights()))


def receive_outcome(group: Group, run: Run) -> Outcome:
    """Return the outcome of training, and put the best weights into the model."""
    assert group.lines is not None
    message, weights = group.lines.hear()
    run.model.set_weights(_unpacked(weights))
    return Outcome(**message["outcome"])


def _state_of(run: Run) -> Sequence[Any]:
    return [*run.model.weights, *run.model.optimizer.variables]


def _packed(arrays: Sequence[np.ndarray]) -> bytes:
    content = io.BytesIO()
    np.savez(content, *arrays)
    return content.getvalue()


def _unpacked(content: bytes) -> list[np.ndarray]:
    with np.load(io.BytesIO(content)) as arrays:
        return [arrays[name] for name in arrays.files]
