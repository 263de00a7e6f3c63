"""A limit of time for what no thread of this process can stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

# Waits until its input is closed, or ends the process that has started it.
WATCH = """
import os, select, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
pid, seconds, message = sys.argv[1:]
if not select.select([sys.stdin], [], [], float(seconds))[0]:
    print(message, file=sys.stderr, flush=True)
    os.kill(int(pid), signal.SIGKILL)
"""


@contextlib.contextmanager
def limited(seconds: float, message: str) -> Iterator[None]:
    """Kill this process if the block takes longer, and let Ctrl-C end it at once.

    TensorFlow holds Python's lock while it connects workers: meanwhile neither threads nor handlers
    of signals run, so that another process must watch.

    Args:
        seconds: that the block may take.
        message: printed if it takes longer.
    """
    command = [sys.executable, "-I", "-S", "-c", WATCH, str(os.getpid()), str(seconds), message]
    with _ended_by_ctrl_c(), subprocess.Popen(command, stdin=subprocess.PIPE):
        yield


@contextlib.contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let the system itself end this process on Ctrl-C, where Python's handler does not run."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can change this
        return
    former = signal.getsignal(signal.SIGINT)
    if former != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
