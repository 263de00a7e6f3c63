"""The sampling loop, against models whose logits are known."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.codecs import PAD, MelodyCodec, SatbCodec
from bach_tf.composing.sampling import SPLIT_BATCHES_FROM, Sampler, draw, keep_top

CODEC = SatbCodec(lowest=60, highest=63)  # pad, start, end, silence, and four pitches
START, END = CODEC.START, CODEC.END


class Scripted:
    """Gives the logits that a function names for the last id and the number of ids read."""

    def __init__(self, function):
        self.function = function

    def initial_state(self, batch_size):
        return (tf.zeros([batch_size], tf.int32),)

    def step(self, ids, state):
        (read,) = state
        return self.function(ids, read), (read + 1,)


def constant(values):
    logits = tf.constant(values, tf.float32)
    return Scripted(lambda ids, read: tf.tile(logits[None], [tf.size(ids), 1]))


def sample(model, prompt=(START,), **options):
    return Sampler(model, CODEC).sample(
        list(prompt), **{"length": 8, "temperature": 1.0, "seed": 0, **options}
    )


def test_temperature_0_takes_the_most_probable_id_that_may_follow():
    ids = sample(constant([9, 9, 0, 1, 3, 2, 1, 0]), temperature=0)
    assert ids.tolist() == [[START] + [4] * 8]


def test_a_piece_opens_as_its_codec_says():
    codec = MelodyCodec(60, 61, metres=[(4, 4), (3, 4)], upbeats=[0, 4])
    # The higher an id, the more probable: holds, upbeats, metres, notes.
    logits = constant(range(codec.vocab_size))
    ids = Sampler(logits, codec).sample([START], length=4, temperature=0, seed=0)
    assert [codec.tokens[number] for number in ids[0, 1:]] == ["3/4", "upbeat:4", "_16", "_16"]
    allowed = np.arange(codec.vocab_size) == codec.FIRST_PITCH  # of steps alone
    prompt = [START, codec.tokens.index("4/4")]
    ids = Sampler(logits, codec).sample(prompt, length=4, temperature=0, seed=0, allowed=allowed)
    assert [codec.tokens[number] for number in ids[0, 1:]] == ["4/4", "upbeat:4", "C4", "C4"]


def test_each_id_is_chosen_by_the_logits_after_the_one_before():
    # The id that follows is the last one plus one, round and round.
    model = Scripted(lambda ids, read: 9.0 * tf.one_hot(3 + (ids - 2) % 5, CODEC.vocab_size))
    assert sample(model, temperature=0).tolist() == [[START, 7, 3, 4, 5, 6, 7, 3, 4]]


def test_the_state_is_carried_and_the_prompt_is_read_into_it():
    # The id depends on how many were read, and so on the prompt's length.
    model = Scripted(lambda ids, read: 9.0 * tf.one_hot(3 + read % 5, CODEC.vocab_size))
    ids = sample(model, prompt=[START, 7, 7, 7], temperature=0)
    assert ids.tolist() == [[START, 7, 7, 7, 6, 7, 3, 4, 5]]


def test_forbidden_ids_never_come():
    ids = sample(constant([5, 5, 5, 0, 0, 0, 0, 0]), length=400, num_outputs=20)
    assert not (ids[:, 1:] == START).any()
    for row in ids:
        ends = np.flatnonzero(row == END)
        assert ends.size <= 1
        if ends.size:
            assert ends[0] % 4 == 1  # where a soprano could stand
            assert (row[ends[0] + 1 :] == PAD).all()
            row = row[: ends[0]]
        assert (row != PAD).all()


def test_a_piece_does_not_end_before_it_has_begun():
    end_at_once = constant([0, 0, 50, 0, 0, 0, 0, 0])
    ids = sample(end_at_once, num_outputs=5)
    assert (ids[:, 1:5] >= CODEC.SILENT).all()
    assert (ids[:, 5] == END).all()
    ids = sample(end_at_once, prompt=[START, 4, 4, 4, 4], length=12)
    assert ids[0, 5] != END
    assert ids[0, 9] == END


def test_no_piece_ends_before_its_least_length():
    end_at_once = constant([0, 0, 50, 0, 0, 0, 0, 0])
    ids = sample(end_at_once, length=40, min_length=12, num_outputs=3)
    assert (ids[:, 1:13] >= CODEC.SILENT).all()
    assert (ids[:, 13] == END).all()
    # A least length beyond the length is no mistake: the piece is cut at the length.
    assert (sample(end_at_once, length=8, min_length=12)[:, 1:] >= CODEC.SILENT).all()


def test_pieces_end_each_at_its_own_time():
    ids = sample(constant([0, 0, 1, 0, 0, 0, 0, 0]), length=80, num_outputs=30, seed=4)
    ends = [int(np.argmax(row == END)) for row in ids if END in row]
    assert len(set(ends)) > 3


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_follow_the_softmax(temperature):
    logits = np.array([0, 0, 0, 1.0, 0.5, -1.0, 2.0, 0.0])
    ids = sample(constant(logits), length=4, num_outputs=8000, temperature=temperature)
    weights = np.exp(logits[3:] / temperature)
    expected = weights / weights.sum()
    drawn = ids[:, 2:5]  # an alto, a tenor, a bass: the end is not allowed there
    counts = np.array([(drawn == token).sum() for token in range(3, 8)])
    assert counts.sum() == drawn.size
    # Chi-squared with four degrees of freedom passes 23.5 once in ten thousand times.
    chi_squared = ((counts - drawn.size * expected) ** 2 / (drawn.size * expected)).sum()
    assert chi_squared < 23.5


def by_hand(logits, temperature, top_k, top_p):
    """Return the probabilities after top-k and top-p, in NumPy."""
    weights = np.exp((logits - logits.max()) / temperature)
    shares = weights / weights.sum()
    kept, mass = [], 0.0
    for token in sorted(range(len(logits)), key=lambda token: (-shares[token], token)):
        if kept and (mass >= top_p or len(kept) == (top_k or len(logits))):
            break
        kept.append(token)
        mass += shares[token]
    out = np.zeros_like(shares)
    out[kept] = shares[kept] / shares[kept].sum()
    return out


@pytest.mark.parametrize("temperature", [0.7, 1.5])
@pytest.mark.parametrize(("top_k", "top_p"), [(1, 1.0), (3, 1.0), (0, 0.6), (4, 0.8), (0, 1e-9)])
def test_frequencies_follow_the_softmax_of_the_most_probable(temperature, top_k, top_p):
    logits = np.array([0, 0, 0, 1.0, 0.5, -1.0, 2.0, 0.0])
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    ids = sample(constant(logits), length=4, num_outputs=6000, **options)
    expected = by_hand(logits[3:], temperature, top_k, top_p)
    drawn = ids[:, 2:5]  # an alto, a tenor, a bass: the end is not allowed there
    counts = np.array([(drawn == token).sum() for token in range(3, 8)])
    assert counts.sum() == drawn.size
    assert not counts[expected == 0].any()
    kept = expected > 0
    wanted = drawn.size * expected[kept]
    # As above; fewer degrees of freedom only make it rarer.
    assert ((counts[kept] - wanted) ** 2 / wanted).sum() < 23.5


@given(
    # Eighths: numbers that differ by less may have the same probability in float32.
    logits=arrays(np.int32, 6, elements=st.integers(-40, 40), unique=True).map(
        lambda eighths: (eighths / 8).astype(np.float32)
    ),
    top_k=st.integers(1, 8),
    top_p=st.floats(0.01, 1.0),
)
def test_the_most_probable_are_those_of_a_plain_loop(logits, top_k, top_p):
    kept = keep_top(logits[None], top_k, tf.constant(top_p, tf.float32))[0].numpy()
    shares = np.sort(np.exp(logits) / np.exp(logits).sum())[::-1].cumsum()
    assume(np.abs(shares - top_p).min() > 1e-4)  # not at an edge, where rounding decides
    expected = by_hand(logits.astype(np.float64), 1.0, top_k, top_p) > 0
    np.testing.assert_array_equal(np.isfinite(kept), expected)


def test_of_equally_likely_ids_top_k_keeps_the_lower_ones():
    kept = keep_top(tf.zeros([1, 5]), 2, tf.constant(1.0))
    assert np.isfinite(kept).tolist() == [[True, True, False, False, False]]


def test_all_ids_are_drawn_from_as_without_options():
    model = constant([0, 0, -9, 0, 1, 2, 0, 0])
    plain = sample(model, length=40, seed=5)
    for options in ({"top_k": 0}, {"top_k": 8}, {"top_k": 99}, {"top_p": 1.0}):
        np.testing.assert_array_equal(sample(model, length=40, seed=5, **options), plain)


def test_only_what_is_allowed_is_drawn():
    # The upper voices have the last two pitches, the lower ones the first two.
    allowed = np.zeros((4, CODEC.vocab_size), bool)
    allowed[:2, 6:], allowed[2:, 4:6] = True, True
    ids = sample(constant([0] * 8), length=80, num_outputs=9, allowed=allowed)[:, 1:]
    voices = ids.reshape(9, -1, 4)
    assert set(voices[..., :2].ravel()) == {6, 7}
    assert set(voices[..., 2:].ravel()) == {4, 5}
    everywhere = np.arange(CODEC.vocab_size) == 5
    assert set(sample(constant([0] * 8), allowed=everywhere)[0, 1:]) == {5}
    every_third = np.tile(everywhere, (3, 1)) | (np.arange(3) > 0)[:, None]
    ids = sample(constant([0, 0, -99, 0, 0, 0, 0, 0]), length=60, allowed=every_third)[0, 1:]
    assert set(ids[::3]) == {5}
    assert len(set(ids)) > 3


def test_draw_inverts_the_cumulative_distribution():
    logits = tf.math.log([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    allowed = tf.constant([True, True, True])
    for chance, expected in ((0.0, [0, 0]), (0.3, [0, 1]), (0.6, [1, 2]), (0.99, [2, 2])):
        ids = draw(logits, allowed, tf.fill([2], chance), tf.constant(1.0))
        assert ids.numpy().tolist() == expected


def test_draw_takes_no_forbidden_id_even_at_the_edges():
    logits = tf.zeros([3, 5])
    allowed = tf.constant([False, True, False, True, False])
    chances = tf.constant([0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))])
    ids = draw(logits, allowed, chances, tf.constant(1.0))
    assert ids.numpy().tolist() == [1, 3, 3]


def test_a_tiny_temperature_is_finite_and_greedy():
    ids = sample(constant([0, 0, 0, 1, 3, 2, 1, 0]), temperature=1e-30)
    assert ids.tolist() == [[START] + [4] * 8]


def test_the_same_seed_gives_the_same_pieces_whatever_the_batch():
    model = constant([0, 0, -9, 0, 0, 0, 0, 0])
    three, one = (sample(model, length=40, num_outputs=n, seed=11) for n in (3, 1))
    np.testing.assert_array_equal(three[:1], one)
    np.testing.assert_array_equal(three, sample(model, length=40, num_outputs=3, seed=11))
    assert len({tuple(row) for row in three}) == 3
    assert not np.array_equal(one, sample(model, length=40, seed=12))


@pytest.mark.parametrize("number", [SPLIT_BATCHES_FROM, 2 * SPLIT_BATCHES_FROM + 1])
def test_many_pieces_are_those_of_small_batches(number):
    model = constant([0, 0, 1, 0, 0, 0, 0, 0])
    many = sample(model, length=60, num_outputs=number, seed=3)
    assert many.shape == (number, 61)
    np.testing.assert_array_equal(many[:2], sample(model, length=60, num_outputs=2, seed=3))
    assert len({tuple(row) for row in many}) > 0.9 * number


@pytest.mark.parametrize("seed", [-1, 2**31, 2**63, -(2**40)])
def test_any_whole_number_is_a_seed(seed):
    model = constant([0] * 8)
    np.testing.assert_array_equal(sample(model, seed=seed), sample(model, seed=seed))


@pytest.mark.parametrize("large", [{"top_k": 2**31}, {"min_length": 2**40}])
def test_numbers_beyond_32_bits_mean_all_there_is(large):
    model = constant([0, 0, 5, 1, 3, 2, 1, 0])
    all_there_is = dict.fromkeys(large, 8)
    assert sample(model, **large).tolist() == sample(model, **all_there_is).tolist()


def test_a_set_may_be_drawn_in_parts():
    whole = sample(constant([0] * 8), num_outputs=5)
    parts = [sample(constant([0] * 8), num_outputs=n, first=first) for first, n in ((0, 2), (2, 3))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_it_is_compiled_once():
    traces = []

    def logits(ids, read):
        traces.append(1)
        return tf.zeros([tf.size(ids), CODEC.vocab_size])

    sampler = Sampler(Scripted(logits), CODEC)
    for seed in range(3):
        sampler.sample([START], length=8, temperature=1.0, seed=seed)
    sampler.sample([START], length=200, temperature=0.5, seed=1)
    sampler.sample([START, 4, 5, 6, 4], length=8, temperature=0.0, seed=1, num_outputs=3)
    assert len(traces) == 1
    for top_k in (2, 3):
        sampler.sample([START], length=8, temperature=1.0, seed=1, top_k=top_k)
    assert len(traces) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "`temperature` must be a number of at least 0.*Received: -0.1"),
        ({"temperature": float("nan")}, "`temperature`.*nan"),
        ({"temperature": float("inf")}, "`temperature`.*inf"),
        ({"top_k": -1}, "`top_k` must be a whole number, 0 for all ids. Received: -1"),
        ({"top_k": 1.5}, "`top_k` must be a whole number"),
        ({"top_k": float("inf")}, "`top_k` must be a whole number"),
        ({"top_k": float("nan")}, "`top_k` must be a whole number"),
        ({"temperature": 1e39}, "`temperature` must be .* at most 100.*Received: 1e\\+39"),
        ({"num_outputs": 2**31 - 1}, "at most 268,435,456 ids in one call"),
        ({"top_p": 0.0}, "`top_p` must be above 0 and at most 1. Received: 0.0"),
        ({"top_p": 1.1}, "`top_p` must be above 0"),
        ({"allowed": np.zeros(8, bool)}, "leave an id to sample .* none at position 0 of 4"),
        ({"num_outputs": 0}, "`num_outputs` must be at least 1"),
        ({"length": 0}, "`length` must leave room"),
        ({"prompt": []}, "`length` must leave room"),
        ({"prompt": [START, *[4] * 8]}, "length=8 and a prompt of 8 ids"),
    ],
)
def test_sampling_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        sample(constant([0] * 8), **options)
