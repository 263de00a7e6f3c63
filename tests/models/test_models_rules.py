"""The rules of four-part writing, note by note."""

import keras
import numpy as np
import pytest
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.models.chorale import Chorale
from bach_tf.models.layers import MovedNotes
from bach_tf.models.recurrent import StackedGRU
from bach_tf.models.rules import FEATURES, HASTE, RuleScores
from bach_tf.models.steps import TokenRules

C, D, E, G, A, R = 16, 18, 20, 23, 25, SatbCodec.SILENT
SIZE = 50
NATURAL = [0, 1, 2, 3]


def broken_by(last, chord, voice, pitch, order=NATURAL):
    """Return the rules that a pitch of one voice would break against the first voice."""
    layer = RuleScores(SIZE, order)
    last, chord = (np.array([[each]], np.int32) for each in (last, chord))
    found = layer.broken(last, chord)
    pair = {1: 0, 2: 1, 3: 2}[voice]  # with the first voice
    return {name for name, each in zip(FEATURES, found) if np.asarray(each)[0, 0, pair, pitch]}


@pytest.mark.parametrize(
    ("last", "above", "pitch", "rules"),
    [
        ([G, C], A, D, {"parallel fifth"}),
        ([G, C], A, C, set()),  # one of them stays
        ([G, C], A, D - 12, {"parallel fifth"}),  # by contrary motion
        ([C + 12, C], D + 12, D, {"parallel octave"}),
        ([E + 12, C], G + 12, G, {"direct octave"}),
        ([E, C], G + 7, G, {"direct fifth"}),
        ([E, C], C, G - 12, set()),  # a fourth
        ([G, C], E, G, {"voices out of order"}),
        ([G, C], E, E, {"unison"}),
        ([R, C], E, E, set()),  # nothing is known of a voice that was silent
        ([G, C], R, E, set()),
    ],
)
def test_rules_of_two_voices(last, above, pitch, rules):
    found = broken_by([last[0], last[1], R, R], [above, R, R, R], 1, pitch)
    assert found == rules


def test_a_lower_voice_that_is_written_first_is_crossed_from_above():
    order = [0, 3, 1, 2]
    assert broken_by([E + 12, C, G, A], [E + 12, R, R, R], 1, G + 24, order) == {
        "voices out of order"
    }
    layer = RuleScores(SIZE, order)
    chords = np.array([[[E + 12, C, R, R]]], np.int32)  # soprano, bass
    crossed = np.asarray(layer.broken(np.array([[[E, C, D, D]]], np.int32), chords)[4])[0, 0]
    pairs = {(0, 1): 0, (0, 2): 1, (0, 3): 2, (1, 2): 3, (1, 3): 4, (2, 3): 5}
    assert crossed[pairs[1, 2], C - 1]  # an alto below the bass
    assert not crossed[pairs[1, 2], C + 1]


def test_weights_move_fast_and_their_gradient_is_their_own():
    layer = RuleScores(SIZE, NATURAL)
    last, chords = np.array([[[G, C, R, R]]], np.int32), np.array([[[A, D, R, R]]], np.int32)
    assert not np.asarray(layer(last, chords)).any()
    stored = np.zeros(layer.weights_of_rules.shape, np.float32)
    stored[1, FEATURES.index("parallel fifth")] = -0.1
    layer.weights_of_rules.assign(stored)
    scores = np.asarray(layer(last, chords))[0, 0]
    np.testing.assert_allclose(scores[1, D], -0.1 * HASTE, rtol=1e-6)
    assert scores[1, C] == 0


def test_one_voice_alone_has_the_scores_that_it_has_among_all():
    numbers = np.random.default_rng(0)
    layer = RuleScores(SIZE, [0, 3, 1, 2])
    last, chords = (numbers.integers(3, SIZE, (2, 5, 4), np.int32) for _ in range(2))
    layer(last, chords)
    layer.weights_of_rules.assign(numbers.normal(size=(4, len(FEATURES))))
    every = np.asarray(layer(last, chords))
    for voice in range(4):
        written = np.where(np.arange(4) < voice, chords, 0)[:, 2]
        one = np.asarray(layer.one(voice, last[:, 2], written, layer.scaled()))
        np.testing.assert_allclose(one, every[:, 2, voice], atol=1e-5)


def test_weight_decay_leaves_rules_and_vectors_alone():
    model = Chorale(
        SIZE, layers=1, units=8, heads=2, feed_forward=8, decoder=8, embedding=4, rules=True
    )
    model(np.zeros((1, 2), np.int32))
    undecayed = {id(weight) for weight in model.undecayed()}
    decayed = [weight.name for weight in model.trainable_weights if id(weight) not in undecayed]
    assert set(decayed) == {"embeddings", "kernel", "distances", "above", "own"}
    assert id(model.rules.weights_of_rules) in undecayed
    assert id(model.writer.trust.embeddings) in undecayed


def test_a_share_of_the_notes_is_moved_by_a_few_semitones():
    keras.utils.set_random_seed(0)
    layer = MovedNotes(0.1, lowest=4, vocab_size=30)
    ids = np.random.default_rng(0).integers(0, 30, (50, 100, 4)).astype(np.int32)
    moved = ops.convert_to_numpy(layer(ids, training=True))
    distance = moved - ids
    pitches = ids >= 4
    assert not distance[~pitches].any()
    assert 0.07 < (distance[pitches] != 0).mean() < 0.1  # one way in nine is not to move
    assert np.abs(distance).max() == 4
    assert moved[pitches].min() == 4
    assert moved.max() == 29
    np.testing.assert_array_equal(layer(ids), ids)


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_share_of_moved_notes_that_cannot_be(rate):
    with pytest.raises(ValueError, match=r"`rate` must be in 0\.\.1"):
        MovedNotes(rate, lowest=4, vocab_size=9)


@pytest.mark.parametrize(
    "make",
    [
        lambda order: Chorale(SIZE, order=order),
        lambda order: RuleScores(SIZE, order),
        lambda order: TokenRules(SIZE, order),
        lambda order: StackedGRU(SIZE, rules=order),
    ],
)
def test_an_order_that_is_none(make):
    with pytest.raises(ValueError, match="`order` must be a permutation of 0, 1, 2 and 3"):
        make([0, 1, 2, 2])


def test_rules_token_by_token_are_those_of_steps():
    numbers = np.random.default_rng(1)
    layer = TokenRules(SIZE, [0, 3, 1, 2])
    ids = numbers.integers(3, SIZE, (2, 18), np.int32)
    ids[0, 0] = SatbCodec.START
    assert not np.asarray(layer(ids)).any()  # as long as nothing is learned
    layer.scores.weights_of_rules.assign(numbers.normal(size=(4, len(FEATURES))))
    every = np.asarray(layer(ids))
    assert every.shape == (2, 18, SIZE)
    assert (np.abs(every).max(axis=(0, 2)) > 0).tolist() == [False] * 4 + [
        number % 4 > 0 for number in range(4, 18)
    ]  # the first voice of a step has nothing beside it, and the first step nothing before it
    state = layer.initial_state(2)
    for position, column in enumerate(ids.T):
        scores, state = layer.step(column, ops.convert_to_tensor(position), state)
        np.testing.assert_allclose(np.asarray(scores), every[:, position], atol=1e-5)
