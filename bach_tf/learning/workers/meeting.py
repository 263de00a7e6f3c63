"""How the workers of a training run meet, and how each learns that another has stopped.

TensorFlow waits for its workers without saying for whom, and reports a lost one after seconds as
an error of whichever operation came next. So before TensorFlow takes over its port, each worker
connects to worker 0, and the connection stays open: the operating system closes it when a process
ends for any reason. Worker 0 passes on to the others who has stopped, and why.

Nothing here is encrypted, like TensorFlow's own traffic: use a network of your own.
"""

from __future__ import annotations

import contextlib
import errno
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from bach_tf import __version__
from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.learning.workers.roster import Roster
from bach_tf.learning.workers.wire import closed, kept, receive, send

WAIT_SECONDS = 300.0  # for the other workers: machines of a cluster start one after another
GREETING_SECONDS = 10.0  # for the answer of a process that accepts connections
BETWEEN_TRIES = 0.3  # seconds
LARGEST_GREETING = 2**20  # bytes: anybody can connect
USED = (errno.EADDRINUSE, errno.EACCES)


def meet(
    roster: Roster,
    settings: Mapping[str, Any] | None = None,
    seconds: float = WAIT_SECONDS,
    gpus: int = 0,
) -> Lines:
    """Wait until all workers have started; return the open connections between them.

    Args:
        roster: all workers.
        settings: plain data that must be the same for all; `None` if unknown to this one.
        seconds: how long to wait.
        gpus: number of this worker's GPUs, which must be the same for all.

    Raises:
        ValueError: if a worker does not answer in time, the port of this one is in use, or another
            was started with other workers, settings, versions or GPUs; the message names the
            worker.
    """
    greeting = _greeting(roster, settings, gpus)
    found = (_join if roster.worker else _gather)(roster, greeting, seconds)
    return Lines(roster, found)


def _greeting(roster: Roster, settings: Mapping[str, Any] | None, gpus: int) -> dict[str, Any]:
    """Return what a worker says of itself, as the others read it: tuples are lists."""
    greeting = {
        "workers": list(roster.addresses),
        "worker": roster.worker,
        "versions": {"bach_tf": __version__, "tensorflow": _version_of("tensorflow")},
        "settings": settings if settings is None else dict(settings),
        "devices": {"GPUs": gpus},
    }
    return json.loads(json.dumps(greeting))


class Loss(NamedTuple):
    """A worker that has stopped.

    Args:
        worker: its number.
        reason: that it gave; "" if it could not.
        lasting: whether it would stop again if training went on from where it was.
    """

    worker: int
    reason: str = ""
    lasting: bool = False


