"""Training with JAX: `KERAS_BACKEND=jax bach-tf train`."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bach_tf import learning
from bach_tf.corpora.preparation.prepared import read_prepared
from bach_tf.learning import runs
from bach_tf.learning.fitting import compile_model
from bach_tf.learning.outcome import read_outcome

ROOT = Path(__file__).parents[2]
TINY = {"layers": 1, "units": 8, "heads": 2, "feed_forward": 8, "decoder": 8, "embedding": 4}
SETTINGS = {
    **{f"model.{name}": value for name, value in TINY.items()},
    "window": 64,
    "stride": 48,
    "batch_size": 8,
    "transpose": "0,0",
    "warmup_epochs": 0,
}


def bach_tf_train(folder, *arguments):
    """Run `bach-tf train` with JAX in a folder of its own."""
    environment = {
        **os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiled once, run a few times
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "bach_tf", "train", *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_a_run_trained_with_jax_is_opened_by_tensorflow(tiny_folder, tmp_path):
    settings = [x for each in SETTINGS.items() for x in ("--set", "{}={}".format(*each))]
    done = bach_tf_train(
        tmp_path, "--model", "chorale", "--data-dir", tiny_folder, "--epochs", 2,
        *settings, "--run-name", "a", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    run = runs.load_trained_run(tmp_path / "tb_logs" / "a")
    outcome = read_outcome(run)
    assert (outcome.epochs, outcome.stopped) == (2, "finished")
    assert report["best_nll"] == pytest.approx(outcome.best_nll)
    assert outcome.best_nll < np.log(run.codec.vocab_size)
    assert len(run.model.memory.pieces) == len(read_prepared(tiny_folder)["train"])
    measured = learning.measured_batches(run.preset, run.codec, tiny_folder, "valid")
    compile_model(run.model, run.preset)
    nll = run.model.evaluate(measured, verbose=0, return_dict=True)["nll"]
    assert nll == pytest.approx(outcome.best_nll, abs=1e-3)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "pretrained"], "--from starts from the weights of another run, which needs"),
        (["--summary"], "--summary needs TensorFlow: unset KERAS_BACKEND"),
        (["--device", "cpu"], "--device chooses a device, which needs TensorFlow"),
        (["--workers", "a:1,b:2", "--worker", "0"], "--workers trains on several machines, which"),
        (["--set", "split=windows", "--model", "gru"], "holds out windows of its training pieces"),
    ],
)
def test_what_needs_tensorflow_says_so(arguments, message, tmp_path):
    done = bach_tf_train(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(find_spec("jax") is not None, reason="JAX is installed")
def test_without_jax_it_is_named(tmp_path):
    done = bach_tf_train(tmp_path, "--model", "gru")
    assert done.returncode == 2
    assert "KERAS_BACKEND=jax trains with JAX, which is not installed: pip install" in done.stderr
    assert "Traceback" not in done.stderr


def test_jax_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert not learning.uses_jax()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert not learning.uses_jax()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert learning.uses_jax()
