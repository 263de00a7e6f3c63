"""A studio with toy tasks, in a process of its own, and requests to it."""

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 60  # seconds, for a busy machine


class Toy:
    """A server process."""

    def __init__(self, folder, run="toy", host="127.0.0.1"):
        self.temporary = folder
        path = os.pathsep.join([str(ROOT), str(HERE)])
        self.process = subprocess.Popen(
            [sys.executable, HERE / "toy_server.py", host, "0", run],
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder)},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, path, body=None, headers=(), method=None):
        """Return the status, the headers and the content of an answer."""
        connection = self.connect()
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        method = method or ("GET" if body is None else "POST")
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def get(self, path, body=None, headers=()):
        """Return the status and the JSON of an answer."""
        status, _, content = self.ask(path, body, headers)
        return status, json.loads(content)

    def begin(self, path, body, lines=True):
        """Send a request for a job; return its answer, to be read by lines, and the connection."""
        connection = self.connect()
        accept = {"Accept": "application/x-ndjson"} if lines else {}
        connection.request("POST", path, json.dumps(body), accept)
        return (connection.getresponse() if lines else None), connection

    def until(self, **wanted):
        """Wait until the status is so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = self.get("/api/status")[1]
            if all(status[name] == value for name, value in wanted.items()):
                return status
            time.sleep(0.02)
        raise AssertionError(f"{status} instead of {wanted}")

    def workers(self):
        """Return the ids of its processes that live."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True
        )
        lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
        here = f"{self.temporary}/"
        return [
            int(pid) for pid, command in lines if "studio.worker" in command and here in command
        ]

    def end(self, number=signal.SIGINT):
        """Send a signal; return the exit status and what was printed as errors."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@pytest.fixture
def start(tmp_path):
    """Return what starts a server; all are ended after the test."""
    servers = []

    def start(**options):
        servers.append(Toy(tmp_path, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Return a server that the tests of a file share; none of them may end it."""
    server = Toy(tmp_path_factory.mktemp("studio"))
    server.until(ready=True)
    yield server
    server.process.kill()
    server.process.communicate()
