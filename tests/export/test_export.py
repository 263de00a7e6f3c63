"""What is exported, each format run with its own runtime, beside Keras."""

import ast
import functools
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from commands import command
from test_models import SMALL

from bach_tf import export
from bach_tf.codecs import CODECS, PAD, SatbCodec
from bach_tf.composing.generation import generate
from bach_tf.composing.sampling import Sampler
from bach_tf.export import litert, onnx_file
from bach_tf.export.exporting import export_run
from bach_tf.export.inference import TOLERANCE, check_logits, without_dropout
from bach_tf.export.tokens import describe_tokens
from bach_tf.formats.midi import read_midi
from bach_tf.learning.pipeline import evaluation_batches
from bach_tf.learning.runs import create_run, load_trained_run, save_weights
from bach_tf.learning.windows import Pieces
from bach_tf.measuring.evaluation import evaluate
from bach_tf.models import MODELS, NextTokenModel
from bach_tf.recipes import PRESETS, changed
from bach_tf.score import Score

main = command("export")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CODEC = SatbCodec(31, 87)
LENGTHS = (2, 21)
FORMATS = [name for name in export.FORMATS if name != "run"]
# With fewer layers of one kind: each is converted as the others are.
SETTINGS = {name: settings for name, (settings, *_) in SMALL.items()}
for shallow in ("gru", "transformer"):
    SETTINGS[shallow] = SETTINGS[shallow] | {"layers": 1}
for placed in ("gru", "wavenet"):  # as in their presets
    SETTINGS[placed] = SETTINGS[placed] | {"period": 16, "rules": True}


