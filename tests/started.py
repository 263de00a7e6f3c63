"""Programs of Python that tests start and wait for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 400  # seconds, on the busiest machine; of a whole test, see setup.cfg
ONE = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
# If it is aborted, a program says where each of its threads is, even where it has silenced
# libraries, which takes descriptor 2 from them.
RUN = """
import faulthandler, os, runpy, sys
faulthandler.enable(os.dup(2))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start(program, *arguments, cwd=None, **environment):
    """Start a program whose output is text to be read; return its process."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(program), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=cwd,
    )


def train_program(*arguments, cwd):
    """Start `train.py` with one thread in a folder; return its process."""
    return start(ROOT / "train.py", *arguments, cwd=cwd, **ONE)


def shared(*arguments):
    """Start `shared_training.py` with one thread; return its process."""
    return start(ROOT / "tests" / "shared_training.py", *arguments, **ONE)


def end_of(process, seconds=PATIENCE):
    """Return the exit status of a program, and all that it printed."""
    return ends_of([process], seconds)[0]


def ends_of(processes, seconds=PATIENCE):
    """Return exit status and output of programs that work together.

    If one hangs, all are aborted, and the error says where they were.
    """
    try:
        said = [process.communicate(timeout=seconds) for process in processes]
        return [(process.returncode, *each) for process, each in zip(processes, said, strict=True)]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.send_signal(signal.SIGABRT)
        said = "\n".join(process.communicate(timeout=60)[1] for process in processes)
        raise AssertionError(f"{processes[0].args[3:]} took over {seconds} s:\n{said}") from None
    finally:
        for process in processes:
            process.kill()
