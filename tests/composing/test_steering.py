"""Progress of the compiled loops, and stopping them."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.composing.finishing import Finisher
from bach_tf.composing.given import Given
from bach_tf.composing.particles import ParticleSampler
from bach_tf.composing.sampling import Sampler
from bach_tf.composing.steering import steered

CODEC = SatbCodec(60, 63)
SHORT, LONG = 10, 20_000  # steps of four voices; the latter take many seconds


class Counted:
    """A model without preferences, which counts its steps."""

    def __init__(self):
        self.steps = tf.Variable(0)

    def initial_state(self, batch):
        return tf.zeros([batch], tf.int32)

    def step(self, ids, state):
        self.steps.assign_add(1)
        return tf.zeros([tf.size(ids), CODEC.vocab_size]), state + 1


class StoppedError(Exception):
    pass


def plain(model, outputs):
    sampler = Sampler(model, CODEC)
    how = {"temperature": 1.0, "seed": 1, "num_outputs": outputs}

    def sample(steps, **more):
        return sampler.sample([CODEC.START], length=4 * steps, min_length=4 * steps, **how, **more)

    return sample


def filtering(model, outputs):
    sampler = ParticleSampler(model, CODEC)
    how = {"seed": 1, "num_outputs": outputs, "particles": 2}
    return lambda steps, **more: sampler.sample(Given.nothing(steps), **how, **more).ids


def finishing(model, outputs):
    sampler = Finisher(ParticleSampler(model, CODEC))
    how = {"temperature": 1.0, "seed": 1, "num_outputs": outputs}
    return lambda steps, **more: sampler.sample([CODEC.START], length=4 * steps, **how, **more)


def stop(error):
    def report(done):
        assert done < 1
        if done > 0:
            raise error

    return report


@pytest.mark.parametrize(
    ("kind", "outputs", "error"),
    [
        (plain, 1, StoppedError),
        (plain, 16, KeyboardInterrupt),
        (filtering, 1, KeyboardInterrupt),
        (filtering, 2, StoppedError),
        (finishing, 1, StoppedError),
    ],
)
def test_a_loop_is_stopped_by_its_report_and_works_afterwards(kind, outputs, error):
    model, heard = Counted(), []
    sample = kind(model, outputs)
    short = sample(SHORT, progress=heard.append)
    assert heard[-1] == 1
    assert heard == sorted(heard)
    with pytest.raises(error):
        sample(LONG, progress=stop(error))
    done = int(model.steps.numpy())
    assert done < 4 * LONG
    np.testing.assert_array_equal(sample(SHORT), short)
    # The stopped loop does not go on in the background.
    assert int(model.steps.numpy()) - done <= 2 * (4 * SHORT + 1)


def test_calls_of_one_loop_at_the_same_time_do_not_stop_each_other():
    sample, found = plain(Counted(), 1), []
    whole = sample(500)
    other = threading.Thread(target=lambda: found.append(sample(500)))
    other.start()
    with pytest.raises(StoppedError):
        sample(LONG, progress=stop(StoppedError))
    other.join()
    np.testing.assert_array_equal(found[0], whole)


def test_errors_of_a_loop_are_raised_to_its_caller():
    def fails(*counters):
        raise ValueError("no memory")

    with pytest.raises(ValueError, match=r"^no memory"):
        steered(fails, parts=1, steps=1)
