"""What the chorale model counts by itself, and that it uses it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from stepping import stepped_logits

from bach_tf.codecs import SatbCodec
from bach_tf.models import MODELS, Chorale, repeats
from bach_tf.models.architectures import Dropout

CODEC = SatbCodec(lowest=55, highest=70)
START = CODEC.START
LAGS = np.array([1, 2, 3, 5], np.int32)
SMALL = MODELS["chorale"].tiny
STILL = dict.fromkeys(MODELS["chorale"].named(Dropout), 0.0)


def as_array(x):
    return ops.convert_to_numpy(x)


def columns(*voices):
    """Return the steps `(1, N, 4)` of four voices, a digit for each step."""
    return np.array([[int(digit) for digit in voice] for voice in voices], np.int32).T[None]


def test_how_long_each_voice_has_held_its_note():
    chords = columns("4445", "4544", "4444", "4454")
    assert as_array(repeats.held_lengths(chords))[0].T.tolist() == [
        [1, 2, 3, 1],
        [1, 1, 1, 2],
        [1, 2, 3, 4],
        [1, 2, 1, 1],
    ]


def test_runs_count_up_to_the_longest():
    same = np.array([[1, 1, 0, *[1] * 40]], np.int32)
    runs = as_array(repeats.run_lengths(same))[0].tolist()
    assert runs == [1, 2, 0, *range(1, 33), *[32] * 8]


def test_the_steps_some_lags_back():
    chords = columns("456", "456", "456", "789")
    earlier = as_array(repeats.lagged(chords, np.array([1, 2], np.int32)))[0]
    assert earlier[..., 0].tolist() == [[0, 0], [4, 0], [5, 4]]
    assert earlier[..., 3].tolist() == [[0, 0], [7, 0], [8, 7]]


def proposals(chords, lags):
    earlier = repeats.lagged(chords, lags)
    runs = repeats.run_lengths(repeats.matches(chords, earlier))
    proposed = repeats.propose(chords, earlier, repeats.behind(runs, 1), lags)
    return [as_array(x) for x in proposed]


def test_what_followed_the_same_passage_is_proposed():
    # Steps 4 and 5 repeat 0 and 1, so 6 is expected to be as 2; the alto differs before.
    chords = columns("4567456", "4567856", "4567456", "4567456")
    ids, lengths, _ = proposals(chords, np.array([4], np.int32))
    assert ids[0, 6].tolist() == [[6, 6]] * 4
    # All voices agree for one step only; the others but the alto do for two.
    assert lengths[0, 6].tolist() == [[1, 2], [1, 1], [1, 2], [1, 2]]


def test_a_figure_that_goes_round_is_no_longer_than_itself():
    chords = columns(*["4545454545"] * 4)
    ids, lengths, lags = proposals(chords, np.array([2, 4], np.int32))
    # Eight steps are alike two steps back; four of them count, those of the longer lag.
    assert ids[0, 9].tolist() == [[5, 5]] * 4
    assert lengths[0, 9].tolist() == [[4, 4]] * 4
    assert lags[0, 9].tolist() == [[1, 1]] * 4


def test_a_voice_above_that_differs_ends_the_passage_for_those_below():
    chords = columns("456745", "456745", "456745", "456745")
    chords[0, 5, 1] = 9  # the alto leaves what it had done
    _, lengths, _ = proposals(chords, np.array([4], np.int32))
    assert lengths[0, 5, :, 0].tolist() == [1, 1, 0, 0]
    assert lengths[0, 5, :, 1].tolist() == [1, 1, 1, 1]


def plain_proposals(steps, lags):
    """The same, one place after the other: each step and voice has two (id, length, lag)."""

    def run(step, lag, voices):
        length = 0
        while length < min(repeats.LONGEST, lag):
            now = step - 1 - length
            if now - lag < 0 or any(steps[now][v] != steps[now - lag][v] for v in voices):
                break
            length += 1
        return length

    found = {}
    for step in range(len(steps)):
        for voice in range(4):
            joint, own = [], []
            for place, lag in enumerate(lags):
                note = steps[step - lag] if step >= lag else [0] * 4
                agree = all(steps[step][v] == note[v] for v in range(voice))
                together = run(step, lag, range(4))
                alone = [run(step, lag, [v]) for v in range(4)]
                weight = (together + 1) * agree
                joint.append(((weight, sum(alone)), note[voice], together * agree, place))
                own.append(((alone[voice], weight), note[voice], alone[voice], place))
            # `max` takes the first, which is the nearest.
            found[step, voice] = tuple(max(each, key=lambda x: x[0])[1:] for each in (joint, own))
    return found


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(3, 4), min_size=4, max_size=4), min_size=9, max_size=9))
def test_proposals_are_those_of_a_plain_search(steps):
    ids, lengths, lags = proposals(np.array([steps], np.int32), LAGS)
    for (step, voice), expected in plain_proposals(steps, LAGS).items():
        pair = zip(*(x[0, step, voice] for x in (ids, lengths, lags)))
        assert tuple(map(tuple, pair)) == expected, (step, voice)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_proposals_to_one_voice_are_those_among_all(seed):
    chords = np.random.default_rng(seed).integers(3, 5, (3, 9, 4)).astype(np.int32)
    earlier = repeats.lagged(chords, LAGS)
    runs = repeats.behind(repeats.run_lengths(repeats.matches(chords, earlier)), 1)
    every = [as_array(x) for x in repeats.propose(chords, earlier, runs, LAGS)]
    for voice in range(4):
        written = np.where(np.arange(4) < voice, chords[:, 8], 0)
        one = repeats.propose_next(voice, written, earlier[:, 8], runs[:, 8], LAGS)
        for mine, among in zip(one, every, strict=True):
            np.testing.assert_array_equal(mine, among[:, 8, voice])


def repetitive_ids(steps=40):
    """Return pieces `(2, 1 + 4 steps)` that hold notes and repeat themselves, with a few slips."""
    numbers = np.random.default_rng(3)
    theme = np.repeat(numbers.integers(4, 8, (2, 6, 4)), 2, axis=1)  # (2, 12, 4)
    piece = np.tile(theme, (1, 4, 1))[:, :steps]
    slips = numbers.random(piece.shape) < 0.04
    piece = np.where(slips, 9, piece).reshape(2, -1)
    return np.concatenate([np.full((2, 1), START), piece], axis=1).astype(np.int32)


@pytest.mark.parametrize("lags", [2, 12])
def test_a_step_at_a_time_counts_the_same_repeats(lags):
    keras.utils.set_random_seed(0)
    model = Chorale(CODEC.vocab_size, **SMALL, lags=lags, context=7)
    ids = repetitive_ids()
    logits = as_array(model(ids))
    writer = model.writer
    for layer in (writer.trust, writer.trust_lag, writer.lengths, writer.lags):
        weights = layer.embeddings
        weights.assign(np.random.default_rng(1).normal(size=weights.shape) * 3)
    assert not np.allclose(as_array(model(ids)), logits, atol=0.1)
    logits = as_array(model(ids))
    np.testing.assert_allclose(stepped_logits(model, ids), logits, atol=1e-4)


def test_a_candidate_that_is_trusted_is_the_likeliest():
    model = Chorale(CODEC.vocab_size, **SMALL)
    ids = repetitive_ids()
    model(ids)
    trust = np.zeros((3, repeats.LONGEST + 1, 1), np.float32)
    trust[1, 4:] = 50.0  # what followed a passage of at least four steps
    model.writer.trust.embeddings.assign(trust.reshape(-1, 1))
    likeliest = as_array(model(ids)).argmax(axis=-1)[:, :-1].reshape(2, -1, 4)
    chords = ids[:, 1:].reshape(2, -1, 4)
    proposed, lengths, _ = proposals(chords, model.lags)
    trusted = lengths[..., 0] >= 4
    assert trusted.sum() > 40
    np.testing.assert_array_equal(likeliest[trusted], proposed[..., 0][trusted])


def test_copying_a_long_passage_is_learned_from_few_pieces():
    keras.utils.set_random_seed(0)
    numbers = np.random.default_rng(0)

    def pieces(count):
        theme = numbers.integers(4, CODEC.vocab_size, (count, 16, 4))
        piece = np.tile(theme, (1, 3, 1)).reshape(count, -1)
        return np.concatenate([np.full((count, 1), START), piece], axis=1).astype(np.int32)

    model = Chorale(CODEC.vocab_size, **SMALL, **STILL)
    model.compile(
        optimizer=keras.optimizers.Adam(0.02),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    train, new = pieces(64), pieces(8)
    model.fit(train[:, :-1], train[:, 1:], epochs=10, batch_size=8, verbose=0)
    logits = ops.log_softmax(model(new[:, :-1]))
    nats = -np.take_along_axis(as_array(logits), new[:, 1:, None], axis=2)[..., 0]
    # Noise cannot be foreseen, and its second and third time is no noise.
    assert nats[:, :64].mean() > 2.5
    assert nats[:, 96:].mean() < 0.2


def test_a_period_ends_with_a_step():
    with pytest.raises(ValueError, match=r"`period` must be a multiple of 4. Received: 6"):
        Chorale(20, period=6)
