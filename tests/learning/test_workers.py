"""How workers are named, meet, and learn that one has stopped. No test here needs TensorFlow."""

import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bach_tf.learning.workers import meeting
from bach_tf.learning.workers.meeting import meet
from bach_tf.learning.workers.roster import Roster, check_device, read_roster
from benchmarks.workers import free_addresses

TWO = {"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 1}}


def rosters(count):
    addresses = tuple(free_addresses(count))
    return [Roster(addresses, worker) for worker in range(count)]


@contextlib.contextmanager
def met(count, settings=None):
    """Yield the connections of several workers that have met."""
    with ThreadPoolExecutor(count) as pool:
        found = [pool.submit(meet, roster, settings, 20) for roster in rosters(count)]
        lines = [each.result() for each in found]
    try:
        yield lines
    finally:
        for each in lines:
            each.end()


def failures(*starts):
    """Start workers at the same time, each by a function; return what each raised, as text."""
    with ThreadPoolExecutor(len(starts)) as pool:
        found = [pool.submit(start) for start in starts]
        return [str(each.exception(timeout=60)) for each in found]


def test_workers_are_read_from_text_or_a_list():
    for workers in ("one:2222, two:2222", ["one:2222", "two:2222"]):
        assert read_roster(workers, 1, {}) == Roster(("one:2222", "two:2222"), 1)
    assert read_roster("[::1]:80,b:2", 0, {}).place(0) == ("::1", 80)


def test_workers_are_read_from_the_variable_that_tensorflow_documents():
    expected = Roster(("one:2222", "two:2222"), 1)
    assert read_roster(environment={"TF_CONFIG": json.dumps(TWO)}) == expected
    with_chief = {
        "cluster": {"chief": ["one:2222"], "worker": ["two:2222"]},
        "task": {"type": "worker", "index": 0},
    }
    assert read_roster(environment={"TF_CONFIG": json.dumps(with_chief)}) == expected
    assert read_roster("a:1,b:2", 0, {"TF_CONFIG": json.dumps(TWO)}) == Roster(("a:1", "b:2"), 0)


@pytest.mark.parametrize(
    "variable", ["", " ", "{}", '{"cluster": {}}', '{"cluster": {"worker": ["one:2222"]}}']
)
def test_a_single_worker_trains_alone(variable):
    assert read_roster(environment={"TF_CONFIG": variable}) is None
    assert read_roster("one:2222", 0, {}) is None


@pytest.mark.parametrize(
    ("workers", "worker", "message"),
    [
        (None, 0, "`worker` says which of `workers` this is: give all of them"),
        ("a:1,b:2", None, "`worker` must say which of `workers` this process is, 0 to 1"),
        ("a:1,b:2", 2, "`worker` must be 0 to 1, because there are 2 workers. Received: 2"),
        ("a:1,b:2", -1, "Received: -1"),
        ("a:1,b:2", True, "Received: True"),
        ("a:1,a:1", 0, "the same address. Received: a:1 twice"),
        ("a,b", 0, "host:port, such as one.example:2222,two.example:2222. Received: 'a'"),
        ("a:0,b:2", 0, "Received: 'a:0'"),
        ("a:65536,b:2", 0, "Received: 'a:65536'"),
        ("a:1,,b:2", 0, "Received: ''"),
        ("http://a:1,b:2", 0, "Received: 'http://a:1'"),
        (["a:1", 2], 0, "`workers` must be text or a list of text"),
        (3, 0, "`workers` must be text or a list of text"),
    ],
)
def test_workers_that_cannot_be_are_refused(workers, worker, message):
    with pytest.raises(ValueError, match=message):
        read_roster(workers, worker, {})


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("{", "Expected JSON as above. Received: '{'"),
        ("[1]", "Expected JSON as above"),
        ('{"cluster": {"worker": 3}}', "Expected JSON as above"),
        ('{"cluster": {"ps": ["a:1"]}}', "chief and worker alone. Received: 'ps'"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "evaluator"}}', "'evaluator'"),
        ('{"cluster": {"worker": ["a:1", 2]}, "task": {"index": 0}}', "addresses as text"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": 2}}', "within the 2 tasks"),
        ('{"cluster": {"worker": ["a:1", "b"]}}', "Expected each worker as host:port"),
    ],
)
def test_a_wrong_variable_is_named(variable, message):
    with pytest.raises(ValueError, match=message):
        read_roster(environment={"TF_CONFIG": variable})


@pytest.mark.parametrize("device", ["gpu", "gpu:-1", "gpu:01", "tpu:0", "cuda:0", "", 0])
def test_devices_have_names(device):
    check_device("cpu")
    check_device("gpu:12")
    with pytest.raises(ValueError, match="`device` must be cpu, or gpu: and its number"):
        check_device(device)


def test_workers_meet_and_send_messages():
    with met(3, {"transpose": (-5, 6)}) as (chief, *others):
        chief.tell({"run": "tb_logs/a"}, b"\0weights")
        assert [each.hear() for each in others] == [({"run": "tb_logs/a"}, b"\0weights")] * 2


def test_all_learn_which_worker_has_stopped_and_why():
    with met(3) as (chief, one, two):
        reactions = []
        two.react = lambda: reactions.append("aborted")
        one.end("No space left on device")
        for other in (chief, two):
            assert other.lost.wait(20)
            expected = rf"Worker 1 \({one.roster.addresses[1]}\) has stopped: No space left"
            with pytest.raises(ConnectionError, match=expected):
                other.hear()
        assert reactions == ["aborted"]
        with pytest.raises(ConnectionError, match="Worker 1"):
            chief.tell({"state": 1})


