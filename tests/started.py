"""Programs that tests start and wait for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONE = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
PATIENCE = 600  # seconds, on the busiest machine
STACKS = {"PYTHONFAULTHANDLER": "1"}  # prints where each thread is if a program is aborted


def start(*command, cwd=None, **environment):
    """Start a program whose output is text to be read; return its process."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env={**os.environ, **STACKS, **environment},
        cwd=cwd,
    )


def end_of(process, seconds=PATIENCE):
    """Return the exit status of a program, and all that it printed.

    One that hangs is aborted, and the error says where.
    """
    try:
        said, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        said, errors = process.communicate(timeout=60)
        raise AssertionError(f"{process.args} took over {seconds} s:\n{said}\n{errors}") from None
    finally:
        process.kill()
    return process.returncode, said, errors


def train_program(*arguments, cwd):
    """Start `train.py` with one thread in a folder; return its process."""
    return start(sys.executable, ROOT / "train.py", *arguments, cwd=cwd, **ONE)


def shared(*arguments):
    """Start `shared_training.py` with one thread; return its process."""
    program = ROOT / "tests" / "shared_training.py"
    return start(sys.executable, program, *arguments, **ONE, PYTHONPATH=str(ROOT))
