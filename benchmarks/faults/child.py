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
    import keras

    from bach_tf import learning
    from bach_tf.learning.runs import PRESET, RUNS
    from bach_tf.measuring import inspection

    class Moments(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            reports.tell("step")

        def on_test_batch_end(self, batch, logs=None):
            reports.tell("validation")

    folder = RUNS / RUN
    if (folder / PRESET).exists():
        run, corpus = learning.resume_run(folder)
    else:
        run, corpus = learning.start_run(small_preset(data, int(epochs)), RUN)
    callbacks = [*inspection.callbacks(run), Moments()]
    learning.train(run, corpus, verbose=0, callbacks=callbacks)
    return 0


def small_preset(data: str, epochs: int):
    """Return settings with everything that has a state: dropout, averages, a plateau."""
    from bach_tf.recipes import PRESETS, changed

    preset = PRESETS["gru"]
    return changed(
        preset,
        model=preset.model.settings | {"units": 16, "layers": 1},
        corpus="folder",
        data_dir=data,
        window=16,
        stride=16,
        batch_size=16,
        epochs=epochs,
        average=0.9,
        plateau_patience=2,
        patience=99,
    )


def prepare(reports: Reports, data: str) -> int:
    """Prepare a corpus."""
    from bach_tf.corpora import CORPORA

    print(CORPORA["folder"].prepare(Path(data)))
    return 0


def command(reports: Reports, *arguments: str) -> int:
    """Run `bach-tf`."""
    from bach_tf.cli.main import main

    return main(arguments)


WORK: dict[str, Callable[..., int]] = {"train": train, "prepare": prepare, "command": command}


def begin(arguments: Sequence[str]) -> int:
    """Do a piece of work: the descriptors, the folder, a name in `WORK`, and its arguments."""
    out, answers, root, work, *others = arguments
    return WORK[work](Reports(int(out), int(answers), Path(root)), *others)


if __name__ == "__main__":
    sys.exit(begin(sys.argv[1:]))
