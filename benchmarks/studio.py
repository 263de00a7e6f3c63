"""How soon the studio is there, and what it answers to many clients at once.

    python -m benchmarks.studio
    python -m benchmarks.studio --clients 5 --particles 2   # a small trial

A studio is started on the loopback, on a free port. The tune is Beethoven's "Ode to Joy": eight
bars, harmonised with the shipped weights as the page asks for it. The clients come at the same
moment, each in a thread of its own; every one of them has to hear an answer, or that the studio is
busy, with its place.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from bach_tf._basics.process import begin

if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback

from benchmarks.machine import describe_machine

PATIENCE = 1200  # seconds for any answer
LOOK = 0.01  # seconds between two looks
TUNE = (
    (64, 64, 65, 67), (67, 65, 64, 62), (60, 60, 62, 64), (64, 62, 62, 62),
    (64, 64, 65, 67), (67, 65, 64, 62), (60, 60, 62, 64), (62, 60, 60, 60),
)  # fmt: skip
QUARTER = 4  # steps


@dataclass(frozen=True)
class Heard:
    """What a client heard.

    Args:
        status: of HTTP.
        seconds: until it was there.
        place: in the queue, where the studio was busy.
    """

    status: int
    seconds: float
    place: int | None = None


class Client:
    """Asks a studio on this machine.

    Args:
        port: its port.
    """

    def __init__(self, port: int):
        self.port = port

    def ask(self, path: str, request: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Return the status and the content of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            body = None if request is None else json.dumps(request)
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        in_json = "json" in answer.headers["content-type"]
        return answer.status, json.loads(content) if in_json else content

    def hear(self, path: str, request: dict[str, Any]) -> Heard:
        """Return what is answered to a request, and when."""
        begun = time.perf_counter()
        status, found = self.ask(path, request)
        return Heard(status, time.perf_counter() - begun, found.get("place"))


@contextmanager
def studio() -> Iterator[tuple[Client, int]]:
    """Start a studio, and yield a client, and the id of its process; end it after the block."""
    command = (sys.executable, "-m", "bach_tf", "studio", "--no-open", "--port", "0")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split("http://")[1].split("/")[0]
            yield Client(int(address.rpartition(":")[2])), process.pid
        finally:
            process.terminate()
            process.wait()


def piece() -> dict[str, Any]:
    """Return the tune as the studio takes it."""
    pitches = [pitch for bar in TUNE for pitch in bar]
    notes = [[i * QUARTER, QUARTER, pitch, 0, 80] for i, pitch in enumerate(pitches)]
    return {
        "length": len(pitches) * QUARTER,
        "steps_per_quarter": QUARTER,
        "metres": [[0, 4, 4]],
        "notes": notes,
    }


def at_once(clients: int, work: Callable[[int], Heard]) -> list[Heard]:
    """Return what many clients hear who come at the same moment.

    Args:
        clients: their number.
        work: called with the number of each.
    """
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(work, range(clients)))


def describe(heard: list[Heard]) -> str:
    """Return what clients heard in a line.

    Example:
        >>> describe([Heard(200, 1.0), Heard(200, 3.0), Heard(503, 0.1, 18)])
        '3 clients: 2 answered, 1 busy (places 18..18), 0 else; median 2.00 s, worst 3.00 s'
    """
    seconds = [each.seconds for each in heard if each.status == 200]
    places = [each.place for each in heard if each.status == 503 and each.place is not None]
    other = len(heard) - len(seconds) - len(places)
    busy = f"{len(places)} busy" + (f" (places {min(places)}..{max(places)})" if places else "")
    said = f"{len(heard)} clients: {len(seconds)} answered, {busy}, {other} else"
    if not seconds:
        return said
    return f"{said}; median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s"


def memory_mb(server: int) -> list[int]:
    """Return the resident memory of a server and its processes in MB.

    Args:
        server: the id of its process.
    """
    listed = subprocess.run(
        ("ps", "-A", "-o", "pid=,ppid=,rss="), capture_output=True, text=True, check=True
    )
    rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    return [rss // 1024 for pid, parent, rss in rows if server in (pid, parent)]


def wait_for_model(client: Client) -> None:
    """Wait until the model is loaded.

    Raises:
        RuntimeError: if it cannot be loaded.
    """
    while not (status := client.ask("/api/status")[1])["ready"]:
        if status["error"]:
            raise RuntimeError(status["error"])
        time.sleep(LOOK)


def main(argv: list[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="How soon the studio answers.")
    parser.add_argument("--clients", type=int, default=50, help="that come at once")
    about = "of the clients' harmonies; the first one has the page's own number"
    parser.add_argument("--particles", type=int, default=8, help=about)
    args = parser.parse_args(argv)
    print(describe_machine(), flush=True)
    begun = time.perf_counter()
    with studio() as (client, server):

        def tell(what: str, since: float) -> None:
            print(f"{time.perf_counter() - since:8.2f} s  {what}", flush=True)

        assert client.ask("/")[0] == 200
        tell("from the command to the page", begun)
        wait_for_model(client)
        tell("from the command to the model", begun)
        for which in ("first", "second"):
            asked = time.perf_counter()
            status, found = client.ask("/api/harmonize", {"piece": piece(), "seed": 1})
            assert status == 200, found
            tell(f"the {which} harmony of 8 bars", asked)
        _load(client, args.clients, args.particles)
        print(f"memory in MB (server, then its processes): {memory_mb(server)}")


def _load(client: Client, clients: int, particles: int) -> None:
    """Print what many clients hear who come at once, of each kind of work."""

    def harmonize(seed: int) -> Heard:
        request = {"piece": piece(), "seed": seed, "particles": particles}
        return client.hear("/api/harmonize", request)

    def engrave(_: int) -> Heard:
        return client.hear("/api/engrave", {"piece": piece(), "width": 900})

    print(f"harmonize, 8 bars, {particles} particles: {describe(at_once(clients, harmonize))}")
    print(f"engrave, 8 bars: {describe(at_once(clients, engrave))}", flush=True)


if __name__ == "__main__":
    main()
