"""Training on two devices of a machine: the same as on one."""

import json

import pytest
from shared_training import TOLERANCE, assert_same
from started import end_of, shared

from bach_tf.learning.callbacks import has_bfloat16
from bach_tf.learning.workers.devices import devices_there, use_device
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS


def check_devices(folder, corpus, *names, tolerance=TOLERANCE):
    status, said, errors = end_of(shared("devices", corpus, folder, *names))
    assert status == 0, errors
    for name, (one, two) in json.loads(said).items():
        assert_same(name, one, two, tolerance)


@pytest.mark.slow
def test_two_devices_train_each_architecture_like_one(tiny_folder, tmp_path):
    first = {preset.model.architecture: name for name, preset in reversed(PRESETS.items())}
    assert set(first) == set(MODELS)
    normalised = "folk+model.batch_norm=True+optimizer=rmsprop+learning_rate=0.001"
    ruled = "transformer+model.rules=True+batch_size=1"
    others = normalised, ruled, "gru+model.l2=0.001"
    check_devices(tmp_path, tiny_folder, *first.values(), *others)


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
def test_two_devices_add_in_float32_what_they_multiply_in_bfloat16(tiny_folder, tmp_path):
    check_devices(tmp_path, tiny_folder, "chorale+bfloat16=True", tolerance=1e-3)


def test_a_device_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"no device gpu:7. This machine has: cpu"):
        use_device("gpu:7")
    assert devices_there()[0] == "cpu"
    assert use_device("cpu") == []