def make_run(name, folder):
    """Return a small run of four voices whose weights are drawn, not learned."""
    preset = changed(PRESETS["gru"], architecture=name, model=SETTINGS[name], length=12)
    run = create_run(changed(preset, min_length=2, data_dir="mine"), CODEC, name, runs=folder)
    numbers = np.random.default_rng(3)
    for variable in run.model.weights:  # so far apart that ids are drawn of different chances
        variable.assign(variable + numbers.normal(0, 0.3, variable.shape) ** 2)
    save_weights(run)
    return run


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return a function: the name of a model to a run, and the folder with it in all formats."""
    output = tmp_path_factory.mktemp("exported")

    @functools.cache
    def export(name):
        run = make_run(name, tmp_path_factory.mktemp("runs"))
        notes = export_run(run, FORMATS, output=output)
        assert list(notes) == FORMATS
        return run, output / name

    return export


@functools.cache
def signature(folder, name):
    return tf.saved_model.load(str(folder)).signatures[name]


def random_ids(batch, length):
    return np.random.default_rng(length).integers(1, CODEC.vocab_size, (batch, length), np.int32)


def keras_logits(run, ids):
    return keras.ops.convert_to_numpy(run.model(ids, training=False))


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_gives_the_logits_of_keras(exported, name):
    run, folder = exported(name)
    for length in LENGTHS:
        ids = random_ids(3, length)
        logits = signature(folder, "serving_default")(ids=ids)["logits"]
        np.testing.assert_allclose(logits, keras_logits(run, ids), atol=TOLERANCE)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_scores_what_an_evaluation_counts(exported, name, tiny_pieces):
    run, folder = exported(name)
    pieces = [CODEC.encode(piece) for piece in tiny_pieces]
    measured = evaluate(run.model, CODEC, evaluation_batches(Pieces.from_arrays(pieces), CODEC))
    ids = np.full((len(pieces), max(map(len, pieces))), PAD, np.int32)
    for row, piece in zip(ids, pieces):
        row[: len(piece)] = piece
    scores = signature(folder, "score")(ids=ids)["log_likelihood"].numpy()
    assert scores.shape == (len(pieces), ids.shape[1] - 1)
    assert scores.dtype == np.float32
    assert ((scores < 0) == CODEC.counted[ids[:, 1:]]).all()  # 0 for padding and the end
    assert -scores.sum() / measured["tokens"] == pytest.approx(measured["nll"], rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_writes_the_ids_of_the_sampler(exported, name):
    run, folder = exported(name)
    sampler = Sampler(run.model, CODEC)
    cases = [
        ([1], {"length": 40, "temperature": 1.0, "seed": 7}),
        ([1], {"length": 40, "temperature": 1.0, "seed": 7, "top_k": CODEC.vocab_size}),
        ([1, 30, 25, 20, 15], {"length": 25, "temperature": 0.8, "seed": -5, "num_outputs": 3}),
        ([1], {"length": 16, "temperature": 0.0}),
    ]
    if name == "gru":  # the loop is the same for all: it is compiled for these once more
        cases += [
            ([1], {"length": 30, "temperature": 1.5, "top_k": 6, "top_p": 0.8, "num_outputs": 2}),
            ([1], {"length": 21, "temperature": 1.0, "top_p": 0.5}),
        ]
    for prompt, how in cases:
        how = {"seed": 0, "top_k": 0, "top_p": 1.0, "num_outputs": 1, **how}
        written = signature(folder, "generate")(prompt=prompt, **how)["ids"].numpy()
        expected = sampler.sample(prompt, min_length=8, allowed=CODEC.may_write, **how)
        assert written.dtype == np.int32
        assert written.tolist() == expected.tolist()


@pytest.mark.parametrize("name", MODELS)
def test_litert_gives_the_logits_of_keras(exported, name):
    run, folder = exported(name)
    interpreter = litert.interpreter((folder / "model.tflite").read_bytes())
    serve = interpreter.get_signature_runner("serving_default")
    for length in LENGTHS:
        ids = random_ids(1, length)
        np.testing.assert_allclose(serve(ids=ids)["logits"], keras_logits(run, ids), atol=TOLERANCE)


@pytest.mark.parametrize("name", MODELS)
def test_our_models_run_in_any_interpreter_of_litert(exported, name):
    assert litert.SELECTED_MARK not in (exported(name)[1] / "model.tflite").read_bytes()


def test_select_tf_ops_are_run_by_the_interpreter_of_tensorflow(exported):
    run, folder = exported("gru")
    # What follows a model is not read: it only looks as if one of its operations were selected.
    content = (folder / "model.tflite").read_bytes() + litert.SELECTED_MARK
    assert isinstance(litert.interpreter(content), tf.lite.Interpreter)
    ids = random_ids(1, 5)
    np.testing.assert_allclose(
        litert.logits_of(content)(ids), keras_logits(run, ids), atol=TOLERANCE
    )


@pytest.mark.parametrize("name", MODELS)
def test_onnx_gives_the_logits_of_keras(exported, name):
    import onnxruntime

    run, folder = exported(name)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("ids", "tensor(int32)", ["batch", "length"])
    assert (returned.name, returned.shape[2]) == ("logits", CODEC.vocab_size)
    for length in LENGTHS:
        ids = random_ids(3, length)
        (logits,) = session.run(None, {"ids": ids})
        np.testing.assert_allclose(logits, keras_logits(run, ids), atol=TOLERANCE)


@pytest.mark.parametrize("name", MODELS)
def test_keras_loads_the_model_itself(exported, name):
    run, folder = exported(name)
    model = keras.models.load_model(folder / "model.keras")  # in safe mode
    assert type(model) is MODELS[name].load()
    assert json.dumps(model.get_config()) == json.dumps(run.model.get_config())
    ids = random_ids(2, 9)
    np.testing.assert_array_equal(model(ids, training=False), keras_logits(run, ids))
    names = zipfile.ZipFile(folder / "model.keras").namelist()
    assert sorted(names) == ["config.json", "metadata.json", "model.weights.h5"]


def test_onnx_says_which_operations_it_has(exported):
    import onnx

    model = onnx.load(exported("gru")[1] / "model.onnx")
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == onnx_file.OPSET


def test_a_model_trains_on_in_keras(exported):
    model = keras.models.load_model(exported("gru")[1] / "model.keras")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=loss)
    ids = random_ids(2, 9)
    losses = model.fit(ids[:, :-1], ids[:, 1:], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


OPTIONS = {"length": 8, "num_outputs": 1, "seed": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"prompt": np.zeros(0, np.int32)}, "`prompt` must begin with the start token"),
        ({"prompt": [1, 99]}, "`prompt` must have ids in 0..60"),
        ({"length": 0}, "`length` must leave room after `prompt`"),
        ({"num_outputs": 0}, "`num_outputs` must be at least 1"),
        ({"temperature": -1.0}, "`temperature` must be a number of at least 0"),
        ({"temperature": np.nan}, "`temperature` must be a number of at least 0"),
        ({"top_k": -1}, "`top_k` must be at least 0"),
        ({"top_p": 0.0}, "`top_p` must be above 0 and at most 1"),
    ],
)
def test_a_saved_model_refuses_what_cannot_be_written(exported, wish, message):
    write = signature(exported("gru")[1], "generate")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        write(**{"prompt": [1], **OPTIONS, **wish})


def test_what_goes_with_a_model_is_plain_text(exported):
    run, folder = exported("gru")
    assets = {path.name for path in (folder / "assets").iterdir()}
    assert assets == {"codec.json", "preset.json", "tokens.json"}
    codec, preset, about = (
        json.loads((folder / "assets" / f"{name}.json").read_text())
        for name in ("codec", "preset", "tokens")
    )
    assert codec == {"name": "satb", **CODEC.to_config()}
    assert type(run.preset).from_config(preset) == changed(run.preset, data_dir=None)
    assert about == describe_tokens(CODEC, run.preset)
    assert 'signatures["generate"]' in (folder / "README.txt").read_text()


def test_tokens_of_four_voices_by_hand():
    about = describe_tokens(SatbCodec(60, 61), PRESETS["gru"])
    assert about["tokens"] == [
        {"id": 0, "name": "<pad>"},
        {"id": 1, "name": "<start>"},
        {"id": 2, "name": "<end>"},
        {"id": 3, "name": "r", "release": "voice"},
        {"id": 4, "name": "C4", "strike": [60], "release": "voice"},
        {"id": 5, "name": "C#4", "strike": [61], "release": "voice"},
    ]
    assert about["voices"] == ["soprano", "alto", "tenor", "bass"]
    assert (about["steps_after"], about["legato"]) == ([0, 0, 0, 1], True)
    assert about["defaults"]["length"] == 4 * PRESETS["gru"].music.length


def codec_cases():
    """Yield codecs and pieces that they bring back as they are."""
    yield "satb", Score.from_grid([[67, 62, 59, 43]] * 2 + [[69, 0, 59, 43], [0, 60, 59, 45]])
    line = Score.from_grid([[60], [60], [0], [64], [65], [65], [67], [0]])
    yield "melody", replace(line, metres=((0, 3, 4),), upbeat=2)
    yield "pitches", line
    columns = {"onset": [0, 0, 2, 3], "duration": [2, 2, 4, 1], "pitch": [60, 64, 62, 67]}
    columns |= {"voice": [0] * 4, "velocity": [82, 50, 98, 98]}
    arrays = {name: np.array(column) for name, column in columns.items()}
    chords = Score(**arrays, length=6, steps_per_quarter=4)
    yield "chords", chords
    yield "events", chords


def test_every_codec_has_a_case():
    assert [name for name, _ in codec_cases()] == list(CODECS)


@pytest.mark.parametrize(("name", "score"), list(codec_cases()), ids=lambda case: str(case)[:8])
def test_tokens_say_all_that_a_program_needs_to_read_a_piece(name, score, tmp_path, monkeypatch):
    """The example, with a model that always writes the same ids."""
    settings = {"header": True} if name == "melody" else {}
    codec = CODECS[name].fit([score], **settings)
    ids = codec.encode(score)
    about = describe_tokens(codec, PRESETS["gru"])
    assert about["opening"] == (2 if name == "melody" else 0)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "tokens.json").write_text(json.dumps(about))
    written = {"ids": tf.constant([[*ids, PAD, PAD]])}
    scripted = SimpleNamespace(signatures={"generate": lambda **wishes: written})
    monkeypatch.setattr(tf.saved_model, "load", lambda folder: scripted)
    file = tmp_path / "piece.mid"
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), str(file), "1"])
    runpy.run_path(str(EXAMPLES / "use_saved_model.py"))
    expected = codec.decode(ids[1:])
    read = read_midi(file, codec.steps_per_quarter)
    columns = ("onset", "duration", "pitch") if name == "satb" else (
        "onset", "duration", "pitch", "velocity"
    )  # fmt: skip
    notes = [sorted(zip(*(getattr(s, c).tolist() for c in columns))) for s in (read, expected)]
    assert notes[0] == notes[1]


def test_a_program_without_bach_tf_writes_the_piece_of_a_seed(exported, tmp_path):
    run, folder = exported("gru")
    how = {"length": 12, "min_length": 2, "temperature": 1.0}
    pieces = ((seed, *generate(run, seed=seed, **how)) for seed in range(7, 20))
    # A model that has learned for a moment may write nothing but rests.
    seed, expected = next((seed, piece) for seed, piece in pieces if len(piece))
    file = tmp_path / "piece.mid"
    code = "import runpy, sys; sys.modules['bach_tf'] = None; runpy.run_path(sys.argv.pop(1))"
    command = [sys.executable, "-c", code, EXAMPLES / "use_saved_model.py", folder, file, seed]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    read = read_midi(file).without_leading_silence()
    # The file names no voices: a reader orders them by their pitch.
    grids = [np.sort(grid, axis=1) for grid in (read.to_grid(4), expected.to_grid(4))]
    assert grids[0].tolist() == grids[1][: read.length].tolist()
    assert done.stdout.endswith(f"seed {seed}\n")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_import_tensorflow_and_the_standard_library_alone(path):
    tree = ast.parse(path.read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    packages = {name.split(".")[0] for name in names}
    assert packages - sys.stdlib_module_names == {"tensorflow"}


@pytest.fixture(scope="module")
def ask(exported):
    """Return a function: a path and a body to the status and the answer of a running server."""
    serve = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "serve.py")))
    server = serve.Server(("127.0.0.1", 0), serve.Handler)
    server.models = {"gru": serve.load(exported("gru")[1])}
    server.RequestHandlerClass.log_message = lambda *_: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(path, body=None):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        url = f"http://127.0.0.1:{server.server_port}{path}"
        try:
            with urllib.request.urlopen(url, body, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    yield ask
    server.shutdown()
    server.server_close()
    thread.join()


PREDICT = "/v1/models/gru:predict"


def test_a_server_says_which_model_it_has(ask):
    version = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert ask("/v1/models/gru") == (200, {"model_version_status": [version]})
    assert ask("/v1/models/gru/versions/1") == (200, {"model_version_status": [version]})
    code, answer = ask("/v1/models/gru/metadata")
    assert code == 200
    assert answer["model_spec"] == {"name": "gru", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "score", "generate"}
    logits = signatures["serving_default"]["outputs"]["logits"]
    assert logits["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in logits["tensor_shape"]["dim"]] == ["-1", "-1", "61"]
    assert signatures["generate"]["inputs"]["seed"]["tensor_shape"]["dim"] == []


def test_a_server_answers_in_rows_and_in_columns(ask, exported):
    run, _ = exported("gru")
    ids = random_ids(2, 5)
    expected = keras_logits(run, ids)
    for body, key in [
        ({"instances": ids.tolist()}, "predictions"),
        ({"instances": [{"ids": row} for row in ids.tolist()]}, "predictions"),
        ({"inputs": ids.tolist()}, "outputs"),
        ({"inputs": {"ids": ids.tolist()}, "signature_name": "serving_default"}, "outputs"),
    ]:
        code, answer = ask(PREDICT, body)
        assert (code, list(answer)) == (200, [key])
        np.testing.assert_allclose(answer[key], expected, atol=TOLERANCE)


def test_a_server_scores_and_writes(ask, exported):
    run, folder = exported("gru")
    ids = random_ids(2, 5)
    code, answer = ask(PREDICT, {"signature_name": "score", "instances": ids.tolist()})
    expected = signature(folder, "score")(ids=ids)["log_likelihood"]
    assert code == 200
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-5)
    wishes = {"prompt": [1], **OPTIONS, "num_outputs": 2, "seed": 3}
    code, answer = ask(PREDICT, {"signature_name": "generate", "inputs": wishes})
    written = Sampler(run.model, CODEC).sample(
        [1], length=8, temperature=1.0, seed=3, num_outputs=2, min_length=8, allowed=CODEC.may_write
    )
    assert (code, answer) == (200, {"outputs": written.tolist()})


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("/", None, 404, "Malformed request: GET /"),
        ("/v1/models/gru:classify", {}, 404, "Malformed request: POST /v1/models/gru:classify"),
        (PREDICT, None, 404, "Malformed request: GET"),
        ("/v1/models/other", None, 404, "No model other. Choose from: gru."),
        (PREDICT, b"{", 400, "JSON parse error"),
        (PREDICT, b"\xff", 400, "JSON parse error"),
        (PREDICT, [1], 400, "either 'instances' or 'inputs'"),
        (PREDICT, {"inputs": [[1]], "instances": [[1]]}, 400, "either 'instances' or 'inputs'"),
        (PREDICT, {"instances": []}, 400, "a list of at least one"),
        (PREDICT, {"instances": [{"ids": [1]}, {"x": 1}]}, 400, "the same inputs in each"),
        (PREDICT, {"instances": [[1], [1, 2]]}, 400, "ids: expected DT_INT32 of shape"),
        (PREDICT, {"instances": [["C4"]]}, 400, "ids: expected DT_INT32 of shape"),
        (PREDICT, {"instances": [[99]]}, 400, "in 0..60, got 99"),
        (PREDICT, {"instances": [[-1]]}, 400, "in 0..60, got -1"),
        (PREDICT, {"inputs": {"x": [1]}}, 400, "Expected the inputs ids, got x."),
        (PREDICT, {"inputs": [[1]], "signature_name": "x"}, 400, "No signature 'x'"),
        (PREDICT, {"inputs": [[1]], "signature_name": []}, 400, "No signature []"),
        (PREDICT, {"inputs": [1], "signature_name": "generate"}, 400, "Expected the inputs"),
        (
            PREDICT,
            {"inputs": {"prompt": [1], **OPTIONS, "length": 0}, "signature_name": "generate"},
            400,
            "assertion failed: [`length` must leave room after `prompt`] [0] [1]",
        ),
    ],
)
def test_a_server_says_what_is_wrong_with_a_request(ask, path, body, code, message):
    status, answer = ask(path, body)
    assert (status, list(answer)) == (code, ["error"])
    assert message in answer["error"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small run. Read it, do not change it."""
    return make_run("lstm", tmp_path_factory.mktemp("runs"))


