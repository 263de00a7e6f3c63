"""What the studio answers, whatever it is sent."""

import json
import os
import signal
import socket

import pytest

from bach_tf.studio.limits import BODY

STATIC = "bach_tf/studio/static"


def test_a_file_is_read_under_its_last_name(toy):
    status, found = toy.get("/api/read?name=..%2F..%5Cetc%2Ftune.abc&tune=3", b"X:1")
    assert (status, found["name"], found["size"], found["tune"]) == (200, "tune.abc", 3, 3)
    assert found["folder"].startswith(str(toy.temporary))


def test_a_request_comes_back_from_its_task(toy):
    asked = {"piece": {"title": "Jesu, meine Freude ♭"}, "width": 800}
    assert toy.get("/api/engrave", asked) == (200, {"svg": "<svg/>", "given": asked})
    assert toy.get("/api/runs") == (200, [{"name": "pretrained"}])
    assert toy.get("/api/measure", {})[1] == {"grade": 7}


def test_files_are_attachments_and_sounds_are_not(toy):
    _, headers, content = toy.ask("/api/export", {"name": 'Für "Elise"\r\nX: y.mid'})
    assert content == b"MThd"
    assert headers["content-disposition"] == (
        'attachment; filename="F_r_Elise_X_y.mid"; '
        "filename*=UTF-8''F%C3%BCr%20%22Elise%22%0D%0AX%3A%20y.mid"
    )
    _, headers, content = toy.ask("/api/sound", {})
    assert (headers["content-type"], content) == ("audio/wav", b"RIFF")
    assert "content-disposition" not in headers


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Expected JSON: Expecting value"),
        (b"[", "Expected JSON: Expecting value"),
        (b"\xff\xfe\x00", "Expected JSON"),
        (b"[]", "Expected a JSON object, got: list"),
        (b'{"a": NaN}', "Expected JSON: NaN is no number in JSON"),
        (b'{"a": ' + b"9" * 9999 + b"}", "Expected JSON: Exceeds the limit"),
        (b"[" * 100_000, "Expected JSON, got some that is nested too deep."),
        (b'{"a":' * 100_000, "Expected JSON, got some that is nested too deep."),
    ],
    ids=["empty", "cut", "no_text", "list", "nan", "number", "deep_list", "deep_object"],
)
def test_what_is_no_request_is_said(toy, body, said):
    for path in ("/api/engrave", "/api/generate"):
        status, found = toy.get(path, body)
        assert status == 400
        assert found["error"].startswith(said)


def test_what_a_task_refuses_is_said(toy):
    bad = (400, {"error": "tune.abc: expected music, got: bad"})
    assert toy.get("/api/read?name=tune.abc", b"bad") == bad
    assert toy.get("/api/rewrite", {"wrong": 1}) == (400, {"error": "There is no bar 99."})
    status, found = toy.get("/api/read?name=a&tune=x", b"X:1")
    assert (status, found["error"]) == (400, "`tune` must be a whole number. Received: x")


def test_a_bug_is_named_without_the_contents(toy):
    status, found = toy.get("/api/read?name=a", b"bug")
    assert status == 500
    assert found["error"].startswith("The studio failed: KeyError at toy_tasks.py:")
    assert "contents" not in found["error"]


def test_a_hostile_file_ends_its_worker_at_most(toy):
    ended = "A part of the studio ended while it worked on this, and has been started again."
    assert toy.get("/api/read?name=a", b"crash") == (500, {"error": ended})
    memory = "That needs more memory than the studio gives it."
    assert toy.get("/api/read?name=a", b"memory") == (400, {"error": memory})
    assert toy.get("/api/read?name=a", b"disk")[0] == 500
    for _ in range(4):  # both workers
        assert toy.get("/api/read?name=a", b"well")[0] == 200


def test_too_much_is_refused_and_heard(toy):
    for size in (BODY + 1, 3 * BODY):  # the second does not fit what the system buffers
        status, found = toy.get("/api/read?name=a", bytes(size))
        assert (status, found["error"][:22]) == (413, "Expected at most 8 MB,")
    assert toy.get("/api/read?name=a", bytes(BODY))[1]["size"] == BODY


def test_too_much_is_refused_where_no_length_is_given(toy):
    connection = toy.connect()
    parts = (bytes(2**20) for _ in range(20))
    connection.request("POST", "/api/engrave", parts, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, b"Expected at most 8 MB" in answer.read()) == (413, True)
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fsetup.cfg",
        "/static//etc/passwd",
        "/static/..%5capp.py",
        "/static/%00",
        "/app.py",
        "/static/",
    ],
)
def test_no_other_file_is_served(toy, path):
    with socket.create_connection(("127.0.0.1", toy.port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"import" not in answer


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/api/nothing", "GET", 404), ("/api/engrave", "GET", 405), ("/api/status", "POST", 405)],
)
def test_errors_of_routing_are_json(toy, path, method, status):
    found, headers, content = toy.ask(path, b"x" * 10, method=method)
    assert (found, headers["content-type"]) == (status, "application/json")
    assert set(json.loads(content)) == {"error"}


HERE = "127.0.0.1:80"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:9"}, 200),
        ({"Host": "[::1]:9"}, 200),
        ({"Host": "192.168.1.7"}, 200),
        ({"Host": HERE, "Origin": f"http://{HERE}"}, 200),
        ({"Host": HERE, "Origin": f"https://{HERE}"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "evil@127.0.0.1"}, 403),
        ({"Host": ""}, 403),
        ({"Host": HERE, "Origin": "http://evil.example"}, 403),
        ({"Host": HERE, "Origin": "null"}, 403),
        ({"Host": HERE, "Origin": "http://127.0.0.1:81"}, 403),
        ({"Host": HERE, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": HERE, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": HERE, "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_only_the_own_page_and_programs_are_answered(toy, headers, status):
    assert toy.get("/api/engrave", {}, headers)[0] == status
    assert toy.get("/api/status", None, headers)[0] == status


def test_every_answer_tells_the_browser_to_be_strict(toy):
    for path, headers in (("/", {}), ("/api/status", {}), ("/x", {}), ("/", {"Host": "evil"})):
        _, found, _ = toy.ask(path, headers=headers)
        policy = found["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert found["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in found


def test_a_worker_that_was_killed_is_there_again(toy):
    for pid in toy.workers():
        os.kill(pid, signal.SIGKILL)
    toy.until(ready=False)
    toy.until(ready=True)
    assert toy.get("/api/engrave", {})[0] == 200
    assert toy.get("/api/generate", {})[0] == 200
