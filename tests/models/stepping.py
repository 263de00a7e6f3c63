"""What the tests of models have in common: a piece read one token after another."""

import numpy as np
import tensorflow as tf


def stepped_logits(model, ids):
    """Return the logits `(B, T, V)` that `step` gives; compiled, as the sampler does it."""
    step, state, logits = tf.function(model.step), model.initial_state(len(ids)), []
    for column in ids.T:
        out, state = step(tf.constant(column), state)
        logits.append(out.numpy())
    return np.stack(logits, axis=1)
