"""The program itself, with the shipped weights: from a file to a harmony and home again."""

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUNE = b"X:1\nM:4/4\nL:1/4\nK:G\nG A B c | d2 d2 |]\n"
LOADING = 600  # seconds, on the busiest machine


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Start the program in an empty folder; return what asks it, and its process."""
    command = (sys.executable, "-m", "bach_tf", "studio", "--no-open", "--port", "0")
    process = subprocess.Popen(
        command,
        cwd=tmp_path_factory.mktemp("empty"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("The studio is at http://127.0.0.1:")
    port = int(line.split("/")[2].rpartition(":")[2])

    def ask(path, body=None):
        connection = HTTPConnection("127.0.0.1", port, timeout=LOADING)
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    ask.port = port
    yield ask, process
    process.kill()
    process.communicate()


def test_the_page_and_its_files_are_there_before_the_model(program):
    ask, _ = program
    status, page = ask("/")
    assert (status, page[:15].lower()) == (200, b"<!doctype html>")
    assert ask("/static/js/main.js")[0] == 200
    assert json.loads(ask("/api/runs")[1])[0]["name"] == "pretrained"


def test_a_file_is_harmonised_stopped_and_taken_home(program):
    ask, process = program
    read = json.loads(ask("/api/read?name=tune.abc", TUNE)[1])
    request = {"piece": read["piece"], "particles": 2, "seed": 1}
    status, content = ask("/api/harmonize", request)  # waits for the model
    assert status == 200, content
    piece = json.loads(content)["versions"][0]["piece"]
    assert [note[2] for note in piece["notes"] if note[3] == 0] == [67, 69, 71, 72, 74, 74]
    assert {note[3] for note in piece["notes"]} == {0, 1, 2, 3}
    status, midi = ask("/api/export", {"piece": piece, "format": "mid"})
    assert (status, midi[:4]) == (200, b"MThd")
    _closed_request_frees_the_model(ask)
    assert process.poll() is None


def _closed_request_frees_the_model(ask):
    connection = HTTPConnection("127.0.0.1", ask.port, timeout=LOADING)
    connection.request("POST", "/api/generate", json.dumps({"bars": 64}))
    while not json.loads(ask("/api/status")[1])["queue"]:
        time.sleep(0.02)
    connection.close()
    while json.loads(ask("/api/status")[1])["queue"]:
        time.sleep(0.02)


def test_a_broken_file_says_what_is_wrong(program):
    ask, _ = program
    for name in ("tune.mid", "tune.musicxml", "tune.mxl", "tune.nothing"):
        status, content = ask(f"/api/read?name={name}", b"\x00nothing\xff" * 99)
        assert (status, "tune" in json.loads(content)["error"] or name[-7:] == "nothing") == (
            400,
            True,
        )


def test_ctrl_c_ends_it_at_once(program):
    _, process = program
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors.strip()) == (130, "", "Stopped.")
