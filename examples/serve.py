"""Serve exported models over HTTP, with the requests and answers of TensorFlow Serving.

python examples/serve.py exported/NAME [exported/OTHER ...] --port 8501

curl localhost:8501/v1/models/NAME
curl localhost:8501/v1/models/NAME/metadata
curl localhost:8501/v1/models/NAME:predict -d '{"instances": [[1, 31, 26]]}'
curl localhost:8501/v1/models/NAME:predict -d '{"signature_name": "generate", "inputs": {
    "prompt": [1], "length": 64, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 7,
    "num_outputs": 1}}'

It is for programs that know tokens and want a model's numbers, or samples of it, in TensorFlow
Serving's own protocol. Music goes in and out of `bach-tf studio`, whose API reads files, harmonizes
and engraves, with a queue and limits.

It needs TensorFlow and the standard library, nothing of bach_tf. It sets no limit to how many
pieces are asked for, nor to their length, so it listens to this machine alone; for others there is
TensorFlow Serving itself.
"""

import argparse
import io
import json
import os
import re
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C ends it at once, also while TensorFlow is imported or works
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import tensorflow as tf

VERSION = "1"
ROUTE = re.compile(rf"/v1/models/([^/:]+)(?:/versions/{VERSION})?(|/metadata|:predict)")
LARGEST_REQUEST = 1 << 24  # bytes
TYPES = {tf.int32: "DT_INT32", tf.float32: "DT_FLOAT"}
BOUNDS = {tf.int32: (-(2**31), 2**31 - 1), tf.float32: (-3.4e38, 3.4e38)}
IDS = ("ids", "prompt")  # inputs that hold ids of the model's vocabulary


class RequestError(Exception):
    """What is wrong with a request: an HTTP status, and words."""


class Server(ThreadingHTTPServer):
    """Answers each client in a thread of its own."""

    request_queue_size = 1024  # clients that knock at once; the usual 5 are not enough
    models: dict = {}  # by the names of their folders

    def handle_error(self, request, client_address):
        """Print what is wrong, but where a client has left."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Arriving(io.RawIOBase):
    """The bytes of a request, all of which have to arrive within some seconds."""

    def __init__(self, connection: socket.socket, seconds: float):
        self.connection, self.end = connection, time.monotonic() + seconds

    def readable(self):  # noqa: D102
        return True

    def readinto(self, buffer):  # noqa: D102
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    patience = 30.0  # seconds for a request to arrive, and for an answer to be taken

    def setup(self):
        """Wait for the client, but not for ever."""
        super().setup()
        self.rfile = io.BufferedReader(Arriving(self.connection, self.patience))

    def do_GET(self):
        """Answer what a model is, or that it is there."""
        self.answer("GET", {"": status, "/metadata": metadata})

    def do_POST(self):
        """Answer what a signature returns."""
        self.answer("POST", {":predict": predict})

    def answer(self, method: str, actions: dict) -> None:
        """Send what the action that the path names returns, or what is wrong."""
        try:
            code, answer = 200, self.act(method, actions)
        except RequestError as error:
            code, answer = error.args[0], {"error": error.args[1]}
        except TimeoutError:
            code, answer = 408, {"error": f"Expected a request within {self.patience:g} s"}
        except OSError:
            raise  # the client has left
        except Exception:
            traceback.print_exc()
            code, answer = 500, {"error": "The server failed; it has printed why."}
        content = json.dumps(answer).encode()
        self.connection.settimeout(self.patience)
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        if code != 200:  # what was not read would reset the connection, and the answer be lost
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read1(1 << 16):
                pass

    def act(self, method: str, actions: dict) -> dict:
        """Return the answer to a request."""
        route = ROUTE.fullmatch(self.path)
        if not route or route[2] not in actions:
            raise RequestError(404, f"Malformed request: {method} {self.path[:200]}")
        if route[1] not in self.server.models:
            names = ", ".join(sorted(self.server.models))
            raise RequestError(404, f"No model {route[1][:200]}. Choose from: {names}.")
        return actions[route[2]](route[1], self.server.models[route[1]], self.read(method))

    def read(self, method: str) -> bytes:
        """Return the body of the request."""
        lengths = self.headers.get_all("Content-Length", ["0"] if method == "GET" else [])
        if "Transfer-Encoding" in self.headers or not lengths:
            raise RequestError(411, "Expected a Content-Length, and no Transfer-Encoding.")
        if len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths[0]):
            raise RequestError(400, f"Expected one Content-Length in bytes, got {lengths!r:.99}")
        length = int(lengths[0][:20])
        if length > LARGEST_REQUEST:
            raise RequestError(413, f"Expected at most {LARGEST_REQUEST} bytes, got {length}")
        body = self.rfile.read(length)
        if len(body) < length:
            raise RequestError(400, f"Expected {length} bytes, got {len(body)}")
        return body

    def log_message(self, *words):
        """Print a line for each request, where somebody reads it."""
        with suppress(OSError):
            super().log_message(*words)


def status(name: str, model, body: bytes) -> dict:
    """Return that a model is there."""
    error = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": VERSION, "state": "AVAILABLE", "status": error}]}


def metadata(name: str, model, body: bytes) -> dict:
    """Return the inputs and outputs of each signature of a model."""
    signatures = {
        key: {
            "inputs": describe(signature.structured_input_signature[1]),
            "outputs": describe(signature.structured_outputs),
            "method_name": "tensorflow/serving/predict",
        }
        for key, signature in model.signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": VERSION},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def describe(specs: dict) -> dict:
    """Return the type and the shape of tensors; a size of -1 is free."""
    return {
        key: {
            "name": spec.name,
            "dtype": TYPES[spec.dtype],
            "tensor_shape": {"dim": [{"size": str(size or -1), "name": ""} for size in spec.shape]},
        }
        for key, spec in specs.items()
    }


def predict(name: str, model, body: bytes) -> dict:
    """Return what a signature of a model returns for `instances`, row by row, or for `inputs`."""
    request = parse(body)
    chosen = request.get("signature_name", "serving_default")
    if chosen not in list(model.signatures):
        names = ", ".join(model.signatures)
        raise RequestError(400, f"No signature {chosen!r:.99}. Choose from: {names}.")
    signature = model.signatures[chosen]
    specs, by_rows = signature.structured_input_signature[1], "instances" in request
    given = columns(request["instances"]) if by_rows else request["inputs"]
    if len(specs) == 1 and not isinstance(given, dict):
        given = dict.fromkeys(specs, given)
    if not isinstance(given, dict) or given.keys() != specs.keys():
        got = ", ".join(given)[:200] if isinstance(given, dict) else "no names"
        raise RequestError(400, f"Expected the inputs {', '.join(specs)}, got {got}.")
    vocab_size = model.signatures["serving_default"].structured_outputs["logits"].shape[-1]
    for key, spec in specs.items():
        check(key, spec, given[key], (0, vocab_size - 1) if key in IDS else BOUNDS[spec.dtype])
    outputs = run(signature, specs, given)
    if not by_rows:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    return {"predictions": rows if len(outputs) > 1 else next(iter(outputs.values()))}


def parse(body: bytes) -> dict:
    """Return the request, which has either `instances` or `inputs`."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"JSON parse error: {error}") from None
    if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
        raise RequestError(400, "Expected an object with either 'instances' or 'inputs'.")
    return request


