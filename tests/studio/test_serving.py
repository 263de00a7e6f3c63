"""How the studio begins and ends."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from bach_tf.cli.main import main
from bach_tf.studio import serving

PATIENCE = 60  # seconds, for a busy machine


def gone(server):
    """Return whether no worker is left, and no temporary file."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not server.workers() and not list(server.temporary.glob(f"{serving.PREFIX}*")):
            return True
        time.sleep(0.05)
    return False


def deafen(server):
    """Begin a job that does not stop; return once the worker is at it.

    A job that only waits is withdrawn where nobody waits for it, and no worker is ended.
    """
    answer, connection = server.begin("/api/generate", {"deaf": 1})
    running = 0  # lines: the server's own as it hands the job on, then the worker's
    while running < 2:
        running += json.loads(answer.readline())["state"] == "running"
    return answer, connection


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_all_at_once_and_silently(start, number, status):
    server = start()
    server.until(ready=True)
    answer, connection = deafen(server)
    begun = time.monotonic()
    ended, errors = server.end(number)
    assert (ended, errors.strip()) == (status, "Stopped." if status else "")
    assert time.monotonic() - begun < 10
    assert gone(server)
    answer.close()
    connection.close()


def test_no_worker_outlives_a_server_that_is_killed(start):
    server = start()
    server.until(ready=True)
    assert len(server.workers()) == 3
    answer, connection = deafen(server)
    server.end(signal.SIGKILL)
    assert gone(server)
    answer.close()
    connection.close()


def test_a_worker_that_does_not_stop_is_replaced(start):
    server = start()
    server.until(ready=True)
    before = server.get("/api/generate", {})[1]["pid"]
    answer, connection = deafen(server)
    answer.close()
    connection.close()
    server.until(queue=0)
    assert server.get("/api/generate", {})[1]["pid"] != before


def test_a_run_that_cannot_be_opened_is_said_and_the_rest_works(start):
    server = start(run="broken")
    status = server.until(error="The weights of broken are damaged.")
    assert (status["ready"], status["loading"]) == (False, None)
    assert server.get("/api/engrave", {})[0] == 200


def test_the_server_is_light():
    code = (
        "import sys, bach_tf.studio.serving; "
        "print({'numpy', 'tensorflow', 'verovio', 'music21'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_the_next_port_is_taken_where_none_was_asked_for(monkeypatch):
    with serving.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(serving, "PORT", port)
        with serving.bind("127.0.0.1", None) as other:
            assert port < other.getsockname()[1] < port + serving.TRIED
        with pytest.raises(ValueError, match=f"Port {port} of 127.0.0.1 is in use, perhaps by"):
            serving.bind("127.0.0.1", port)


def test_an_address_that_is_none_is_said():
    with pytest.raises(ValueError, match=r"There is no address no\.such\.host\.invalid: "):
        serving.bind("no.such.host.invalid", 0)
    with pytest.raises(ValueError, match=r"Cannot listen to 203\.0\.113\.1, port 8000: "):
        serving.bind("203.0.113.1", 8000)


def test_addresses_as_a_browser_takes_them():
    with serving.bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert serving.address(bound, "0.0.0.0") == f"http://127.0.0.1:{port}/"
        assert serving.address(bound, "::1") == f"http://[::1]:{port}/"


def test_the_command_says_what_is_wrong(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with serving.bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert main(["studio", "--no-open", "--port", port]) == 2
    assert re.match(rf"bach-tf studio: Port {port} of", capsys.readouterr().err)
    assert main(["studio", "--no-open", "--run", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err
