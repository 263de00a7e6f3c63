import keras
import numpy as np
import tensorflow as tf

from bach_tf.learning.optimizers import Adam


def trained_with(optimizer):
    """Return the weights after some batches: of an embedding, whose gradients are sparse, too."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Embedding(7, 4), keras.layers.Dense(7)])
    model.compile(
        optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    ids = np.random.default_rng(0).integers(0, 6, (12, 5))
    model.fit(ids, (ids * 3 + 1) % 7, batch_size=4, epochs=4, verbose=0, shuffle=False)
    return model.get_weights(), [each.numpy() for each in model.optimizer.variables]


def test_adam_does_what_that_of_keras_does():
    options = {
        "learning_rate": 0.03,
        "weight_decay": 0.1,
        "global_clipnorm": 0.5,
        "use_ema": True,
        "ema_momentum": 0.8,
    }
    ours, our_state = trained_with(Adam(**options))
    theirs, their_state = trained_with(keras.optimizers.Adam(**options))
    for mine, other in zip(ours + our_state, theirs + their_state, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_adam_follows_a_rate_that_changes():
    variable, optimizer = keras.Variable([1.0]), Adam(0.5)
    optimizer.apply_gradients([(tf.constant([2.0]), variable)])
    np.testing.assert_allclose(variable.value, [0.5], atol=1e-5)
    optimizer.learning_rate = 0.25
    optimizer.apply_gradients([(tf.constant([2.0]), variable)])
    np.testing.assert_allclose(variable.value, [0.25], atol=1e-5)