def test_the_command_says_what_it_has_written(small, tmp_path, capsys):
    arguments = ["--run", str(small.folder), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--format", "keras", "--name", "mine"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("keras: load it after `from bach_tf.models import *`; logits within")
    assert last.startswith(f"{tmp_path / 'out' / 'mine'}, from {small.folder}: README.txt 3 kB, ")
    assert "model.keras" in last
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]

    assert main([*arguments, "--format", "keras", "--name", "other", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["run"], record["folder"]) == (str(small.folder), str(tmp_path / "out" / "other"))
    assert list(record["formats"]) == ["keras"]
    size = (tmp_path / "out" / "other" / "model.keras").stat().st_size
    assert record["sizes"]["model.keras"] == size

    assert main([*arguments, "--format", "keras", "--name", "mine"]) == 2
    assert "mine exists already. Choose another --name or --output" in capsys.readouterr().err


def test_a_run_is_handed_on_at_half_the_size(tmp_path):
    run = make_run("lstm", tmp_path)
    (run.folder / "history.csv").write_text("epoch,val_nll\n0,1.5\n")
    export_run(run, ["run"], output=tmp_path / "out")
    small = load_trained_run(tmp_path / "out" / "lstm" / "run")
    assert small.preset == changed(run.preset, data_dir=None)
    assert small.codec.to_config() == run.codec.to_config()
    assert (small.folder / "history.csv").read_text() == "epoch,val_nll\n0,1.5\n"
    for half, whole in zip(small.model.get_weights(), run.model.get_weights()):
        np.testing.assert_array_equal(half, whole.astype(np.float16))
    with h5py.File(small.folder / "model.weights.h5") as file:
        kinds = set()
        file.visititems(lambda _, node: kinds.add(getattr(node, "dtype", None)))
    assert kinds == {None, np.dtype("float16")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "tflite"], "Unknown format 'tflite'. Choose from: keras, litert, onnx, "),
        (["--format", ","], "Expected a format. Choose from: keras, litert, onnx, "),
        (["--name", "a/b"], "An export's name must be a folder name. Received: 'a/b'"),
        (["--name", ".."], "An export's name must be a folder name. Received: '..'"),
    ],
)
def test_the_command_says_what_is_wrong(small, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["--run", str(small.folder), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "exported").exists()


def test_a_run_without_weights_is_not_exported(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small.folder, "fresh", ignore=shutil.ignore_patterns("*.h5"))
    assert main(["--run", "fresh"]) == 2
    assert "has no weights yet: no epoch has finished" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["tf2onnx", "onnxruntime"])
