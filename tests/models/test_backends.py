"""The models on every backend of Keras, and with and without what is faster on a CPU."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from test_models import ROOMY, SMALL

from bach_tf.models import MODELS, cpu

ROOT = Path(__file__).parents[2]
VOCAB_SIZE = 20
# Of each model: what `call` and `step` differ by, and whether a training step moves the weights.
PROGRAM = """
import json, sys
import keras
import numpy as np
from bach_tf.models import MODELS

backend = keras.backend.backend()
if backend == "jax":
    from jax import jit as compiled  # an operation at a time, JAX compiles each of them
else:
    compiled = lambda function: function
found = {}
for number, (name, settings) in enumerate(json.loads(sys.argv[1])):
    keras.utils.set_random_seed(number)
    model = MODELS[name].load()(20, **settings)
    model.build((1, 2))
    ids = np.random.default_rng(0).integers(1, 20, (2, 12), np.int32)
    variables = model.trainable_variables, model.non_trainable_variables
    values = [[variable.value for variable in group] for group in variables]
    whole, _ = compiled(model.stateless_call)(*values, keras.ops.convert_to_tensor(ids))
    whole = keras.ops.convert_to_numpy(whole)
    step = compiled(model.step)
    state, parts = model.initial_state(2), []
    for t in range(12):
        logits, state = step(keras.ops.convert_to_tensor(ids[:, t]), state)
        parts.append(keras.ops.convert_to_numpy(logits))
    before = [np.array(weights) for weights in model.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    lost = model.fit(ids[:, :-1], ids[:, 1:], batch_size=2, verbose=0).history["loss"][0]
    moved = sum(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    apart = float(np.abs(whole - np.stack(parts, axis=1)).max())
    found[f"{name} {number}"] = {"apart": apart, "moved": moved, "loss": float(lost)}
print(json.dumps({"backend": backend, "models": found}))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_model_builds_steps_and_trains_on_other_backends(backend):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    cases = [(name, settings) for name in MODELS for settings in SMALL[name]]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(cases)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={
            **os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiled once, run a few times
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == backend
    assert len(found["models"]) == len(cases)
    for name, model in found["models"].items():
        assert model["apart"] < 1e-4, name
        assert model["moved"] > 1, name
        assert np.isfinite(model["loss"]), name


@pytest.fixture
def switch():
    """Put the switch back as it was."""
    yield cpu.use
    cpu.use(True)


def after_a_training_step(name):
    """Return the loss and the weights of a fresh model after one batch."""
    keras.utils.set_random_seed(1)
    model = MODELS[name].load()(VOCAB_SIZE, **ROOMY[name])
    model.build((1, 2))
    ids = np.random.default_rng(0).integers(1, VOCAB_SIZE, (4, 9), np.int32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    lost = model.train_on_batch(ids[:, :-1], ids[:, 1:])
    return float(lost), model.get_weights()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_training_step_is_the_same_without_what_is_faster_on_a_cpu(name, switch):
    loss, weights = after_a_training_step(name)
    switch(False)
    assert not cpu.enabled()
    plain_loss, plain_weights = after_a_training_step(name)
    assert plain_loss == pytest.approx(loss, abs=1e-5)
    for mine, plain in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(mine, plain, atol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_the_switch_decides_who_computes_a_training_step(kind, switch, monkeypatch):
    from bach_tf.models.cpu import recurrence

    calls = []
    window = getattr(recurrence, f"{kind}_window")
    monkeypatch.setattr(
        recurrence, f"{kind}_window", lambda *given: (calls.append(1), window(*given))[1]
    )
    switch(False)
    after_a_training_step(kind)
    assert not calls
    switch(True)
    after_a_training_step(kind)
    assert calls


def test_the_environment_switches_it_off():
    code = "from bach_tf.models import cpu; print(cpu.enabled())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "BACH_TF_CPU": "0"},
    )  # fmt: skip
    assert done.stdout == "False\n"
