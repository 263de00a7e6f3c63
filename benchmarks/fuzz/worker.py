"""A process that damages files and reads them, within limits."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import NamedTuple

import bach_tf
from bach_tf.cli.quiet import silence_libraries
from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.readers import KINDS, sample_of

SECONDS = 10.0  # for an input
ROOM = 10**9  # bytes above those before the first input
NOISE = b"\x00\xff\x01\xfe\n" * 9  # no letter is in it: ABC would take it for a note
ENDLESS = 2 * SECONDS  # after which the process is ended from outside
PACKAGE = str(Path(bach_tf.__file__).parent)
TRUNCATE = "os.truncate"
# Changes to the file system that Python reports, and the place of the path in their arguments.
CHANGES = {
    "os.mkdir": 0, "os.remove": 0, "os.rename": 1, "os.rmdir": 0, "os.symlink": 1, "os.link": 1,
    TRUNCATE: 0, "shutil.rmtree": 0,
}  # fmt: skip
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
READ, REFUSED, BUG = "read", "refused", "bug"


class TooLongError(BaseException):
    """An input took longer than `SECONDS`; no reader catches it."""


class Task(NamedTuple):
    """Inputs to read: of a kind of file, with a kind of damage, from one number to another."""

    kind: str
    damage: str
    start: int
    stop: int


class Bug(NamedTuple):
    """An input that was neither read nor refused.

    Args:
        name: kind, damage and number, as in `midi/flipped/4711`.
        what: the exception, or what else happened, in one line.
        place: file and line.
        content: the input.
    """

    name: str
    what: str
    place: str
    content: bytes


class Batch(NamedTuple):
    """The outcomes of some inputs.

    Args:
        counts: by outcome.
        bugs: those that are bugs.
        slowest: seconds of the slowest input, and its name.
        memory: peak above that of the process before them, in bytes.
    """

    counts: Counter[str]
    bugs: list[Bug]
    slowest: tuple[float, str]
    memory: int


class Watch:
    """Notes what is opened for writing outside a folder, and what is started."""

    def __init__(self, folder: Path):
        self.folder = str(folder)
        self.seen: list[str] = []
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple) -> None:
        """Handle an event of Python's audit hooks."""
        if event == "open":
            path, mode, flags = arguments
            writes = flags & WRITING or (isinstance(mode, str) and set(mode) & set("wax+"))
            if writes and not isinstance(path, int):
                self.note(path)
        elif event in CHANGES and (event == TRUNCATE or arguments[-1] in (-1, None)):
            # Other names are relative to an open folder: those of a tree that is removed.
            self.note(arguments[CHANGES[event]])
        elif event in STARTS:
            self.seen.append(f"{event} {arguments[:1]}")

    def note(self, path: object) -> None:
        """Remember a path outside of the folder."""
        name = str(Path(os.fsdecode(path)).absolute())  # type: ignore[arg-type]
        if not name.startswith((self.folder, "/dev/")) and not name.endswith(".pyc"):
            self.seen.append(f"writes {name}")


class Reader:
    """Reads damaged files of one kind.

    Args:
        kind: one of `KINDS`.
        watch: notes what is written elsewhere.
        seed: of the damage.
    """

    def __init__(self, kind: str, watch: Watch, seed: int):
        self.kind, self.seed, self.watch = kind, seed, watch
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=watch.folder))
        self.paths = KINDS[kind].samples(folder)
        self.contents = {path: path.read_bytes() for path in self.paths}
        for path in self.paths:  # intact files are read, and everything is imported
            KINDS[kind].read(path)
            self._check_refusal(path)
        watch.seen.clear()

    def _check_refusal(self, path: Path) -> None:
        """Check that a file of noise is refused, or the reader does not read this file at all."""
        path.write_bytes(NOISE)
        outcome, *_ = self._read(path)
        path.write_bytes(self.contents[path])
        if outcome == READ:
            raise RuntimeError(f"{self.kind}: {path.name} was read, although it is noise")

    def input_of(self, damage: str, index: int) -> tuple[Path, bytes]:
        """Return where an input is to be written, and its content."""
        path = sample_of(self.paths, index)
        random = Random(f"{self.seed}/{self.kind}/{damage}/{index}")
        return path, damaged(damage, random, self.contents[path], path.suffix)

    def outcome(self, damage: str, index: int) -> tuple[str, Bug | None]:
        """Read an input; return what came of it."""
        path, content = self.input_of(damage, index)
        path.write_bytes(content)
        try:
            outcome, what, place = self._read(path)
        finally:
            path.write_bytes(self.contents[path])
        if self.watch.seen:
            outcome, what, place = BUG, self.watch.seen[0], ""
            self.watch.seen.clear()
        if outcome != BUG:
            return outcome, None
        return BUG, Bug(f"{self.kind}/{damage}/{index}", what, place, content)

    def _read(self, path: Path) -> tuple[str, str, str]:
        try:
            with _time_limited():
                KINDS[self.kind].read(path)
            return READ, "", ""
        except ValueError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            ours = where.filename.startswith(PACKAGE)
            own = type(error) is ValueError or type(error).__module__.startswith("bach_tf")
            named = not KINDS[self.kind].names_file or path.name in str(error)
            if ours and own and named:
                return REFUSED, "", ""
            return BUG, *_described(error)
        except (Exception, TooLongError) as error:
            return BUG, *_described(error)


def _described(error: BaseException) -> tuple[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(PACKAGE)] or frames
    what = f"{type(error).__name__}: {error}".splitlines()[0][:160]
    return what, f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


@contextmanager
def _time_limited() -> Iterator[None]:
    """Raise `TooLongError` in the block after `SECONDS` of computing."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stop(*_: object) -> None:
    raise TooLongError(f"more than {SECONDS:g} s")


def _limit_memory(room: int | None) -> None:
    """Let this process allocate some bytes more than it has; `None` for any number."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = most if room is None else _memory("VmSize") + room
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _memory(name: str) -> int:
    """Return a number of bytes that the system knows of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def work(connection: Connection, place, seed: int, scratch: str) -> None:
    """Handle tasks `(kind, damage, start, stop)` until there is `None`.

    Args:
        connection: where tasks come from and a `Batch` for each goes to.
        place: a shared number, set to that of the input being read.
        seed: of the damage.
        scratch: the only folder that may be written to.
    """
    silence_libraries()
    os.chdir(scratch)
    os.environ["BACH_TF_HOME"] = scratch
    tempfile.tempdir = scratch
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _stop)
    watch = Watch(Path(scratch))
    readers: dict[str, Reader] = {}
    while (task := connection.recv()) is not None:
        kind, damage, start, stop = task
        if kind not in readers:
            _limit_memory(None)
            readers[kind] = Reader(kind, watch, seed)
            _limit_memory(ROOM)
        with redirect_stderr(io.StringIO()):
            batch = _batch(readers[kind], damage, range(start, stop), place)
        connection.send(batch)


def _batch(reader: Reader, damage: str, indices: range, place) -> Batch:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the former peak
    before = _memory("VmRSS")
    reader.watch.seen.clear()
    counts: Counter[str] = Counter()
    bugs, slowest = [], (0.0, "")
    for index in indices:
        place.value = index
        began = time.process_time()
        outcome, bug = reader.outcome(damage, index)
        slowest = max(slowest, (time.process_time() - began, f"{reader.kind}/{damage}/{index}"))
        counts[outcome] += 1
        bugs += [bug] if bug else []
    return Batch(counts, bugs, slowest, _memory("VmHWM") - before)
