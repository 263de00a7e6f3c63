"""Jobs of the model: in order, up to a number, with progress, and stopped when nobody waits."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from bach_tf.studio.limits import WAITING_JOBS

LONG = {"steps": 10_000}  # of 10 ms


def lines(answer):
    return [json.loads(line) for line in answer]


def test_a_job_tells_its_states(toy):
    answer, connection = toy.begin("/api/harmonize", {"steps": 60})
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, second, *rest, last = lines(answer)
    connection.close()
    assert first == {"state": "queued", "place": 1}
    assert second == {"state": "running", "done": 0.0}
    done = [each["done"] for each in rest]
    assert len(done) >= 3
    assert done == sorted(done)
    assert last["state"] == "done"
    assert last["versions"] == [{"kind": "harmonize", "run": "toy"}]


def test_a_job_answers_at_once_where_no_lines_are_accepted(toy):
    status, found = toy.get("/api/continue", {"run": "folk-1"})
    assert (status, found["versions"]) == (200, [{"kind": "continue", "run": "folk-1"}])


def test_a_job_that_fails_says_so_in_its_last_line(toy):
    answer, connection = toy.begin("/api/generate", {"wrong": 1})
    assert lines(answer)[-1] == {"state": "failed", "error": "There is no bar 99."}
    connection.close()


def test_a_client_that_leaves_stops_its_job(toy):
    before = toy.get("/api/generate", {})[1]["pid"]
    for in_lines in (True, False):
        answer, connection = toy.begin("/api/generate", LONG, in_lines)
        toy.until(queue=1)
        if in_lines:
            states = [json.loads(answer.readline())["state"] for _ in range(2)]
            assert states == ["queued", "running"]
            answer.close()
        else:
            time.sleep(0.3)  # it has begun: a step takes 10 ms
        connection.close()
        toy.until(queue=0)
    assert toy.get("/api/generate", {})[1]["pid"] == before, "no other process was needed"


def test_a_client_that_leaves_the_queue_frees_its_place(toy):
    first, begun = toy.begin("/api/generate", LONG)
    second, leaving = toy.begin("/api/generate", LONG)
    third, staying = toy.begin("/api/generate", {})
    assert json.loads(third.readline()) == {"state": "queued", "place": 3}
    second.close()
    leaving.close()
    assert json.loads(third.readline()) == {"state": "queued", "place": 2}
    first.close()
    begun.close()
    assert lines(third)[-1]["state"] == "done"
    staying.close()


def test_a_full_queue_says_the_place_and_when_to_come_again(toy):
    kept = [toy.begin("/api/generate", LONG) for _ in range(WAITING_JOBS + 1)]
    toy.until(queue=WAITING_JOBS + 1)
    status, headers, content = toy.ask("/api/generate", {})
    assert (status, json.loads(content)["place"]) == (503, WAITING_JOBS + 2)
    assert 1 <= int(headers["retry-after"]) <= 600
    assert json.loads(content)["error"].startswith("The studio is busy: place 18. Try again in ")
    assert toy.get("/api/engrave", {})[0] == 200, "the rest is not kept from working"
    for answer, connection in kept:
        answer.close()
        connection.close()
    toy.until(queue=0)


def test_fifty_clients_at_once_all_hear_something(toy):
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: toy.get("/api/generate", {"steps": 3}), range(50)))
        read = list(pool.map(lambda _: toy.get("/api/read?name=a", b"x"), range(50)))
    answered = [content for status, content in found if status == 200]
    busy = [content["place"] for status, content in found if status == 503]
    assert len(answered) + len(busy) == 50
    assert len(answered) > WAITING_JOBS
    assert all(place > WAITING_JOBS for place in busy)
    assert {status for status, _ in read} == {200}


def test_a_job_whose_worker_dies_says_so_and_the_next_is_done(toy):
    answer, connection = toy.begin("/api/generate", LONG)
    waiting, other = toy.begin("/api/generate", {})
    toy.until(queue=2)
    pids = toy.workers()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    last = lines(answer)[-1]
    assert last["state"] == "failed"
    assert "has been started again" in last["error"]
    assert lines(waiting)[-1]["state"] == "done"
    for each in (connection, other):
        each.close()
    assert not set(pids) & set(toy.workers())
    assert toy.get("/api/generate", {"crash": 1})[0] == 500
