"""TensorBoard event files that continue after a kill without gaps or repeated steps.

Events are flushed before each checkpoint, which records the sizes of the event files. When training
resumes, what was written after the checkpoint is cut off, because those epochs are trained again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import keras

PATTERN = "events.out.tfevents.*"


class EventFiles(keras.callbacks.TensorBoard):
    """Write event files, flushed at the beginning of training and after each epoch."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        super().on_train_begin(logs)
        self._flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        super().on_epoch_end(epoch, logs)
        self._flush()

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()


def event_sizes(run: Path) -> dict[str, int]:
    """Return the size in bytes of each event file in a run folder, by relative path."""
    return {name: path.stat().st_size for name, path in _event_files(run)}


def drop_later_events(run: Path, sizes: dict[str, int]) -> None:
    """Remove events written after the last checkpoint.

    Args:
        run: the run folder.
        sizes: of its event files at that time, as returned by `event_sizes`.
    """
    for name, path in list(_event_files(run)):
        kept = sizes.get(name, 0)
        if kept == 0:
            path.unlink()
        elif path.stat().st_size > kept:
            os.truncate(path, kept)


def _event_files(run: Path) -> Iterator[tuple[str, Path]]:
    """Yield the event files in a run folder with their relative paths."""
    for path in sorted(run.rglob(PATTERN)):
        if path.is_file():
            yield path.relative_to(run).as_posix(), path