def test_a_killed_worker_is_named_too():
    with met(2) as (chief, other):
        for line in other._sockets.values():
            line.shutdown(socket.SHUT_RDWR)  # what the system does with those of a dead process
        assert chief.lost.wait(20)
        with pytest.raises(ConnectionError, match=r"Worker 1 .* it was killed, or its machine"):
            chief.hear()


def test_a_worker_that_has_finished_is_no_loss():
    with met(2) as (chief, other):
        other.end()
        assert not chief.lost.wait(0.3)


def test_a_worker_that_does_not_come_is_named():
    absent, present, _ = rosters(3)
    said = failures(lambda: meet(absent, seconds=1.0), lambda: meet(present, seconds=20))
    assert said[0] == said[1]
    assert f"No answer from worker 2 ({absent.addresses[2]}) within 1 seconds" in said[0]
    (said,) = failures(lambda: meet(rosters(2)[1], seconds=0.2))
    assert "No answer from worker 0 (127.0.0.1:" in said


def test_a_port_in_use_is_named():
    for roster in rosters(2):
        used = socket.create_server(("", roster.place(roster.worker)[1]))
        named = rf"Port \d+ of worker {roster.worker} .* is in use"
        with used, pytest.raises(ValueError, match=named):
            meet(roster, seconds=1.0)


def test_workers_started_with_other_options_are_told_apart():
    first, second = rosters(2)

    def both(ours, theirs):
        return failures(
            lambda: meet(first, ours, 20), lambda: meet(second, theirs, 20)
        )  # each raises, both say the same

    one, two = both({"model.units": 8, "window": 4}, {"model.units": 9, "window": 4})
    assert one == two
    assert "was started with model.units=9, worker 0 with model.units=8" in one
    one, two = both(None, {"window": 4})
    assert one == two
    assert one.startswith("Worker 0 continues or starts from another run")


def test_workers_with_other_devices_are_told_apart():
    first, second = rosters(2)
    one, two = failures(lambda: meet(first, None, 20, 2), lambda: meet(second, None, 20, 1))
    assert one == two
    assert "was started with GPUs=1, worker 0 with GPUs=2. All workers need the same number" in one


def greeted(first, second, seconds):
    """Start worker 0; return a connection of worker 1 that it has answered, and its end."""
    pool = ThreadPoolExecutor(1)
    chief = pool.submit(meet, first, None, seconds)
    pool.shutdown(wait=False)
    greeting = meeting._greeting(second, None, 0)
    with meeting._listening(second):
        return meeting._connected(second, greeting, seconds), chief


def test_a_worker_that_is_stopped_while_it_waits_can_be_started_again():
    first, second, third = rosters(3)
    line, chief = greeted(first, second, 20)
    line.close()
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(meet, each, None, 20) for each in (second, third)]
        for each in [chief, *others]:
            each.result(20).end()


def test_a_worker_that_goes_away_is_missing_again():
    first, second, third = rosters(3)
    line, chief = greeted(first, third, 2)
    line.close()
    (said,) = failures(lambda: meet(second, None, 20))
    assert said == str(chief.exception(20))
    assert said.startswith(f"No answer from worker 2 ({third.addresses[2]}) within 2 seconds")


def test_a_second_process_with_the_same_number_is_refused():
    first, second, _ = rosters(3)
    line, chief = greeted(first, second, 3)
    (said,) = failures(lambda: meet(second, None, 20))
    assert said == f"Another process has been started as worker 1 ({second.addresses[1]})."
    assert "No answer from worker 2" in str(chief.exception(20))
    line.close()


def test_a_worker_whose_port_is_closed_is_named(monkeypatch):
    first, second = rosters(2)
    monkeypatch.setattr(meeting, "_listening", opened_by_worker_0(meeting._listening))
    one, two = failures(lambda: meet(first, None, 20), lambda: meet(second, None, 20))
    assert one == two
    assert one == (
        f"Worker 0 cannot connect to worker 1 ({second.addresses[1]}), which has connected to it: "
        "Connection refused. Check the address, and that no firewall closes the port."
    )


def opened_by_worker_0(listening):
    return lambda roster: contextlib.nullcontext() if roster.worker else listening(roster)


def test_workers_with_other_lists_are_told_apart():
    first, second = rosters(2)
    other = Roster((first.addresses[0], "localhost:" + second.addresses[1].rpartition(":")[2]), 1)
    said = failures(lambda: meet(first, None, 20), lambda: meet(other, None, 20))
    assert said[0] == said[1]
    assert said[0].startswith("Worker 1 was started with the workers 127.0.0.1:")


def test_strangers_do_not_disturb(monkeypatch):
    monkeypatch.setattr(meeting, "GREETING_SECONDS", 0.5)
    first, second = rosters(2)
    with ThreadPoolExecutor(2) as pool:
        chief = pool.submit(meet, first, None, 30)
        for said in (b"GET / HTTP/1.1\r\n\r\n" * 2, b"", b"\0" * 16):
            for _ in range(200):  # until it listens
                with contextlib.suppress(ConnectionRefusedError):
                    stranger = socket.create_connection(first.place(0))
                    break
                threading.Event().wait(0.02)
            stranger.sendall(said)
            stranger.close()
        other = pool.submit(meet, second, None, 30)
        lines = [chief.result(), other.result()]
    for each in lines:
        each.end()


def test_something_else_at_the_address_of_worker_0_is_named():
    roster = rosters(2)[1]
    with socket.create_server(roster.place(0)) as server:

        def answer():
            line, _ = server.accept()
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            line.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ValueError, match="Something else than a worker answers as worker 0"):
            meet(roster, seconds=5)
