"""The recurrent layers beside Keras' own: the same outputs, masks and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bach_tf.models import recurrence as layers
from bach_tf.models.cpu import recurrence

KINDS = ("GRU", "LSTM")


def pair(kind, units=6, features=5, **options):
    """Return our layer and Keras' with the same weights, none of them zero."""
    ours = getattr(layers, kind)(units, return_sequences=True, **options)
    theirs = getattr(keras.layers, kind)(units, return_sequences=True, **options)
    numbers = np.random.default_rng(0)
    for layer in (ours, theirs):
        layer.build((None, None, features))
    for mine, its in zip(ours.trainable_weights, theirs.trainable_weights):
        assert mine.shape == its.shape
        value = numbers.normal(0, 0.7, mine.shape)
        mine.assign(value)
        its.assign(value)
    return ours, theirs


def inputs_of(batch, length, features=5, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (batch, length, features)).astype(np.float32)


def outputs_and_gradients(layer, inputs, seed=2):
    """Return the outputs in training, and the gradients of the inputs and the weights."""
    inputs = tf.constant(inputs)
    above = tf.constant(inputs_of(*inputs.shape[:2], layer.units, seed=seed))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    sources = [inputs, *(weight.value for weight in layer.trainable_weights)]
    return outputs, tape.gradient(outputs, sources, output_gradients=above)


def assert_close(ours, theirs):
    for mine, its in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs)):
        scale = max(1.0, float(tf.reduce_max(tf.abs(its))))
        np.testing.assert_allclose(mine / scale, its / scale, atol=1e-5)


@pytest.fixture
def calls(monkeypatch):
    """Count the windows that our own functions compute."""
    calls = []
    for name in ("gru_window", "lstm_window"):
        window = getattr(recurrence, name)
        count = lambda *a, window=window: (calls.append(window), window(*a))[1]  # noqa: E731
        monkeypatch.setattr(recurrence, name, count)
    return calls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("batch", "length"), [(4, 9), (3, 1), (1, 7), (2, 30)])
def test_outputs_and_gradients_are_those_of_keras(kind, batch, length, calls):
    ours, theirs = pair(kind)
    inputs = inputs_of(batch, length)
    assert_close(outputs_and_gradients(ours, inputs), outputs_and_gradients(theirs, inputs))
    assert len(calls) == 2  # halves of the batch


@pytest.mark.parametrize("kind", KINDS)
def test_large_matrices_are_cut_and_give_the_same(kind, monkeypatch):
    monkeypatch.setattr(recurrence, "LARGE", 1)
    ours, theirs = pair(kind)
    inputs = inputs_of(4, 9)
    assert_close(outputs_and_gradients(ours, inputs), outputs_and_gradients(theirs, inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_slope_of_the_outputs(kind):
    ours, _ = pair(kind, units=3, features=2)
    inputs, step = inputs_of(2, 4, 2), 1e-2
    _, (gradient, *_) = outputs_and_gradients(ours, inputs)
    above = inputs_of(2, 4, 3, seed=2)
    for place in np.ndindex(inputs.shape):
        moved = np.zeros_like(inputs)
        moved[place] = step
        up, down = (ours(inputs + sign * moved, training=True) for sign in (1, -1))
        slope = float(tf.reduce_sum((up - down) * above)) / (2 * step)
        assert float(gradient[place]) == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_masks_of_the_dropout_are_those_of_keras(kind):
    ours, theirs = pair(kind, dropout=0.4, seed=3)
    inputs = inputs_of(6, 8)
    for _ in range(2):  # the second time with other masks
        before = outputs_and_gradients(theirs, inputs)
        assert_close(outputs_and_gradients(ours, inputs), before)
    assert not np.allclose(before[0], theirs(inputs, training=False))


@pytest.mark.parametrize("kind", KINDS)
def test_batch_and_length_may_be_unknown_in_a_graph(kind):
    ours, theirs = pair(kind)

    def gradients_of(layer):
        @tf.function(input_signature=[tf.TensorSpec([None, None, 5])])
        def run(inputs):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.sin(layer(inputs, training=True)))
            return loss, tape.gradient(loss, [w.value for w in layer.trainable_weights])

        return run

    for batch, length in ((5, 3), (1, 11), (2, 1)):
        inputs = inputs_of(batch, length)
        assert_close(gradients_of(ours)(inputs), gradients_of(theirs)(inputs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"recurrent_dropout": 0.3, "seed": 4},
        {"go_backwards": True},
        {"activation": "relu"},
        {"use_bias": False},
        {"return_state": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_not_written_out_is_left_to_keras(kind, options, calls):
    ours, theirs = pair(kind, **options)
    inputs = inputs_of(4, 6)
    assert_close(ours(inputs, training=True), theirs(inputs, training=True))
    assert calls == []


@pytest.mark.parametrize("kind", KINDS)
def test_inference_is_left_to_keras(kind, calls):
    ours, theirs = pair(kind)
    assert_close(ours(inputs_of(4, 6)), theirs(inputs_of(4, 6)))
    assert calls == []


def test_a_gru_that_resets_before_its_product_is_left_to_keras(calls):
    ours, theirs = pair("GRU", reset_after=False)
    assert_close(ours(inputs_of(4, 6), training=True), theirs(inputs_of(4, 6), training=True))
    assert calls == []


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_keras_layers_in_a_file_are_found(kind, tmp_path):
    models = []
    for layer in pair(kind):
        model = keras.Sequential([keras.Input((None, 5)), layer])
        models.append(model)
    ours, theirs = models
    path = tmp_path / "a.weights.h5"
    theirs.save_weights(path)
    for weight in ours.weights:
        weight.assign(tf.zeros_like(weight))
    ours.load_weights(path)
    for mine, its in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_goes_as_with_keras(kind):
    losses = []
    for layer in pair(kind, dropout=0.2, seed=5):
        model = keras.Sequential([keras.Input((None, 5)), layer])
        model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
        inputs, targets = inputs_of(10, 7), np.tanh(inputs_of(10, 7, 6, seed=8))
        history = model.fit(inputs, targets, batch_size=4, epochs=3, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert losses[0][-1] < losses[0][0]
