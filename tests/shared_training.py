"""Small trainings alone and together, in this process or as a program with its own TensorFlow.

python shared_training.py devices CORPUS RUNS PRESET...
python shared_training.py worker ADDRESSES NUMBER CORPUS RUNS PRESET...

A preset may have changes behind its name, such as gru+model.l2=0.01.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf

from bach_tf import learning
from bach_tf.codecs import SatbCodec
from bach_tf.learning import fitting, runs
from bach_tf.learning.checkpoints import Checkpoint
from bach_tf.learning.workers import following
from bach_tf.learning.workers.following import FollowedCheckpoint
from bach_tf.learning.workers.group import mirrored
from bach_tf.learning.workers.roster import read_roster
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS, changed, on_corpus, override, shrunk

CODEC = SatbCodec(lowest=31, highest=87)
TOLERANCE = 1e-5
UPDATES = 20


def assert_same(name, one, other, tolerance=TOLERANCE):
    """Hold a training to another of the same preset: losses, and weights by how far they moved."""
    assert len(one["losses"]) >= UPDATES
    for what in ("losses", "validation"):
        np.testing.assert_allclose(other[what], one[what], atol=tolerance, err_msg=f"{name} {what}")
    assert one["losses"][-1] < one["losses"][0] - 10 * tolerance, "something is learned"
    moved = np.linalg.norm(np.subtract(one["weights"], one["first"]))
    apart = np.linalg.norm(np.subtract(one["weights"], other["weights"]))
    assert apart < 10 * tolerance * moved, f"{name}: {apart / moved:.1e} of the way"


class Curve(keras.callbacks.Callback):
    """Notes the loss after each update, as averaged since the epoch began."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def small(name, **changes):
    """Return a preset with a tiny model without dropout, for the tiny corpus of four voices.

    The last of its batches has one window, and its gradients are clipped.
    """
    name, *settings = name.split("+")
    preset = on_corpus(PRESETS[name], "chorales")
    # In bfloat16 the rounding depends on how a batch is divided.
    preset = changed(preset, batch_size=3, window=8, stride=4, epochs=4, bfloat16=False)
    preset = shrunk(changed(preset, learning_rate=0.01, clip_norm=0.03))
    model = dict(preset.model.settings)
    model |= {key: 0.0 for key in model if "dropout" in key or key == "moved_notes"}
    model |= {"layers": 2} if name == "gru" else {}
    period = MODELS[preset.model.architecture].period
    model |= {period: 4} if period else {}
    model |= {"memory": False} if "memory" in model else {}
    return override(changed(preset, **{"model": model, **changes}), settings)


def compiled(model, preset, compile_model=fitting.compile_model):
    """Compile a model with an optimiser that follows the size of gradients.

    Adam itself divides by it, which would hide errors in it.
    """
    compile_model(model, preset)
    model.optimizer.epsilon = 0.01


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def train(preset, corpus, folder, group=None):
    """Return the loss of each update, the validation of each epoch, first and final weights."""
    run = runs.create_run(preset, CODEC, folder.name, runs=folder.parent)
    curve, first = Curve(), weights_of(run)
    if group:
        learning.lead(group, run, corpus)
    with patch.object(fitting, "compile_model", compiled):
        learning.train(run, corpus, verbose=0, callbacks=[curve], group=group)
    run.model(np.ones((1, 8), np.int32), training=True)  # as without a group
    assert run.model.optimizer.global_clipnorm == preset.training.clip_norm
    rows = (run.folder / runs.HISTORY).read_text().splitlines()
    column = rows[0].split(",").index("val_nll")
    validation = [float(row.split(",")[column]) for row in rows[1:]]
    weights = {"first": first.tolist(), "weights": weights_of(run).tolist()}
    return {"losses": curve.losses, "validation": validation, **weights}


def on_two_devices(corpus, folder, *names):
    """Train presets with one device and with two; print both as JSON."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    devices = ["cpu:0", "cpu:1"]
    found = {
        name: [
            train(small(name), Path(corpus), Path(folder) / f"{name}-{kind}", group)
            for kind, group in (("one", None), ("two", mirrored(devices)))
        ]
        for name in names
    }
    print(json.dumps(found))


def as_worker(addresses, worker, corpus, folder, *names):
    """Train presets as one of several workers, then once more until worker 1 dies.

    Prints the losses of each, and the weights after each epoch as a hash, as JSON; then the error
    that follows from the death.
    """
    digests = []
    for kind in (Checkpoint, FollowedCheckpoint):
        kind.write = noted(kind.write, digests)
    found = {}
    with learning.joined(read_roster(addresses, int(worker), {}), seconds=300) as group:
        for name in names:
            found[name] = train_together(small(name), Path(corpus), Path(folder) / name, group)
            found[name]["digests"] = [*digests]
            digests.clear()
        print(json.dumps(found), flush=True)
        FollowedCheckpoint.write = lambda self: os.kill(os.getpid(), signal.SIGKILL)
        train_together(small(names[0], epochs=90), Path(corpus), Path(folder) / "dies", group)


def noted(write, digests):
    """Return a method of a checkpoint that also notes a hash of the weights."""

    def note(checkpoint):
        weights = b"".join(each.numpy().tobytes() for each in checkpoint.run.model.weights)
        digests.append(hashlib.sha256(weights).hexdigest())
        write(checkpoint)

    return note


def train_together(preset, corpus, folder, group):
    if group.worker == 0:
        return train(preset, corpus, folder, group)
    following.prepare_corpus = lambda preset: corpus  # it is prepared already
    run, _ = learning.follow(group)
    with patch.object(fitting, "compile_model", compiled):
        learning.train(run, corpus, verbose=0, group=group)
    return {}


if __name__ == "__main__":
    {"devices": on_two_devices, "worker": as_worker}[sys.argv[1]](*sys.argv[2:])
