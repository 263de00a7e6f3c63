"""The studio as a program of its own, for what opens its page: tests, and pictures of it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

STARTS, LOADS = 60, 400  # seconds, at most: machines vary
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Return the path of a Chromium of the system, or `None`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class StudioProgram:
    """The program `bach-tf studio`, which can be killed and started again at its address.

    Args:
        folder: in which it runs, and keeps its output.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen | None = None

    @property
    def said(self) -> str:
        """What it has printed."""
        return (self.folder / "log.txt").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self.port), "--no-open"]
        command = [sys.executable, "-m", "bach_tf", "studio", *options]
        with (self.folder / "log.txt").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.wait(lambda status: True, STARTS)

    def wait_for_model(self) -> None:
        """Wait until its model is loaded."""
        self.wait(lambda status: status["ready"], LOADS)

    def wait(self, suits: Callable[[dict[str, Any]], bool], seconds: float) -> None:
        """Wait until the status suits.

        Raises:
            RuntimeError: if the program ends, or does not suit in time.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"The studio has ended: {self.said}")
            try:
                if suits(self.status()):
                    return
            except (URLError, ConnectionError):
                pass
            time.sleep(0.2)
        raise RuntimeError(f"No such answer of the studio in {seconds} s: {self.said}")

    def status(self) -> dict[str, Any]:
        """Return what the studio says of itself."""
        with urlopen(f"{self.url}api/status", timeout=10) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
