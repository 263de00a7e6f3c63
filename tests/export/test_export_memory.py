"""Exports of a model with a memory, which other programs look things up in as we do."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from test_models import MORE

from bach_tf.codecs import SatbCodec
from bach_tf.export.exporting import export_run
from bach_tf.export.inference import TOLERANCE, check_logits, without_dropout
from bach_tf.learning.runs import create_run, save_weights
from bach_tf.models.memory import Memory
from bach_tf.recipes import PRESETS, changed

CODEC = SatbCodec(lowest=55, highest=70)
FORMATS = ("keras", "litert", "onnx", "saved_model")
# Programs that know nothing of bach_tf: ids and logits as files of NumPy.
PROGRAMS = {
    "onnx": """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx")
(logits,) = session.run(None, {"ids": np.load(sys.argv[2])})
np.save(sys.argv[3], logits)
""",
    "litert": """
import sys, numpy as np
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    import tensorflow as tf
    Interpreter = tf.lite.Interpreter
serve = Interpreter(sys.argv[1] + "/model.tflite").get_signature_runner("serving_default")
rows = [serve(ids=row[None])["logits"] for row in np.load(sys.argv[2])]
np.save(sys.argv[3], np.concatenate(rows))
""",
    "saved_model": """
import sys, numpy as np, tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
np.save(sys.argv[3], serve(ids=np.load(sys.argv[2]))["logits"])
""",
}


def piece_of(numbers, steps):
    """Return a piece that holds its notes for a while: int32 `(steps, 4)`."""
    notes = numbers.integers(3, CODEC.vocab_size, (steps, 4)).astype(np.int32)
    held = numbers.random((steps, 4)) < 0.5
    for step in range(1, steps):
        notes[step] = np.where(held[step], notes[step - 1], notes[step])
    return notes


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return a run with a memory, the folder with it in all formats, and pieces that quote it."""
    numbers = np.random.default_rng(5)
    pieces = [piece_of(numbers, 40) for _ in range(4)]
    (settings,) = MORE["chorale"]
    settings = {**settings, "layers": 1, "context": 16, "memory": True}
    preset = changed(PRESETS["gru"], architecture="chorale", model=settings, length=12)
    memory = Memory(pieces).to_text()
    run = create_run(preset, CODEC, "quoting", tmp_path_factory.mktemp("runs"), memory)
    for variable in run.model.weights:
        variable.assign(variable + numbers.normal(0, 0.3, variable.shape))
    save_weights(run)
    output = tmp_path_factory.mktemp("exported")
    export_run(run, FORMATS, output=output)
    quoting = np.stack([pieces[1][5:35] + 1, np.concatenate([pieces[2][:20], pieces[0][10:20]])])
    ids = np.concatenate([np.full((2, 1), CODEC.START), quoting.reshape(2, -1)], axis=1)
    return run, output / "quoting", np.minimum(ids, CODEC.vocab_size - 1).astype(np.int32)


def logits_of(model, ids):
    return keras.ops.convert_to_numpy(model(ids, training=False))


def test_the_pieces_find_much_in_the_memory(exported):
    run, _, ids = exported
    found = np.stack(run.model.memory.found_for(ids[:, 1:].reshape(2, -1, 4)))
    assert (found > 0).mean() > 0.5
    without = logits_of(run.model, (ids, np.zeros_like(found)))
    assert np.abs(without - logits_of(run.model, ids)).max() > 0.1


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_without_bach_tf_finds_what_the_model_finds(exported, name, tmp_path):
    run, folder, ids = exported
    np.save(tmp_path / "ids.npy", ids)
    (tmp_path / "program.py").write_text(
        f"import sys\nsys.modules['bach_tf'] = None\n{PROGRAMS[name]}"
    )
    done = subprocess.run(
        [sys.executable, "program.py", str(folder), "ids.npy", "logits.npy"],
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    logits = np.load(tmp_path / "logits.npy")
    np.testing.assert_allclose(logits, logits_of(run.model, ids), atol=TOLERANCE)


def test_keras_loads_a_model_with_its_memory(exported):
    run, folder, ids = exported
    again = keras.models.load_model(folder / "model.keras")
    np.testing.assert_allclose(logits_of(again, ids), logits_of(run.model, ids), atol=TOLERANCE)


def test_an_export_that_finds_nothing_is_noticed(exported):
    run, _, _ = exported

    def forgetting(ids):
        chords = max((ids.shape[1] - 1) // 4 + 1, 2)
        return logits_of(run.model, (ids, np.zeros((len(ids), chords, 4, 3), np.int32)))

    with pytest.raises(ValueError, match=r"Expected logits within 0\.0001 of Keras"):
        check_logits(without_dropout(run), forgetting, CODEC.vocab_size)
