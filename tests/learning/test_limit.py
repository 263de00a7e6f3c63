"""A process that hangs where none of its threads can run is ended from outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bach_tf.learning.workers.limit import limited

ROOT = Path(__file__).parents[2]
# Called by PyDLL, a function holds Python's lock, as TensorFlow does while it connects.
PROGRAM = """
import ctypes, sys
from bach_tf.learning.workers.limit import limited
with limited({seconds}, "Too long."):
    print("begun", flush=True)
    ctypes.PyDLL(None).sleep({sleeps})
print("done")
"""


def begin(seconds, sleeps):
    program = PROGRAM.format(seconds=seconds, sleeps=sleeps)
    pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True, env=environment
    )


def test_what_takes_too_long_is_ended_with_a_message():
    process = begin(seconds=0.3, sleeps=60)
    said, errors = process.communicate(timeout=30)
    assert (process.returncode, said, errors) == (-signal.SIGKILL, "begun\n", "Too long.\n")


def test_ctrl_c_ends_it_at_once():
    process = begin(seconds=60, sleeps=60)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=30)
    assert (process.returncode, said, errors) == (-signal.SIGINT, "", "")


def test_what_ends_in_time_goes_on():
    process = begin(seconds=60, sleeps=0)
    assert process.communicate(timeout=30) == ("begun\ndone\n", "")
    assert process.returncode == 0


def test_errors_pass_and_ctrl_c_is_python_s_again():
    before, began = signal.getsignal(signal.SIGINT), time.monotonic()
    with pytest.raises(ValueError, match="other"), limited(60, ""):
        raise ValueError("other")
    assert signal.getsignal(signal.SIGINT) == before
    assert time.monotonic() - began < 30
