"""The contract of every entry of `MODELS`."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from stepping import stepped_logits

from bach_tf.codecs import SatbCodec
from bach_tf.learning.runs import build_model
from bach_tf.models import MODELS
from bach_tf.models.architectures import Dropout, Width
from bach_tf.models.memory import Memory
from bach_tf.models.rules import HASTE
from bach_tf.recipes import PRESETS, changed

CODEC = SatbCodec(lowest=55, highest=70)  # a vocabulary of 20

# Beside the tiny settings that every entry has: what an architecture offers, switched on.
MORE = {
    "gru": [
        {
            "units": 6,
            "layers": 2,
            "layer_norm": True,
            "l2": 1e-3,
            "recurrent_dropout": 0.1,
            "period": 8,
            "rules": [0, 3, 1, 2],
        },
    ],
    "wavenet": [
        {
            "units": 8,
            "filters": [6, 8],
            "kernel_size": 3,
            "embedding": 4,
            "dropout": 0.3,
            "period": 16,
            "rules": [0, 1, 2, 3],
        },
    ],
    "lstm": [
        {
            "embedding": 6,
            "units": 8,
            "layers": 2,
            "dense": [12, 10],
            "batch_norm": True,
            "dropout": 0.1,
        },
    ],
    "chorale": [
        # Longer pieces than the context and than the farthest lag, and all that the preset has.
        {
            "layers": 2,
            "units": 16,
            "heads": 2,
            "feed_forward": 24,
            "context": 3,
            "decoder": 12,
            "embedding": 8,
            "period": 12,
            "lags": 1,
            "order": [0, 3, 1, 2],
            "rules": True,
            "moved_notes": 0.1,
            "memory": Memory(np.random.default_rng(4).integers(3, 20, (2, 9, 4))).to_text(),
        },
    ],
    "transformer": [
        # Longer pieces than the context, and places that are named.
        {
            "layers": 2,
            "units": 16,
            "heads": 4,
            "feed_forward": 24,
            "context": 6,
            "period": 4,
            "attention_dropout": 0.1,
            "rules": [3, 2, 1, 0],
        },
    ],
}
SMALL = {name: [entry.tiny, *MORE.get(name, [])] for name, entry in MODELS.items()}


def roomy(entry):
    """Return settings with which a model can memorise a batch: no dropout, and some width."""
    grown = {name: 4 * entry.tiny[name] for name in entry.named(Width) if name in entry.tiny}
    return {**entry.tiny, **grown, **dict.fromkeys(entry.named(Dropout), 0.0)}


ROOMY = {name: roomy(entry) for name, entry in MODELS.items()}
CASES = [(name, settings) for name in MODELS for settings in SMALL[name]]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{len(case[1])}")
def model(request):
    name, settings = request.param
    keras.utils.set_random_seed(1)
    model = MODELS[name].load()(CODEC.vocab_size, **settings)
    model(np.zeros((1, 2), np.int32))
    # As after some training: what a layer has counted is not what it began with, nor are rules.
    numbers = np.random.default_rng(2)
    rules = [weight for weight in model.trainable_weights if weight.name == "rules"]
    for variable in (*model.non_trainable_weights, *rules):
        variable.assign(variable + numbers.uniform(0, 0.5, variable.shape))
    return model


def random_ids(batch, length, seed=0):
    return np.random.default_rng(seed).integers(1, CODEC.vocab_size, (batch, length), np.int32)


def logits(model, ids):
    return ops.convert_to_numpy(model(ids, training=False))


def test_logits_have_a_score_for_each_id(model):
    out = logits(model, random_ids(3, 7))
    assert out.shape == (3, 7, CODEC.vocab_size)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


def test_no_logit_sees_a_later_id(model):
    ids = random_ids(2, 12)
    before = logits(model, ids)
    for position in (1, 5, 11):
        changed = ids.copy()
        changed[:, position:] = random_ids(2, 12 - position, seed=9)
        after = logits(model, changed)
        np.testing.assert_allclose(after[:, :position], before[:, :position], atol=1e-5)
        assert not np.allclose(after[:, position:], before[:, position:], atol=1e-5)


def test_a_step_at_a_time_gives_the_same_logits(model):
    ids = random_ids(3, 20)
    np.testing.assert_allclose(stepped_logits(model, ids), logits(model, ids), atol=1e-4)


def test_rows_of_a_batch_do_not_see_each_other(model):
    ids = random_ids(3, 9)
    together = logits(model, ids)
    for row in range(3):
        np.testing.assert_allclose(logits(model, ids[row : row + 1])[0], together[row], atol=1e-5)


def test_dropout_is_on_in_training_only(model):
    ids = random_ids(2, 9)
    np.testing.assert_array_equal(logits(model, ids), logits(model, ids))
    trained = ops.convert_to_numpy(model(ids, training=True))
    assert not np.allclose(trained, logits(model, ids))


def test_weights_are_saved_and_loaded(model, tmp_path, request):
    name, settings = request.node.callspec.params["model"]
    model.save_weights(tmp_path / "a.weights.h5")
    other = MODELS[name].load()(CODEC.vocab_size, **settings)
    other(np.zeros((1, 2), np.int32))
    ids = random_ids(2, 9)
    assert not np.allclose(logits(other, ids), logits(model, ids))
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(logits(other, ids), logits(model, ids))


@pytest.mark.parametrize("name", MODELS)
def test_one_batch_can_be_memorised(name):
    keras.utils.set_random_seed(1)
    model = MODELS[name].load()(CODEC.vocab_size, **ROOMY[name])
    model.compile(
        optimizer=keras.optimizers.Adam(0.02),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ids = random_ids(2, 17)
    for _ in range(80):
        loss = model.train_on_batch(ids[:, :-1], ids[:, 1:])
    assert loss < 0.1


def test_the_layers_of_a_gru_are_twice_the_vocabulary():
    model = MODELS["gru"].load()(CODEC.vocab_size)
    assert [layer.units for layer in model.recurrent] == [40, 40, 40]


def test_the_wavenet_recipe_has_the_weights_it_reports():
    # With its own 47 ids: 46 pitches and silence.
    model = MODELS["wavenet"].load()(47)
    model(random_ids(1, 3) % 47)
    assert model.count_params() == 396_810


@pytest.mark.parametrize("name", ["gru", "transformer", "wavenet"])
def test_rules_score_the_notes_after_what_each_voice_has_written(name):
    keras.utils.set_random_seed(1)
    order = [0, 3, 1, 2]
    with_rules, without = (
        MODELS[name].load()(CODEC.vocab_size, **MODELS[name].tiny, rules=rules)
        for rules in (order, None)
    )
    ids = random_ids(2, 21)
    for model in (with_rules, without):
        model(ids)
    learned = [weight for weight in with_rules.weights if weight.name != "rules"]
    for own, other in zip(without.weights, learned):
        own.assign(other)
    np.testing.assert_array_equal(logits(with_rules, ids), logits(without, ids))  # nothing yet
    weights = np.random.default_rng(0).normal(size=(4, 6)) / HASTE
    with_rules.rules.scores.weights_of_rules.assign(weights)
    steps = ids[:, 1:].reshape(2, 5, 4)
    last = np.concatenate([np.full((2, 1, 4), CODEC.START, np.int32), steps[:, :-1]], axis=1)
    scores = ops.convert_to_numpy(with_rules.rules.scores(last, steps)).reshape(2, 20, -1)
    found = logits(with_rules, ids) - logits(without, ids)
    assert np.abs(scores).max() > 0.1
    np.testing.assert_allclose(found[:, 4:20], scores[:, 4:], atol=1e-4)
    np.testing.assert_allclose(stepped_logits(with_rules, ids), logits(with_rules, ids), atol=1e-4)
    assert with_rules.undecayed() == [with_rules.rules.scores.weights_of_rules]
    assert without.undecayed() == []


@pytest.mark.parametrize("name", ["gru", "transformer", "wavenet"])
def test_places_come_again_after_a_period(name):
    keras.utils.set_random_seed(1)
    model = MODELS[name].load()(CODEC.vocab_size, **MODELS[name].tiny, period=4)
    ids = random_ids(1, 9)
    before = logits(model, ids)[0]
    assert model.place.embeddings.shape[0] == 4
    moved = np.zeros(model.place.embeddings.shape)
    moved[2] = np.random.default_rng(0).normal(size=moved.shape[1])  # the third token of a step
    model.place.embeddings.assign_add(moved)
    changed = np.abs(logits(model, ids)[0] - before).max(axis=1) > 1e-6
    assert changed.tolist() == [False] * 2 + [True] * 7


def test_l2_adds_to_the_loss():
    plain, penalised = (
        MODELS["gru"].load()(CODEC.vocab_size, units=4, l2=l2) for l2 in (0.0, 1e-2)
    )
    for model in (plain, penalised):
        model(random_ids(1, 3))
    assert plain.losses == []
    assert len(penalised.losses) == 7  # two kernels of each layer, and the softmax layer's
    assert all(float(loss) > 0 for loss in penalised.losses)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_survives_json(name):
    preset = PRESETS[name]
    again = type(preset).from_config(json.loads(json.dumps(preset.to_config())))
    assert again == preset
    model = build_model(changed(preset, seed=1), CODEC)
    assert model.count_params() > 0
