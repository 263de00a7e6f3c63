"""Scores of intervals: what they see, and that they move with the music."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.intervals import LOWER, UPPER, IntervalScores

CODEC = SatbCodec(lowest=40, highest=80)
SOPRANO, BASS = 0, 3
FIFTH, OCTAVE = 7, 0  # classes of intervals


@pytest.fixture(scope="module")
def layer():
    """Return a layer whose tables say something."""
    layer = IntervalScores(CODEC.vocab_size)
    layer(*steps([72, 67, 64, 48], [72, 67, 64, 48]))
    numbers = np.random.default_rng(0)
    for weights in layer.weights:
        weights.assign(numbers.normal(size=weights.shape))
    return layer


def fresh(**tables):
    """Return a layer of which the given entries of a table are 1 and all else 0."""
    layer = IntervalScores(CODEC.vocab_size)
    layer(*steps([72, 67, 64, 48], [72, 67, 64, 48]))
    for name, entries in tables.items():
        weights = getattr(layer, name)
        table = np.zeros(weights.shape, np.float32)
        for entry in entries:
            table[entry] = 1
        weights.assign(table)
    return layer


def steps(last, now):
    """Return MIDI pitches as two batches of one step: int32 `(1, 1, 4)` each; 0 is a rest."""
    ids = np.array([[CODEC.pitch_ids[last]], [CODEC.pitch_ids[now]]], np.int32)
    return ids[:1], ids[1:]


def scores(layer, last, now):
    """Return the score of each pitch 40..80 for each voice: `(4, 41)`."""
    out = ops.convert_to_numpy(layer(*steps(last, now)))[0, 0]
    return out[:, CODEC.FIRST_PITCH :]


def test_fresh_tables_say_nothing():
    assert not scores(fresh(), [72, 67, 64, 48], [74, 67, 62, 47]).any()


def test_a_parallel_fifth_is_told_by_its_table():
    # The bass has the twelfth below the soprano, which has moved from G4 to A4.
    pair = next(n for n, pair in enumerate(zip(UPPER, LOWER)) if pair == (SOPRANO, BASS))
    below = -FIFTH % 12  # from the upper voice down
    layer = fresh(motions=[(pair, 1, below, below)])
    found = scores(layer, [67, 60, 55, 48], [69, 60, 55, 40])
    assert (np.flatnonzero(found[BASS]) + 40).tolist() == [50, 62, 74]  # each D
    assert not found[:BASS].any()
    # Where the soprano stays, or had another interval, nothing is parallel.
    assert not scores(layer, [67, 60, 55, 48], [67, 60, 55, 40]).any()
    assert not scores(layer, [67, 60, 55, 47], [69, 60, 55, 40]).any()


def test_a_leap_and_a_distance_are_told_by_theirs():
    middle = CODEC.vocab_size - 1
    layer = fresh(leaps=[(SOPRANO, middle + 2)], spaces=[(0, middle - 12)])
    found = scores(layer, [67, 60, 55, 48], [69, 60, 55, 48])
    assert (np.flatnonzero(found[SOPRANO]) + 40).tolist() == [69]  # a tone above G4
    assert (np.flatnonzero(found[1]) + 40).tolist() == [57]  # an octave below the new soprano
    assert not found[2:].any()


def test_a_rest_has_no_intervals(layer):
    found = ops.convert_to_numpy(layer(*steps([0, 0, 0, 0], [0, 0, 0, 0])))[0, 0]
    assert not found.any()
    # Beside notes, nothing is said of ids that are no pitches.
    found = ops.convert_to_numpy(layer(*steps([72, 67, 64, 48], [74, 67, 62, 47])))[0, 0]
    assert not found[:, : CODEC.FIRST_PITCH].any()
    assert found[:, CODEC.FIRST_PITCH :].all()


def test_a_voice_does_not_see_itself_or_those_below(layer):
    last, now = [72, 67, 64, 48], [74, 65, 62, 50]
    before = scores(layer, last, now)
    for voice in range(4):
        changed = [*now[:voice], *(pitch - 3 for pitch in now[voice:])]
        after = scores(layer, last, changed)
        np.testing.assert_array_equal(after[: voice + 1], before[: voice + 1])
        if voice < 3:
            assert not np.allclose(after[voice + 1 :], before[voice + 1 :])


@pytest.mark.parametrize("last", [[72, 67, 64, 48], [72, 0, 64, 48]])
def test_one_voice_alone_has_the_scores_that_it_has_among_all(layer, last):
    before, chord = steps(last, [71, 67, 0, 50])
    every = ops.convert_to_numpy(layer(before, chord))[0, 0]
    for voice in range(4):
        written = np.where(np.arange(4) < voice, chord[0], 0)
        one = ops.convert_to_numpy(layer.one(voice, before[0], written, layer.tables()))
        np.testing.assert_allclose(one[0], every[voice], atol=1e-5)


pitches = st.lists(st.integers(52, 68), min_size=4, max_size=4)


@settings(max_examples=25, deadline=None)
@given(last=pitches, now=pitches, shift=st.integers(-12, 12))
def test_scores_move_with_the_music(layer, last, now, shift):
    keras.utils.set_random_seed(0)
    here = scores(layer, last, now)
    there = scores(layer, [p + shift for p in last], [p + shift for p in now])
    kept = here[:, max(0, -shift) : 41 - max(0, shift)]
    moved = there[:, max(0, shift) : 41 - max(0, -shift)]
    np.testing.assert_allclose(moved, kept, atol=1e-5)
