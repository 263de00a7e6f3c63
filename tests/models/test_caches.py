"""Caches that a loop writes in place."""

import numpy as np
import pytest
import tensorflow as tf

from bach_tf.models import cpu
from bach_tf.models.cpu import caches
from bach_tf.models.layers import RelativeAttention

LENGTH, UNITS = 11, 8


def written_in_a_loop(layer, first):
    """Return the inputs and outputs of a loop in which each output is the next input."""

    @tf.function(input_signature=[tf.TensorSpec([None, UNITS])], autograph=False)
    def loop(first):
        def step(t, x, state, inputs, outputs):
            moment, (state,) = layer.moment(t, [state])
            out, state = layer.step(x, moment, state)
            return t + 1, tf.tanh(out), state, inputs.write(t, x), outputs.write(t, out)

        arrays = [tf.TensorArray(tf.float32, LENGTH, element_shape=[None, UNITS])] * 2
        with cpu.tracing_a_loop():
            begin = tf.constant(0), first, layer.initial_state(tf.shape(first)[0]), *arrays
            *_, inputs, outputs = tf.while_loop(lambda t, *_: t < LENGTH, step, begin)
        return [tf.transpose(x.stack(), (1, 0, 2)) for x in (inputs, outputs)]

    operations = {
        node.op
        for function in loop.get_concrete_function().graph.as_graph_def().library.function
        for node in function.node_def
    }
    return *loop(first), operations


@pytest.mark.parametrize("context", [6, 32])  # shorter and longer than the piece
@pytest.mark.parametrize("on", [True, False], ids=["in place", "copied"])
def test_a_loop_gives_the_outputs_of_the_layer(context, on, monkeypatch):
    monkeypatch.setattr(caches, "ROOM", 4)
    monkeypatch.setattr(cpu, "_switch", {"on": on, "loop": False})
    layer = RelativeAttention(2, context=context)
    layer.build((None, None, UNITS))
    first = np.random.default_rng(0).normal(size=(3, UNITS)).astype(np.float32)
    inputs, outputs, operations = written_in_a_loop(layer, first)
    np.testing.assert_allclose(outputs, layer(inputs), atol=1e-5)
    assert ("InplaceUpdate" in operations) == on
    # A second call begins with empty caches, and a state outside of loops is never written into.
    np.testing.assert_array_equal(written_in_a_loop(layer, first)[1], outputs)
    moment, (state,) = layer.moment(tf.constant(0), [layer.initial_state(3)])
    layer.step(tf.constant(first), moment, state)
    assert not np.any(state[0])
