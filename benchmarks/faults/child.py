"""The program that is killed: it reports what it does, and waits each time until it may go on."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OPERATIONS = {"os.rename": 1, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0}
RUN = "run"  # the name of the run folder
SMALL = (
    "model.units=16", "model.layers=1", "window=16", "stride=16", "batch_size=16", "average=0.9",
    "plateau_patience=2", "patience=99",
)  # fmt: skip


class Reports:
    """Reports to another process, which answers each or kills this one.

    Args:
        out: the descriptor that reports are written to.
        answers: the descriptor that answers are read from.
        root: the folder whose files are reported.
    """

    def __init__(self, out: int, answers: int, root: Path):
        self.out, self.answers, self.root = out, answers, f"{root}/"
        self.turn = threading.Lock()
        sys.addaudithook(self.hear)

    def tell(self, report: str) -> None:
        """Report something and wait for the answer."""
        with self.turn:
            os.write(self.out, f"{report}\n".encode())
            os.read(self.answers, 1)

    def hear(self, event: str, arguments: tuple) -> None:
        """Report a file operation of Python in the folder, before it happens."""
        if event == "open":
            path, mode, flags = arguments
            if not (flags & WRITING or (isinstance(mode, str) and set(mode) & set("wax+"))):
                return
        elif event in OPERATIONS:
            path = arguments[OPERATIONS[event]]
        else:
            return
        if isinstance(path, str | bytes | os.PathLike):
            name = str(Path(os.fsdecode(path)).absolute())
            if name.startswith(self.root) and not name.endswith("/lock"):
                self.tell(f"{event} {name.removeprefix(self.root)}")


def train(reports: Reports, data: str, epochs: str) -> int:
    """Start or resume the run and train it to its end."""
    from bach_tf import learning
    from bach_tf.learning.runs import PRESET, RUNS
    from bach_tf.measuring import inspection

    folder = RUNS / RUN
    if (folder / PRESET).exists():
        run, corpus = learning.resume_run(folder)
    else:
        run, corpus = learning.start_run(small_preset(data, int(epochs)), RUN)
    callbacks = [*inspection.callbacks(run), moments(reports)]
    learning.train(run, corpus, verbose=0, callbacks=callbacks)
    return 0


def moments(reports: Reports):
    """Return a callback that reports the steps of training and of validation."""
    import keras

    class Moments(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            reports.tell("step")

        def on_test_batch_end(self, batch, logs=None):
            reports.tell("validation")

    return Moments()


def small_preset(data: str, epochs: int):
    """Return settings with everything that has a state: dropout, averages, a plateau."""
    from bach_tf.recipes import PRESETS, changed, override

    preset = changed(PRESETS["gru"], corpus="folder", data_dir=data, epochs=epochs)
    return override(preset, SMALL)


def prepare(reports: Reports, data: str) -> int:
    """Prepare a corpus."""
    from bach_tf.corpora import CORPORA

    print(CORPORA["folder"].prepare(Path(data)))
    return 0


def command(reports: Reports, *arguments: str) -> int:
    """Run `bach-tf`."""
    from bach_tf._basics import process
    from bach_tf.cli.main import main

    process.begin()  # or what is said while libraries are silent is lost
    return main(arguments)


def watched(reports: Reports, *arguments: str) -> int:
    """Run `bach-tf train`, which reports its steps too."""
    from bach_tf.cli.quiet import silence_libraries

    silence_libraries()  # before TensorFlow is imported
    from bach_tf.measuring import inspection

    callbacks_of = inspection.callbacks
    inspection.callbacks = lambda run: [*callbacks_of(run), moments(reports)]
    return command(reports, "train", *arguments)


WORK: dict[str, Callable[..., int]] = {
    "train": train, "prepare": prepare, "command": command, "watched": watched,
}  # fmt: skip


def begin(arguments: Sequence[str]) -> int:
    """Do a piece of work: the descriptors, the folder, a name in `WORK`, and its arguments."""
    out, answers, root, work, *others = arguments
    return WORK[work](Reports(int(out), int(answers), Path(root)), *others)


if __name__ == "__main__":
    sys.exit(begin(sys.argv[1:]))