def test_a_missing_package_is_named(small, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=f"onnx needs more packages.*{package}.*: pip install"):
        export_run(small, ["keras", "onnx"], output=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []  # all of it or nothing


def test_packages_are_those_of_the_lock():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    locked = (ROOT / "requirements" / f"{version}.lock").read_text().split()
    assert set(onnx_file.PACKAGES.split()) <= set(locked)


@keras.saving.register_keras_serializable("tests")
class Unlike(NextTokenModel):
    """A model that calls Python, which no file can hold."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.embedding = keras.layers.Embedding(vocab_size, vocab_size)

    def call(self, ids, training: bool = False):
        same = tf.numpy_function(lambda ids: ids, [ids], tf.int32)
        return self.embedding(tf.ensure_shape(same, ids.shape))

    def initial_state(self, batch_size):
        return ()

    def step(self, ids, state):
        return self(ids[:, None])[:, 0], state


@pytest.mark.parametrize(
    ("convert", "kind"), [(litert.convert, "LiteRT"), (onnx_file.convert, "ONNX")]
)
def test_a_model_that_a_format_cannot_hold_is_named(convert, kind):
    model = Unlike(9)
    model(np.zeros((1, 2), np.int32))
    with pytest.raises(ValueError, match=f"{kind} cannot represent Unlike: .*PyFunc"):
        convert(model)


class Selecting(Unlike):
    """A model with an operation of TensorFlow that LiteRT lacks: a bias of whole numbers."""

    def call(self, ids, training: bool = False):
        return self.embedding(tf.nn.bias_add(ids[..., None], [0])[..., 0])


def test_select_tf_ops_are_checked_or_refused(small, tmp_path, monkeypatch):
    model = Selecting(CODEC.vocab_size)
    model(np.zeros((1, 2), np.int32))
    monkeypatch.setattr(litert, "without_dropout", lambda _: model)
    if tf.__version__ < "2.17":
        assert "needs Select TF ops; logits within 0e+00" in litert.write_litert(small, tmp_path)
        return
    with pytest.raises(
        ValueError, match=r"LiteRT cannot represent Selecting: it needs Select TF ops, .* 2\.21"
    ):
        litert.write_litert(small, tmp_path)
    assert not any(tmp_path.iterdir())


def test_other_logits_than_those_of_keras_are_noticed(small):
    assert check_logits(small.model, lambda ids: keras_logits(small, ids), CODEC.vocab_size) == 0
    with pytest.raises(ValueError, match=r"logits within 0\.0001 of Keras, got a difference"):
        check_logits(small.model, lambda ids: keras_logits(small, ids) + 0.01, CODEC.vocab_size)


def test_without_dropout_nothing_is_drawn(tmp_path):
    settings = {"units": 4, "recurrent_dropout": 0.5}
    run = create_run(changed(PRESETS["gru"], model=settings), CODEC, runs=tmp_path)
    model, copy = run.model, without_dropout(run)
    ids = np.array([[1, 3, 5, 7]])
    expected = model(ids, training=False)
    np.testing.assert_allclose(copy(ids, training=True), expected, atol=1e-6)
    assert copy.get_config()["recurrent_dropout"] == copy.get_config()["input_dropout"] == 0.0


def test_what_fails_leaves_nothing_behind(small, tmp_path, monkeypatch):
    def fail(run, folder):
        assert (folder / "assets" / "tokens.json").exists()
        raise ValueError("no room")

    monkeypatch.setattr("bach_tf.export.keras_file.write_keras", fail)
    with pytest.raises(ValueError, match="no room"):
        export_run(small, ["keras"], output=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
