"""Killing programs: the kill comes when it should, and what was killed goes on."""

import signal
import subprocess
import sys
from collections import Counter

import pytest

from bach_tf.corpora.preparation.prepared import MANIFEST, is_intact
from benchmarks.faults.together import Ends, survivor_of
from benchmarks.faults.training import Facts, differences
from benchmarks.faults.victims import End, Moment, run


@pytest.fixture
def data(tiny_csvs):
    return tiny_csvs


def test_a_program_is_killed_before_an_operation_and_goes_on(tmp_path, data):
    cache = tmp_path / "cache"
    cache.mkdir()
    work = ("prepare", str(data))
    moment = Moment("corpus", lambda report: report.endswith(MANIFEST))
    end = run(work, cache, tmp_path, moment)
    assert end.killed
    assert end.reports[-1].startswith("open .folder-")  # in a scratch folder
    assert [path.name for path in cache.iterdir() if path.name[0] != "."] == []
    again = run(work, cache, tmp_path)
    assert (again.status, again.errors) == (0, "")
    (corpus,) = (path for path in cache.iterdir() if path.name[0] != ".")
    assert is_intact(corpus)


@pytest.mark.parametrize("delay", [None, 0.001])
def test_another_program_is_killed_instead(tmp_path, data, delay):
    cache = tmp_path / "cache"
    cache.mkdir()
    moment = Moment("corpus", lambda report: report.endswith(MANIFEST), delay=delay)
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        end = run(("prepare", str(data)), cache, tmp_path, moment, victim)
    finally:
        victim.kill()
        victim.wait()
    assert (end.killed, end.status, victim.returncode) == (True, 0, -signal.SIGKILL)
    (corpus,) = (path for path in cache.iterdir() if path.name[0] != ".")
    assert is_intact(corpus)


def test_the_other_worker_must_say_who_was_lost():
    lost = "Worker 0 (a:1) has stopped: it was killed, or its machine or network failed. "
    said = f"train: {lost}Start all workers again, each with --resume tb_logs/run.\n"
    killed = End(-9, ["step"], (1.0, 2.0), "", True)
    assert survivor_of(Ends(killed, 2, said), victim=0) == ""
    assert survivor_of(Ends(killed, 1, said), victim=0).startswith("the other worker ended with")
    assert survivor_of(Ends(killed, 2, f"Traceback\n{said}"), victim=0) != ""
    assert survivor_of(Ends(killed, 2, ""), victim=0) != ""
    chief = End(2, ["step"], (1.0, 2.0), said.replace("Worker 0", "Worker 1"), True)
    assert survivor_of(Ends(chief, -9, ""), victim=1) == ""
    assert survivor_of(Ends(chief._replace(errors=said), -9, ""), victim=1) != ""


def test_differences_are_named():
    event = ("train", "loss", 3, b"1")
    one = Facts({"a": b"1"}, {"a": b"1"}, [["epoch"]], Counter({event: 1}), {"history.csv"})
    assert differences(one, one) == []
    other = one._replace(weights={"a": b"2"}, events=Counter({event: 2}))
    assert differences(other, one) == [
        "weights",
        "1 events doubled or other, such as [('train', 'loss', 3)]",
    ]
