"""Serve exported models over HTTP, with the requests and answers of TensorFlow Serving.

python examples/serve.py exported/NAME [exported/OTHER ...] --port 8501

curl localhost:8501/v1/models/NAME
curl localhost:8501/v1/models/NAME/metadata
curl localhost:8501/v1/models/NAME:predict -d '{"instances": [[1, 31, 26]]}'
curl localhost:8501/v1/models/NAME:predict -d '{"signature_name": "generate", "inputs": {
    "prompt": [1], "length": 64, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 7,
    "num_outputs": 1}}'

It needs TensorFlow and the standard library, nothing of bach_tf. It has no limits on what is asked
for, so it listens to this machine alone; for others there is TensorFlow Serving itself.
"""

import argparse
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tensorflow as tf

VERSION = "1"
ROUTE = re.compile(rf"/v1/models/([^/:]+)(?:/versions/{VERSION})?(|/metadata|:predict)")
LARGEST_REQUEST = 1 << 24  # bytes
TYPES = {tf.int32: "DT_INT32", tf.float32: "DT_FLOAT"}


class RequestError(Exception):
    """What is wrong with a request: an HTTP status, and words."""


def main(argv: list[str] | None = None) -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve exported models over HTTP.")
    parser.add_argument("folders", nargs="+", type=Path, help="exported/NAME ...")
    parser.add_argument("--port", type=int, default=8501, help="0 for one that is free")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for all the world")
    args = parser.parse_args(argv)
    server = make_server(args.folders, args.host, args.port)
    print(f"http://{args.host}:{server.server_port}/v1/models/{args.folders[0].name}", flush=True)
    server.serve_forever()


def make_server(folders: list[Path], host: str, port: int) -> ThreadingHTTPServer:
    """Return a server of the models in some folders, each under its folder's name."""
    server = ThreadingHTTPServer((host, port), Handler)
    server.models = {folder.resolve().name: tf.saved_model.load(str(folder)) for folder in folders}
    return server


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

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
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def act(self, method: str, actions: dict) -> dict:
        """Return the answer to a request."""
        route = ROUTE.fullmatch(self.path)
        if not route or route[2] not in actions:
            raise RequestError(404, f"Malformed request: {method} {self.path}")
        if route[1] not in self.server.models:
            names = ", ".join(sorted(self.server.models))
            raise RequestError(404, f"No model {route[1]}. Choose from: {names}.")
        return actions[route[2]](route[1], self.server.models[route[1]], self.read())

    def read(self) -> bytes:
        """Return the body of the request."""
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LARGEST_REQUEST:
            raise RequestError(400, f"Expected at most {LARGEST_REQUEST} bytes, got {length}")
        return self.rfile.read(int(length))


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
        raise RequestError(400, f"No signature {chosen!r}. Choose from: {names}.")
    signature = model.signatures[chosen]
    specs, by_rows = signature.structured_input_signature[1], "instances" in request
    given = columns(request["instances"]) if by_rows else request["inputs"]
    if len(specs) == 1 and not isinstance(given, dict):
        given = dict.fromkeys(specs, given)
    outputs = run(signature, specs, given)
    if not by_rows:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
    return {"predictions": rows if len(outputs) > 1 else next(iter(outputs.values()))}


def parse(body: bytes) -> dict:
    """Return the request, which has either `instances` or `inputs`."""
    try:
        request = json.loads(body)
    except ValueError as error:
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


def run(signature, specs: dict, given) -> dict:
    """Return the outputs of a signature as lists."""
    if not isinstance(given, dict) or given.keys() != specs.keys():
        got = ", ".join(given) if isinstance(given, dict) else "no names"
        raise RequestError(400, f"Expected the inputs {', '.join(specs)}, got {got}.")
    tensors = {}
    for key, spec in specs.items():
        try:
            tensors[key] = tf.constant(given[key], spec.dtype)
            spec.shape.assert_is_compatible_with(tensors[key].shape)
        except (TypeError, ValueError, OverflowError, tf.errors.OpError) as error:
            wanted = f"{TYPES[spec.dtype]} of shape {spec.shape}"
            raise RequestError(400, f"{key}: expected {wanted}. {error}") from None
    try:
        outputs = signature(**tensors)
    except tf.errors.OpError as error:
        # Between the places where it was found, in the graph and in the library.
        raise RequestError(400, error.message.partition("\n\t")[0].splitlines()[-1]) from None
    return {key: tensor.numpy().tolist() for key, tensor in outputs.items()}


if __name__ == "__main__":
    main()
