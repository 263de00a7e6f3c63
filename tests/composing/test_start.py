"""What first music waits for: how often a model is built and traced, and what is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bach_tf.cli import quiet
from bach_tf.composing import generation
from bach_tf.learning import runs
from bach_tf.models import MODELS

ROOT = Path(__file__).parents[2]
# The first three Keras and TensorFlow import by themselves, where they find them.
NOT_FOR_MIDI = {
    *quiet.UNUSED,
    "bach_tf.measuring.evaluation",
    "bach_tf.learning.pipeline",
    "bach_tf.learning.fitting",
    "music21",
    "tensorboard",
    "verovio",
}


def test_a_run_is_opened_with_one_model_that_is_never_called(trained_run, monkeypatch):
    kind = MODELS[trained_run.preset.model.architecture].load()
    built, called = [], []
    build, call = kind.build, kind.call
    monkeypatch.setattr(kind, "build", lambda self, *a: built.append(build(self, *a)))
    monkeypatch.setattr(kind, "call", lambda self, *a, **k: called.append(call(self, *a, **k)))
    opened = runs.load_trained_run(trained_run.folder)
    assert (len(built), len(called)) == (1, 0)
    for ours, theirs in zip(opened.model.get_weights(), trained_run.model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_a_first_piece_traces_the_step_once_and_rewrites_no_source(trained_run, monkeypatch):
    run = runs.load_trained_run(trained_run.folder)
    kind, steps, sources = type(run.model), [], []
    step = kind.step

    def traced(self, ids, state):
        steps.append(ids)
        sources.append(sys._getframe(1).f_code.co_filename)
        return step(self, ids, state)

    monkeypatch.setattr(kind, "step", traced)
    generation.generate(run, length=2, temperature=1.0, seed=1)
    assert len(steps) == 1
    assert Path(sources[0]).name == "sampling.py"  # AutoGraph runs a rewritten copy


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_says_itself_what_its_layers_read(name):
    assert "build" in vars(MODELS[name].load())  # or else it would have to be called


def test_a_midi_file_takes_no_more_imports_than_it_needs(trained_run, tmp_path):
    code = (
        "import json, sys; from bach_tf.cli.main import main; main(['generate', *sys.argv[1:]]); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    how = ["--run", str(trained_run.folder), "--length", "1", "--output", str(tmp_path), "--quiet"]
    command = [sys.executable, "-c", code, *how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file, modules = done.stdout.splitlines()
    assert Path(file).suffix == ".mid"
    assert not NOT_FOR_MIDI & set(json.loads(modules))


def test_what_the_first_import_left_out_is_there_afterwards():
    code = (
        "from bach_tf.cli import quiet; quiet.silence_libraries(); quiet.import_tensorflow(); "
        "import keras, pandas, matplotlib.pyplot; print(pandas.DataFrame({'a': [1]}).sum().a)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


FAKE = """
import os, signal, sys
os.write(2, b"I0000 00:00:1.2 3 port.cc:153] what TensorFlow finds\\n")
print("ours", file=sys.stderr, flush=True)
if "stop" in sys.argv:
    os.kill(os.getpid(), signal.SIGINT)
if "fail" in sys.argv:
    raise ImportError("a library is missing")
"""


@pytest.mark.parametrize(
    ("argument", "level", "status", "said"),
    [
        ("", "3", 0, ["ours", "after"]),
        ("stop", "3", 130, ["ours", "Stopped."]),
        ("fail", "3", 1, ["ours", "ImportError: a library is missing"]),
        ("", "0", 0, ["I0000 00:00:1.2 3 port.cc:153] what TensorFlow finds", "ours", "after"]),
    ],
)
def test_what_tensorflow_prints_while_it_is_imported_is_not_seen(
    tmp_path, monkeypatch, argument, level, status, said
):
    (tmp_path / "tensorflow.py").write_text(FAKE)
    code = (
        "import os, sys; from bach_tf._basics import process; from bach_tf.cli import quiet; "
        "process.begin(); "
        "quiet.silence_libraries(); quiet.silence_libraries(); import tensorflow; "
        "os.write(2, b'after\\n')"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True)
    assert done.returncode == status
    lines = [line for line in done.stderr.splitlines() if line]
    assert [line for line in lines if line in said] == said
    assert ("port.cc" in done.stderr) == (level == "0")