class Lines:
    """The open connections between worker 0 and all others.

    Args:
        roster: all workers.
        sockets: the connection to each: of worker 0 to all, of the others to worker 0.
    """

    def __init__(self, roster: Roster, sockets: Mapping[int, socket.socket]):
        self.roster = roster
        self.loss: Loss | None = None  # the first worker that stopped
        self.react: Callable[[], None] = lambda: None  # called once, by another thread, at a loss
        self.lost = threading.Event()
        self._sockets = sockets
        self._inbox: queue.SimpleQueue[tuple[dict, bytes] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ended = False
        for number, line in sockets.items():
            threading.Thread(target=self._listen, args=(number, line), daemon=True).start()

    def tell(self, message: dict[str, Any], blob: bytes = b"") -> None:
        """Send a message, and bytes with it, to all connected workers.

        Raises:
            ConnectionError: if a worker has stopped.
        """
        for number, line in self._sockets.items():
            try:
                with self._sending:  # a loss is passed on by another thread
                    send(line, message, blob)
            except OSError:
                self._lose(Loss(number))
        if self.loss:
            raise self.stopped()

    def hear(self) -> tuple[dict[str, Any], bytes]:
        """Wait for the next message and what comes with it.

        Raises:
            ConnectionError: if a worker has stopped.
        """
        heard = None if self.loss else self._inbox.get()
        if heard is None:
            raise self.stopped()
        return heard

    def stopped(self) -> ConnectionError:
        """Return the error that says which worker has stopped."""
        number, reason, _ = self.loss or Loss(0)
        name = self.roster.name(number)
        why = f": {reason}" if reason else ": it was killed, or its machine or network failed"
        return ConnectionError(f"W{name[1:]} has stopped{why}{'' if why.endswith('.') else '.'}")

    def end(self, failure: str = "", *, lasting: bool = False) -> None:
        """Say goodbye and close the connections.

        Args:
            failure: why this worker stops before training is over; "" if it is over.
            lasting: whether it would stop again if training went on from where it was.
        """
        goodbye = {"failed": failure, "lasting": lasting} if failure else {"ended": True}
        with self._lock:
            self._ended = True
        for line in self._sockets.values():
            with contextlib.suppress(OSError):
                send(line, goodbye)
            line.close()

    def _listen(self, number: int, line: socket.socket) -> None:
        """Read all that comes over a connection until its end."""
        try:
            while True:
                message, blob = receive(line)
                if "ended" in message:
                    return
                if "failed" in message:
                    lost = message.get("lost", number)
                    lasting = message.get("lasting", False)
                    self._lose(Loss(lost, message["failed"], lasting))
                    return
                self._inbox.put((message, blob))
        except (OSError, ValueError):
            self._lose(Loss(number))

    def _lose(self, loss: Loss) -> None:
        """Note that a worker has stopped, tell the others, and wake whoever waits."""
        with self._lock:
            if self._ended or self.loss:
                return
            self.loss = loss._replace(reason=shortened(loss.reason, LONGEST_LINE))
        self._pass_on(loss)
        self.lost.set()
        self._inbox.put(None)
        self.react()

    def _pass_on(self, loss: Loss) -> None:
        """Tell the others of a loss, as worker 0, to which all are connected."""
        if self.roster.worker:
            return
        message = {"failed": loss.reason, "lost": loss.worker, "lasting": loss.lasting}
        for other, line in self._sockets.items():
            if other != loss.worker:
                with self._sending, contextlib.suppress(OSError):
                    send(line, message)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # installed under another name, such as that of a nightly build
        return ""


def _gather(roster: Roster, greeting: dict, seconds: float) -> dict[int, socket.socket]:
    """Accept the connections of all other workers, as worker 0."""
    deadline, met = time.monotonic() + seconds, {}
    try:
        with _listening(roster) as listener:
            listener.settimeout(BETWEEN_TRIES)
            while missing := _missing(roster, met):
                if time.monotonic() > deadline:
                    raise _silent(roster, missing, seconds)
                with contextlib.suppress(TimeoutError):
                    line, _ = listener.accept()
                    _greet(roster, greeting, line, met)
        for line in met.values():
            with contextlib.suppress(OSError):  # `Lines` notices that it has stopped
                send(line, {"met": True})
    except BaseException as error:
        known = isinstance(error, ValueError)
        for line in met.values():
            _refuse(line, str(error) if known else f"W{roster.name(0)[1:]} has stopped.")
        raise
    return met


def _missing(roster: Roster, met: dict[int, socket.socket]) -> list[int]:
    """Return the workers that have not come, or have come and gone."""
    return [number for number in roster.others if number not in met or closed(met[number])]


def _greet(roster: Roster, greeting: dict, line: socket.socket, met: dict) -> None:
    """Add a connection to those of the workers met so far, unless a stranger has connected.

    Raises:
        ValueError: if the other worker was not started as this one was.
    """
    try:
        line.settimeout(GREETING_SECONDS)
        theirs, _ = receive(line, LARGEST_GREETING)
        number = theirs["worker"]
        different = _difference(roster, greeting, theirs)
        if not different and number not in roster.others:
            raise KeyError(number)
        different = different or _unreachable(roster, number)
    except (OSError, KeyError, TypeError, ValueError):
        line.close()
        return
    if different or (number in met and not closed(met[number])):
        text = different or f"Another process has been started as {roster.name(number)}."
        _refuse(line, text)
        if different:
            raise ValueError(text)
        return
    if number in met:
        met[number].close()
    met[number] = kept(line)
    with contextlib.suppress(OSError):  # if it has stopped meanwhile, it is missing again
        send(line, {"heard": True})


def _difference(roster: Roster, ours: dict, theirs: dict) -> str:
    """Return how another worker was started otherwise than worker 0; "" if alike."""
    number = theirs["worker"]
    if ours["workers"] != theirs["workers"]:
        lists = ", ".join(theirs["workers"]), ", ".join(ours["workers"])
        return f"Worker {number} was started with the workers {lists[0]}, worker 0 with {lists[1]}."
    parts = [
        ("versions", "versions"), ("settings", "settings"), ("devices", "number of devices"),
    ]  # fmt: skip
    for part, words in parts:
        mine, other = ours[part], theirs[part]
        if mine is None and other is None:
            continue
        if mine is None or other is None:
            return _started(0 if mine is None else number)
        names = sorted(name for name in {*mine, *other} if mine.get(name) != other.get(name))
        if names:
            said = ", ".join(f"{name}={shortened(other.get(names[0]))}" for name in names[:1])
            return (
                f"W{roster.name(number)[1:]} was started with {said}, worker 0 with "
                f"{names[0]}={shortened(mine.get(names[0]))}. All workers need the same {words}."
            )
    return ""


def _unreachable(roster: Roster, number: int) -> str:
    """Return that worker 0 cannot connect to another, for which TensorFlow would wait; or ""."""
    try:
        socket.create_connection(roster.place(number), GREETING_SECONDS).close()
    except OSError as error:
        return (
            f"Worker 0 cannot connect to {roster.name(number)}, which has connected to it: "
            f"{error.strerror or error}. Check the address, and that no firewall closes the port."
        )
    return ""


def _started(number: int) -> str:
    return (
        f"Worker {number} continues or starts from another run, and another worker does not. Give "
        "all workers the same options but for their numbers."
    )


def _join(roster: Roster, greeting: dict, seconds: float) -> dict[int, socket.socket]:
    """Connect to worker 0, as one of the others, and wait until it has met all."""
    with _listening(roster):  # worker 0 tries to connect
        line = _connected(roster, greeting, seconds)
    try:
        answer, _ = receive(line)
    except (OSError, ValueError):
        answer = {"refused": f"W{roster.name(0)[1:]} has stopped."}
    if "met" in answer:
        return {0: line}
    line.close()
    raise ValueError(str(answer.get("refused")))


def _connected(roster: Roster, greeting: dict, seconds: float) -> socket.socket:
    """Return a connection to worker 0, which has answered."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            line = socket.create_connection(roster.place(0), timeout=GREETING_SECONDS)
            break
        except OSError:  # not started yet
            if time.monotonic() > deadline:
                raise _silent(roster, [0], seconds) from None
            time.sleep(BETWEEN_TRIES)
    try:
        send(line, greeting)
        answer, _ = receive(line, LARGEST_GREETING)
    except (OSError, ValueError):
        answer = {
            "refused": f"Something else than a worker answers as {roster.name(0)}, unless it has "
            "begun to train with others."
        }
    if "heard" in answer:
        return kept(line)
    line.close()
    raise ValueError(str(answer.get("refused")))


def _silent(roster: Roster, missing: list[int], seconds: float) -> ValueError:
    names = ", ".join(roster.name(number) for number in missing)
    return ValueError(
        f"No answer from {names} within {seconds:g} seconds. Start all workers at about the same "
        "time; if they run, check the addresses and that no firewall closes the ports."
    )


def _listening(roster: Roster) -> socket.socket:
    """Return a socket that listens on the port of this worker.

    Raises:
        ValueError: if the port is in use or not allowed.
    """
    host, port = roster.place(roster.worker)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family)
    except OSError as error:
        if error.errno not in USED:
            raise
        why = "in use" if error.errno == errno.EADDRINUSE else "reserved for administrators"
        raise ValueError(
            f"Port {port} of {roster.name(roster.worker)} is {why}. Choose another port for it, or "
            "stop what uses it, such as another process started as the same worker."
        ) from None


def _refuse(line: socket.socket, why: str) -> None:
    with contextlib.suppress(OSError):
        send(line, {"refused": why})
    line.close()
