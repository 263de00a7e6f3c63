"""A process that works for the server: `python -m bach_tf.studio.worker KIND TASKS FOLDER RUN`.

It reads frames from its standard input and writes frames to its standard output. The server starts
it, and it ends with the server, however that ends: where its input ends, or where a task takes far
longer than it may, which a thread outside Python watches.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from bach_tf.studio import frames
from bach_tf.studio.limits import FILE_BYTES, WORKER_BYTES

LIGHT, MODEL = "light", "model"
READ, RUNS = "read", "list_runs"  # tasks that take a file and its name, and nothing
SECONDS_BETWEEN = 0.1  # two reports of progress
SPARE_SECONDS = 10.0  # after which the watching thread ends what the server should have ended

Result = tuple[dict[str, Any], bytes]


class StoppedError(Exception):
    """The server has asked to stop the task."""


class Channel:
    """The way to the server and back, with a thread that listens."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, at_end: Callable[[], None]):
        self.source, self.sink, self.at_end = source, sink, at_end
        self.tasks: queue.Queue[frames.Frame] = queue.Queue()
        self.stopped = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, head: dict[str, Any], content: bytes = b"") -> None:
        """Send a frame."""
        with self._writing, suppress(BrokenPipeError):  # the listener hears of the end too
            self.sink.write(frames.pack(head, content))
            self.sink.flush()

    def _listen(self) -> None:
        while (frame := frames.read(self.source)) is not None:
            if "stop" in frame[0]:
                self.stopped.set()
            else:
                self.stopped.clear()
                self.tasks.put(frame)
        self.at_end()


class Progress:
    """What a task calls with the fraction that is done; it raises where the task has to stop."""

    def __init__(self, channel: Channel):
        self.channel, self.next, self.last = channel, 0.0, -1.0

    def __call__(self, fraction: float) -> None:
        """Report a fraction in 0..1, at most some times a second."""
        if self.channel.stopped.is_set():
            raise StoppedError
        fraction = round(float(fraction), 3)
        if time.monotonic() >= self.next and fraction != self.last:
            self.next, self.last = time.monotonic() + SECONDS_BETWEEN, fraction
            self.channel.say({"done": fraction})


def main(kind: str, tasks: str, folder: str, run: str) -> None:
    """Work until the server ends.

    Args:
        kind: `LIGHT` or `MODEL`.
        tasks: the module with the tasks.
        folder: for temporary files; removed where the server has ended.
        run: the run that the model worker loads first.
    """
    channel = Channel(*_own_streams(), lambda: _leave(folder))
    try:
        work = _light(tasks) if kind == LIGHT else _model(tasks, run, Progress(channel))
    except Exception as error:
        channel.say({"failed": sentence_of(error)})
        return
    channel.say({"ready": True})
    while True:
        head, content = channel.tasks.get()
        faulthandler.dump_traceback_later(head["seconds"] + SPARE_SECONDS, exit=True)
        channel.say(*answer(work, head, content, Progress(channel)))
        faulthandler.cancel_dump_traceback_later()


def answer(work: Callable[..., Result], head: dict, content: bytes, progress: Progress) -> Result:
    """Return the answer to a frame with a task: a status of HTTP, and what goes with it.

    Args:
        work: what does the task.
        head: "task" and, for a file, "arguments".
        content: the body of the request.
        progress: called with the fraction that is done.
    """
    try:
        found, result = work(head, content, progress)
        return {"status": 200, **found}, result
    except ValueError as error:
        return {"status": 400, "error": str(error) or "The request has something wrong in it."}, b""
    except (MemoryError, RecursionError):
        return {"status": 400, "error": "That needs more memory than the studio gives it."}, b""
    except StoppedError:
        return {"status": 499, "error": "Stopped."}, b""
    except Exception as error:
        return {"status": 500, "error": sentence_of(error), "bug": True}, b""


def request_of(content: bytes) -> dict[str, Any]:
    """Return a request that came as JSON.

    Args:
        content: the body.

    Raises:
        ValueError: if it is none, or no object, or nested too deep.

    Example:
        >>> request_of(b'{"bars": 8}')
        {'bars': 8}
    """
    try:
        request = json.loads(content, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("Expected JSON, got some that is nested too deep.") from None
    except ValueError as error:
        raise ValueError(f"Expected JSON: {error}") from None
    if not isinstance(request, dict):
        raise ValueError(f"Expected a JSON object, got: {type(request).__name__}")
    return request


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def _light(tasks: str) -> Callable[..., Result]:
    """Return what does one of the module's functions."""
    _limit()
    module = import_module(tasks)

    def work(head, content, progress) -> Result:
        call = getattr(module, head["task"])
        if head["task"] == READ:
            return _packed(call(data=content, **head["arguments"]))
        return _packed(call() if head["task"] == RUNS else call(request_of(content)))

    return work


def _model(tasks: str, run: str, progress: Progress) -> Callable[..., Result]:
    """Return what performs with a model, after a first time that compiles its loops."""
    performer = import_module(tasks).Performer()
    performer.warm_up(run)

    def work(head, content, progress) -> Result:
        progress(0.0)
        request = {"run": run, **request_of(content)}
        result = performer.perform(head["task"], request, progress)
        return _packed({"state": "done", **result})

    return work


def _packed(result: Any) -> Result:
    """Return what a task returns as a frame: JSON, or bytes with their type and a file's name."""
    if isinstance(result, tuple):
        content, kind, *name = result
        return {"type": kind, "filename": name[0] if name else None}, content
    said = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {"type": "application/json", "filename": None}, said.encode("utf-8", "replace")


def _limit() -> None:
    """Limit this process, so that no file can take the machine's memory or disk."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_AS, (WORKER_BYTES, WORKER_BYTES))


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the ways from and to the server; what libraries print goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    return source, sink


def _leave(folder: str) -> None:
    """End at once, whatever the other thread does; nobody else can remove the folder any more."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        Path(folder).parent.rmdir()  # by the last of the workers
    os._exit(0)


def sentence_of(error: Exception) -> str:
    """Return what went wrong for a person; of a bug only its kind and its place.

    Args:
        error: what was raised.
    """
    if isinstance(error, ValueError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119
    return f"The studio failed: {type(error).__name__} at {place}. This is a mistake of ours."


if __name__ == "__main__":
    main(*sys.argv[1:])
