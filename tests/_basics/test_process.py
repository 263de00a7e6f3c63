"""What is left of a program when nobody reads it, nothing can be written, or Ctrl-C comes."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bach_tf._basics import process
from bach_tf.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
TALKATIVE = """
    import sys
    from argparse import Namespace
    from bach_tf.cli.talk import run_program
    from bach_tf._basics import process
    process.begin()

    def work(args, talk):
        for number in range(3000):
            talk.say(f"epoch {number}, and words that soon fill what a pipe holds")
            print("a library's own words", file=sys.stderr)
        open("finished", "w").close()
        talk.finish({"the": "record"}, [], "The end")

    sys.exit(run_program("talkative", work, Namespace()))
"""


def started(code, folder, *, python=(), **how):
    """Return a program that runs code in a folder."""
    command = [sys.executable, *python, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **how.pop("env", {})}
    return subprocess.Popen(command, cwd=folder, env=environment, **how)


@pytest.mark.parametrize("python", [(), ("-u",)])
def test_a_reader_that_has_gone_ends_no_program(tmp_path, python):
    program = started(
        TALKATIVE, tmp_path, python=python, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stderr.close()
    assert program.stdout.readline().startswith(b"epoch 0, ")
    program.stdout.close()
    assert program.wait(60) == 0
    assert (tmp_path / "finished").exists()


def test_nothing_is_said_of_a_reader_that_has_gone(tmp_path):
    code = TALKATIVE.replace("print(", "0 and print(")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = started(code, tmp_path, **pipes)
    program.stdout.close()
    assert program.stderr.read() == b""
    assert program.wait(60) == 0
    program.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_said_at_the_end(tmp_path):
    code = TALKATIVE.replace("print(", "0 and print(")
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        program = started(code, tmp_path, stdout=full, stderr=subprocess.PIPE)
    error = program.stderr.read().decode()
    program.stderr.close()
    assert program.wait(60) == 2
    assert (tmp_path / "finished").exists()
    assert error.startswith("talkative: the output could not be written: [Errno 28] No space")
    assert len(error.splitlines()) == 1


def test_what_is_printed_lands_in_no_file_where_the_streams_are_closed(tmp_path):
    code = """
        from bach_tf._basics import process
        process.begin()
        import os, sys
        with open("piece.mid", "wb") as file:
            print("stdout", flush=True)
            print("stderr", file=sys.stderr, flush=True)
            os.write(1, b"of a library")
            os.write(2, b"of a library")
            file.write(b"MThd")
        sys.exit(sys.stdout.isatty())
    """
    program = started(code, tmp_path, preexec_fn=lambda: os.closerange(0, 3))
    assert program.wait(60) == 0
    assert (tmp_path / "piece.mid").read_bytes() == b"MThd"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", b"Pr\\xe4ludium \\u266a ==... \xff"),
        ("latin-1", b"Pr\xe4ludium \\u266a ==... \xff"),
        ("utf-8", "Präludium ♪ ━━… ".encode() + b"\xff"),
    ],
)
def test_every_terminal_shows_every_name(tmp_path, encoding, shown):
    code = """
        from bach_tf._basics import process
        process.begin()
        print("Pr\\u00e4ludium \\u266a \\u2501\\u2501\\u2026 \\udcff")
    """
    program = started(code, tmp_path, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    out, _ = program.communicate(timeout=60)
    assert (out, program.returncode) == (shown + b"\n", 0)


def test_a_pipe_that_does_not_wait_gets_everything():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = io.BufferedWriter(process.Steady(writer, "w"))
    text = b"a line of a training\n" * 10_000
    pid = os.fork()
    if not pid:
        os.close(writer)
        with open(reader, "rb") as file:  # noqa: PTH123 - a descriptor
            os._exit(file.read() != text)
    os.close(reader)
    with stream:
        stream.write(text)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


IMPORTING = [
    ["train.py"], ["generate.py"],
    *(["-m", "bach_tf", name] for name in COMMANDS),
    ["-m", "benchmarks.recipes"],
]  # fmt: skip


@pytest.mark.parametrize("program", IMPORTING, ids=" ".join)
def test_ctrl_c_during_the_imports_prints_no_traceback(program, tmp_path):
    """Stand in for a Ctrl-C of the first half second: NumPy, which all import, sends it."""
    (tmp_path / "numpy.py").write_text(
        "import os, signal, time\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)\n"
        "except BaseException:\n    raise ImportError('swallowed')\n"
    )
    path = f"{tmp_path}:{ROOT}"
    script = [str(ROOT / program[0])] if len(program) == 1 else program
    done = subprocess.run(
        [sys.executable, *script, "--help"], cwd=tmp_path, check=False, capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"\nStopped.\n")


WAITING = """
    import os, signal, sys, time
    from argparse import Namespace
    from bach_tf.cli.talk import run_program
    from bach_tf._basics import process
    process.begin()

    def work(args, talk):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        finally:
            print("tidied", flush=True)

    status = run_program("waiting", work, Namespace())
    print(status, flush=True)
    os.kill(os.getpid(), signal.SIGINT)  # a second one, of an impatient user
    time.sleep(60)
"""


def test_a_second_ctrl_c_prints_no_traceback_either(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = started(WAITING, tmp_path, **pipes)
    out, error = program.communicate(timeout=60)
    assert (program.returncode, out, error) == (130, b"tidied\n130\n", b"\nStopped.\n" * 2)


def test_a_ctrl_c_that_the_shell_has_switched_off_stays_so(tmp_path):
    code = """
        from bach_tf._basics import process
        import os, signal
        process.begin()
        os.kill(os.getpid(), signal.SIGINT)
        print("goes on")
    """

    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    program = started(code, tmp_path, stdout=subprocess.PIPE, preexec_fn=ignore)
    out, _ = program.communicate(timeout=60)
    assert (out, program.returncode) == (b"goes on\n", 0)


def test_a_library_keeps_the_streams_and_the_ctrl_c_of_its_program():
    streams = sys.stdout, sys.stderr, signal.getsignal(signal.SIGINT)
    with process.stopping_by_exception(), process.stopping_at_once():
        assert (sys.stdout, sys.stderr, signal.getsignal(signal.SIGINT)) == streams