def columns(instances):
    """Return rows of named inputs as columns; other rows as they are."""
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, "Expected 'instances' to be a list of at least one.")
    if not isinstance(instances[0], dict):
        return instances
    if any(not isinstance(row, dict) or row.keys() != instances[0].keys() for row in instances):
        raise RequestError(400, "Expected the same inputs in each of 'instances'.")
    return {key: [row[key] for row in instances] for key in instances[0]}


def check(key: str, spec: tf.TensorSpec, value, bounds: tuple) -> None:
    """Say what is wrong with an input: its shape, or a number of another type or out of bounds."""
    wanted = (
        f"{key}: expected {TYPES[spec.dtype]} of shape {spec.shape} in {bounds[0]}..{bounds[1]}"
    )
    values = [value]
    for _ in spec.shape:
        sizes = {len(each) if isinstance(each, list) else 0 for each in values}
        if len(sizes) > 1 or 0 in sizes:
            raise RequestError(400, f"{wanted}, got lists of {sorted(sizes)[:9]} values")
        values = [each for row in values for each in row]
    kinds = (int,) if spec.dtype == tf.int32 else (int, float)
    for each in values:
        if type(each) not in kinds or not bounds[0] <= each <= bounds[1]:
            got = f"{each!r:.40}" if type(each) in (int, float) else type(each).__name__
            raise RequestError(400, f"{wanted}, got {got}")


def run(signature, specs: dict, given: dict) -> dict:
    """Return the outputs of a signature as lists."""
    try:
        outputs = signature(**{key: tf.constant(given[key], specs[key].dtype) for key in specs})
    except tf.errors.OpError as error:
        # Between the places where it was found, in the graph and in the library.
        raise RequestError(400, error.message.partition("\n\t")[0].splitlines()[-1]) from None
    return {key: tensor.numpy().tolist() for key, tensor in outputs.items()}


def port(text: str) -> int:
    """Return the number of a port."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected 0..65535, got {text:.40}")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C; return the exit status of a mistake."""
    parser = argparse.ArgumentParser(description="Serve exported models over HTTP.")
    parser.add_argument("folders", nargs="+", type=Path, help="exported/NAME ...")
    parser.add_argument("--port", type=port, default=8501, help="0 for one that is free")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for all the world")
    args = parser.parse_args(argv)
    try:
        with Server((args.host, args.port), Handler) as server:
            server.models = {each.resolve().name: load(each) for each in args.folders}
            if len(server.models) < len(args.folders):
                raise ValueError("Expected folders of different names, which are the models'.")
            name = args.folders[0].resolve().name
            print(f"http://{args.host}:{server.server_port}/v1/models/{name}", flush=True)
            server.serve_forever()
    except (OSError, ValueError) as error:
        print(f"serve.py, {args.host}:{args.port}: {error}", file=sys.stderr)
    return 2


def load(folder: Path):
    """Return an exported model."""
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"{folder} has no saved_model.pb. Expected an exported SavedModel.")
    return tf.saved_model.load(str(folder))


if __name__ == "__main__":
    sys.exit(main())
