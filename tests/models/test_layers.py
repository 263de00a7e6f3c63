import keras
import numpy as np
import pytest
from keras import ops

from bach_tf.models.layers import QUERIES, Dropout, RelativeAttention, gelu


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5])
def test_dropout_leaves_out_a_share_and_raises_the_others(rate):
    dropped = np.array(Dropout(rate, seed=1)(ops.ones((100, 101, 7)), training=True))
    assert set(np.unique(dropped)) == {0, np.float32(1) / np.float32(1 - rate)}
    assert np.mean(dropped == 0) == pytest.approx(rate, abs=0.005)
    # Neighbours are independent of each other, though four are cut from one number.
    left_out = (dropped == 0).ravel()
    for distance in (1, 2, 3, 4):
        both = np.mean(left_out[:-distance] & left_out[distance:])
        assert both == pytest.approx(rate**2, abs=0.005)


def test_dropout_draws_anew_and_repeats_itself_with_its_seed():
    x = ops.ones((40, 10))
    first, again = Dropout(0.5, seed=2), Dropout(0.5, seed=2)
    one, other = first(x, training=True), first(x, training=True)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, again(x, training=True))
    np.testing.assert_array_equal(first(x), x)
    np.testing.assert_array_equal(Dropout(0.0)(x, training=True), x)


def test_dropout_keeps_whole_rows_together():
    dropped = np.array(
        Dropout(0.5, noise_shape=(None, 1), seed=0)(ops.ones((50, 3)), training=True)
    )
    assert set(map(tuple, dropped)) == {(0, 0, 0), (2, 2, 2)}


@pytest.mark.parametrize("rate", [1, 1.5, -0.1])
def test_dropout_of_all_is_refused(rate):
    with pytest.raises(
        ValueError, match=f"`rate` must be at least 0 and below 1. Received: {rate}"
    ):
        Dropout(rate)


def test_gelu_is_that_of_keras():
    x = np.linspace(-20, 20, 4001).astype(np.float32)
    np.testing.assert_allclose(gelu(x), ops.gelu(x), atol=2e-6)


@pytest.mark.parametrize("length", [2, QUERIES - 1, QUERIES, QUERIES + 1, 3 * QUERIES])
def test_attention_in_parts_is_attention_one_token_after_another(length):
    keras.utils.set_random_seed(5)
    layer = RelativeAttention(2, context=3 * QUERIES)
    x = keras.random.normal((2, length, 8), seed=6)
    whole = layer(x)
    state, outputs = layer.initial_state(2), []
    for position in range(length):
        moment, (state,) = layer.moment(position, [state])
        out, state = layer.step(x[:, position], moment, state)
        outputs.append(out)
    np.testing.assert_allclose(whole, np.stack(outputs, axis=1), atol=2e-5)


@pytest.mark.parametrize("length", [17, 18, 19, 24, 50])
def test_what_is_older_than_the_context_is_written_over(length):
    keras.utils.set_random_seed(7)
    layer = RelativeAttention(2, context=6)
    x = keras.random.normal((3, length, 8), seed=8)
    whole = layer(x)  # in blocks of the context
    state, outputs = layer.initial_state(3), []
    for position in range(length):
        moment, (state,) = layer.moment(position, [state])
        out, state = layer.step(x[:, position], moment, state)
        outputs.append(out)
    assert state[0].shape == (3, 2, 6, 4)
    np.testing.assert_allclose(whole, np.stack(outputs, axis=1), atol=2e-5)
    # A token that has fallen out of the context no longer counts.
    changed = np.array(x)
    changed[:, length - 7] += 9
    np.testing.assert_allclose(layer(changed)[:, -1], whole[:, -1], atol=1e-6)
    changed[:, length - 6] += 9
    assert np.abs(layer(changed)[:, -1] - whole[:, -1]).max() > 1e-3
