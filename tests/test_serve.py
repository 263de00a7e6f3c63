"""The server of the examples on the loopback, with a model that is no model."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

SERVE = Path(__file__).parent.parent / "examples" / "serve.py"
VOCAB_SIZE = 61
PREDICT = "/v1/models/stub:predict"
SCALARS = {
    "length": tf.int32, "num_outputs": tf.int32, "seed": tf.int32, "temperature": tf.float32
}  # fmt: skip
OPTIONS = {"prompt": [1], "length": 8, "num_outputs": 1, "seed": 7, "temperature": 1}


class Signature:
    """Stand in for a signature: each id is its own logit."""

    def __init__(self, inputs, output):
        self.structured_input_signature = ((), inputs)
        self.structured_outputs = output

    def __call__(self, **inputs):
        key = "ids" if "ids" in inputs else "prompt"
        return dict.fromkeys(self.structured_outputs, inputs[key])


def stub():
    ids = {"ids": tf.TensorSpec([None, None], tf.int32, "ids")}
    logits = {"logits": tf.TensorSpec([None, None, VOCAB_SIZE], tf.float32, "logits")}
    wishes = {name: tf.TensorSpec([], dtype, name) for name, dtype in SCALARS.items()}
    prompt = {"prompt": tf.TensorSpec([None], tf.int32, "prompt")}
    signatures = {
        "serving_default": Signature(ids, logits),
        "generate": Signature({**prompt, **wishes}, {"ids": tf.TensorSpec([None], tf.int32)}),
    }
    return SimpleNamespace(signatures=signatures)


@pytest.fixture
def serve():
    spec = importlib.util.spec_from_file_location("serve", SERVE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.Handler.log_message = lambda *_: None
    return module


@pytest.fixture
def server(serve):
    with serve.Server(("127.0.0.1", 0), serve.Handler) as server:
        server.models = {"stub": stub()}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def connect(server):
    return socket.create_connection(server.server_address, timeout=30)


def answer_on(connection):
    """Return the status and the JSON of an answer, up to where the server hangs up."""
    text = b""
    while part := connection.recv(1 << 16):
        text += part
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def request(body, **headers):
    length = {"Content-Length": str(len(body)), **headers}
    lines = [f"POST {PREDICT} HTTP/1.1", *(f"{name}: {value}" for name, value in length.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(server, body, **headers):
    with connect(server) as connection:
        connection.sendall(request(body, **headers))
        return answer_on(connection)


def test_fifty_clients_at_once_all_get_their_answers(server):
    start, answers = threading.Barrier(50), {}

    def client(number):
        start.wait()
        answers[number] = ask(server, json.dumps({"instances": [[number]]}).encode())

    clients = [threading.Thread(target=client, args=(number,)) for number in range(50)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert answers == {number: (200, {"predictions": [[number]]}) for number in range(50)}


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({}, b"[" * 100_000, 400, "JSON parse error: maximum recursion depth"),
        ({}, b'{"instances": [[' + b"9" * 5000 + b"]]}", 400, "JSON parse error"),
        ({"Content-Length": "\xb2"}, b"", 400, "one Content-Length in bytes, got ['\xb2']"),
        ({"Content-Length": "-5"}, b"", 400, "Expected one Content-Length in bytes, got ['-5']"),
        ({"Content-Length": "9" * 60}, b"", 413, "Expected at most 16777216 bytes, got 999"),
        ({}, b"x" * (1 << 24) + b"x", 413, "Expected at most 16777216 bytes, got 16777217"),
        ({"Content-Length": "2\r\nContent-Length: 3"}, b"{}", 400, "Expected one Content-Length"),
        ({"Transfer-Encoding": "chunked"}, b"2\r\n{}\r\n0\r\n\r\n", 411, "no Transfer-Encoding"),
    ],
)  # fmt: skip
def test_every_request_gets_an_answer(server, headers, body, code, message):
    status, answer = ask(server, body, **headers)
    assert (status, list(answer)) == (code, ["error"])
    assert message in answer["error"]


def test_a_request_without_a_length_gets_an_answer(server):
    with connect(server) as connection:
        connection.sendall(f"POST {PREDICT} HTTP/1.1\r\n\r\n".encode())
        assert answer_on(connection)[0] == 411


def test_a_body_that_ends_too_soon_gets_an_answer(server):
    with connect(server) as connection:
        connection.sendall(request(b"{}", **{"Content-Length": "9"}))
        connection.shutdown(socket.SHUT_WR)
        assert answer_on(connection) == (400, {"error": "Expected 9 bytes, got 2"})


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[-1]], "ids: expected DT_INT32 of shape (None, None) in 0..60, got -1"),
        ([[61]], "in 0..60, got 61"),
        ([[2**32 + 5]], "in 0..60, got 4294967301"),
        ([[1.0]], "in 0..60, got 1.0"),
        ([[True]], "in 0..60, got bool"),
        ([["C4"]], "in 0..60, got str"),
        ([[None]], "in 0..60, got NoneType"),
        ([[[1]]], "in 0..60, got list"),
        ([[float("nan")]], "in 0..60, got nan"),
        ([[1], [1, 2]], "got lists of [1, 2] values"),
        ([[1], 2], "got lists of [0, 1] values"),
        ([[]], "got lists of [0] values"),
        ([1], "got lists of [0] values"),
    ],
)
def test_ids_that_cannot_be_are_refused(server, ids, message):
    status, answer = ask(server, json.dumps({"instances": ids}).encode())
    assert (status, list(answer)) == (400, ["error"])
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"seed": 2**31}, "seed: expected DT_INT32 of shape () in -2147483648..2147483647"),
        ({"length": [8]}, "in -2147483648..2147483647, got list"),
        ({"temperature": "hot"}, "in -3.4e+38..3.4e+38, got str"),
        ({"temperature": 10**60}, "in -3.4e+38..3.4e+38, got 1000000"),
        ({"temperature": float("inf")}, "in -3.4e+38..3.4e+38, got inf"),
        ({"prompt": [-3]}, "prompt: expected DT_INT32 of shape (None,) in 0..60, got -3"),
    ],
)  # fmt: skip
def test_wishes_that_cannot_be_are_refused(server, wish, message):
    body = {"signature_name": "generate", "inputs": {**OPTIONS, **wish}}
    status, answer = ask(server, json.dumps(body).encode())
    assert (status, list(answer)) == (400, ["error"])
    assert message in answer["error"]


def test_wishes_that_can_be_are_taken(server):
    body = {"signature_name": "generate", "inputs": OPTIONS}
    assert ask(server, json.dumps(body).encode()) == (200, {"outputs": [1]})


def test_a_slow_client_is_not_waited_for(serve, server, monkeypatch):
    monkeypatch.setattr(serve.Handler, "patience", 0.3)
    began = time.monotonic()
    with connect(server) as silent, connect(server) as slow:
        slow.sendall(request(b"", **{"Content-Length": "9"}))
        assert answer_on(slow) == (408, {"error": "Expected a request within 0.3 s"})
        assert silent.recv(1) == b""
    assert time.monotonic() - began < 10


def test_a_client_that_sends_a_byte_now_and_then_is_not_waited_for(serve, server, monkeypatch):
    monkeypatch.setattr(serve.Handler, "patience", 0.5)
    with connect(server) as slow:
        slow.settimeout(0.1)
        sent = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 100:
                slow.sendall(b"G")
                sent += 1
                time.sleep(0.05)
        assert sent < 100


def test_nothing_is_printed_of_clients_that_leave(serve, server, monkeypatch, capfd):
    left = threading.Event()
    handle = serve.Server.handle_error
    monkeypatch.setattr(serve.Server, "handle_error", lambda *about: (handle(*about), left.set()))
    leaving = connect(server)
    leaving.sendall(request(b"{", **{"Content-Length": "999"}))
    leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    leaving.close()
    assert left.wait(30)
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_server_is_an_answer_too(serve, server, monkeypatch, capfd):
    monkeypatch.setattr(serve, "run", lambda *_: 1 / 0)
    assert ask(server, b'{"instances": [[1]]}')[0] == 500
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_port_that_cannot_be_is_one_line(serve, server, tmp_path, capsys):
    for port in ("99999", "-1", "²", ""):
        with pytest.raises(SystemExit) as stop:
            serve.main([str(tmp_path), "--port", port])
        assert stop.value.code == 2
        assert f"expected 0..65535, got {port}\n" in capsys.readouterr().err
    assert serve.main([str(tmp_path), "--port", str(server.server_port)]) == 2
    assert serve.main([str(tmp_path), "--port", "0"]) == 2
    taken, empty = capsys.readouterr().err.splitlines()
    assert "Address already in use" in taken
    assert "has no saved_model.pb" in empty


def test_ctrl_c_prints_no_traceback(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), {int(signal.SIGINT)})\n"
    )
    done = subprocess.run(
        [sys.executable, SERVE, "exported/a"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("arguments", [[], ["nowhere", "a.mid", "1"]])
def test_the_other_example_says_how_it_is_used(arguments):
    command = [sys.executable, SERVE.with_name("use_saved_model.py"), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Usage: use_saved_model.py exported/NAME piece.mid SEED\n"
