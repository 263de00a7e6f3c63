import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.codecs import SatbCodec
from bach_tf.corpora import CORPORA
from bach_tf.corpora.preparation.prepared import read_prepared
from bach_tf.measuring.ngrams import END, START, fit_ngram, measure_ngrams

VOCAB_SIZE = 8  # of the random pieces: ids 3..7 are music, and 7 hardly comes
MUSIC = st.lists(st.sampled_from([3, 3, 3, 4, 4, 5, 6]), max_size=12)
CORPUS = st.lists(MUSIC, min_size=1, max_size=5).map(lambda corpus: [piece(ids) for ids in corpus])
CONTEXT = st.lists(st.integers(2, 7), max_size=6).map(lambda ids: [START, *ids])
ORDER, PERIOD = st.integers(0, 4), st.integers(1, 3)

# Five ids: padding, start, end, and the notes 3 and 4. Three of them can come.
TINY = np.array([START, 3, 4, 3, 4, 3, END])


def piece(ids):
    return np.array([START, *ids, END], np.int32)


def probs_after(model, context):
    return np.exp(model.log_probs_after(context))


def random_pieces(seed, pieces=40, length=250, vocab_size=23):
    random = np.random.default_rng(seed)
    return [piece(ids) for ids in random.integers(3, vocab_size, (pieces, length))]


# By hand.


def test_order_0_is_interpolated_frequencies():
    # Counts: 3 three times, 4 twice, the end once, 6 in all. Y = 1 / (1 + 2), and the discounts are
    # 1 - 2/3 = 1/3 and 2 - 3/3 = 1; no count is 4, which leaves 1.5 for 3 and more. They free
    # 17/6 of 6, a third of it for each of the three ids: 17 / 108.
    #   3: 1.5 / 6 + 17 / 108 = 44 / 108    4: 1 / 6 + 17 / 108 = 35 / 108
    #   end: 2/3 / 6 + 17 / 108 = 29 / 108
    model = fit_ngram([TINY], vocab_size=5, order=0)
    expected = np.array([0, 0, 29, 44, 35]) / 108
    for context in ([START], [START, 3], [START, 4, 4, 4]):
        np.testing.assert_allclose(probs_after(model, context), expected, rtol=1e-12)


def test_order_1_by_hand():
    # Level 0 counts what came before, not how often: 3 after the start and after 4, 4 after 3,
    # the end after 3. 4 in all; Y = 2 / (2 + 2), discounts 1/2 for 1 and, as no count is 3, 1 for
    # 2. They free half of it, a third of that for each id:
    #   3: 1 / 4 + 1 / 6 = 10 / 24    4 and end: 0.5 / 4 + 1 / 6 = 7 / 24
    # Level 1 has two counts of 1 and two of 2: Y = 2 / (2 + 4), discounts 1/3 and 1.
    # After 3, of three: 4 twice, the end once, and 4/9 is free.
    #   3: 4/9 * 10/24 = 10 / 54    4: 1 / 3 + 4/9 * 7/24 = 25 / 54
    #   end: 2/3 / 3 + 4/9 * 7/24 = 19 / 54
    # After 4, 3 twice, and half is free. 3: 1 / 2 + 10 / 48 = 34 / 48    4 and end: 7 / 48
    # After the start, 3 once, and a third is free. 3: 2 / 3 + 10 / 72 = 58 / 72    others: 7 / 72
    # After the end, nothing: level 0.
    model = fit_ngram([TINY], vocab_size=5, order=1)
    after = {
        3: np.array([0, 0, 19, 10, 25]) / 54,
        4: np.array([0, 0, 7, 34, 7]) / 48,
        END: np.array([0, 0, 7, 10, 7]) / 24,
    }
    for last, expected in after.items():
        np.testing.assert_allclose(probs_after(model, [START, last]), expected, rtol=1e-12)
    expected = np.array([0, 0, 7, 58, 7]) / 72
    np.testing.assert_allclose(probs_after(model, [START]), expected, rtol=1e-12)
    expected = np.log([58 / 72, 25 / 54, 34 / 48, 25 / 54, 34 / 48, 19 / 54])
    np.testing.assert_allclose(model.log_prob(TINY), expected, rtol=1e-12)
    assert model.most_probable(TINY).tolist() == [3, 4, 3, 4, 3, 4]


def test_discounts_are_estimated_where_they_can_be():
    # Four ids come once (the end is one), two twice, one three times (8), one four times (9), 15
    # in all; 10 never. Y = 4 / (4 + 2 * 2) = 1/2, and the discounts are
    #   1 - 2 Y 2/4 = 0.5    2 - 3 Y 1/2 = 1.25    3 - 4 Y 1/1 = 1
    # They free 4 * 0.5 + 2 * 1.25 + 1 + 1 = 6.5 of 15, a ninth of it for each id: 6.5 / 135.
    ids = np.repeat([3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 2, 2, 3, 4])
    model = fit_ngram([piece(ids)], vocab_size=11, order=0)
    expected = np.array([0, 0, 11, 11, 11, 11, 13.25, 13.25, 24.5, 33.5, 6.5]) / 135
    np.testing.assert_allclose(probs_after(model, [START]), expected, rtol=1e-12)


def test_an_estimate_that_is_no_discount_falls_back():
    # The end comes once, 3 twice, 4 three times; 5, 6 and 7 four times. Y = 1/3, and
    #   1 - 2/3 = 1/3    2 - 3/3 = 1    3 - 4/3 * 3 = -1, so 1.5 instead
    # They free 1/3 + 1 + 4 * 1.5 = 22/3 of 18, a sixth of it for each id: 11 / 162.
    ids = np.repeat([3, 4, 5, 6, 7], [2, 3, 4, 4, 4])
    model = fit_ngram([piece(ids)], vocab_size=8, order=0)
    expected = np.array([0, 0, 17, 20, 24.5, 33.5, 33.5, 33.5]) / 162
    np.testing.assert_allclose(probs_after(model, [START]), expected, rtol=1e-12)


def test_each_phase_has_its_own_frequencies():
    # 3 and 4 in turn, then the end where 3 could stand. Counts 2, 1 and 2: Y = 1 / (1 + 4), and
    # the discounts are 1/5 for 1 and, as no count is 3, 1 for 2.
    # Phase 0: 3 twice, the end once. 1.2 of 3 is free, 2 / 15 for each id.
    #   3: 1 / 3 + 2 / 15 = 7 / 15    end: 0.8 / 3 + 2 / 15 = 6 / 15
    # Phase 1: 4 twice. Half is free, a sixth for each id.
    model = fit_ngram([piece([3, 4, 3, 4])], vocab_size=5, order=0, period=2)
    phases = np.array([0, 0, 6, 7, 2]) / 15, np.array([0, 0, 1, 1, 4]) / 6
    for context in ([START], [START, 4], [START, 4, 4], [START, 3, 3, 3]):
        expected = phases[(len(context) - 1) % 2]
        np.testing.assert_allclose(probs_after(model, context), expected, rtol=1e-12)


# Against the formulas, straight from the definition.


def tables(pieces, order, period):
    """Yield `{(phase, context): {id: count}}` for contexts of 0, 1, ... `order` ids."""
    for length in range(order + 1):
        seen = Counter()
        for ids in (piece.tolist() for piece in pieces):
            for t in range(max(length, 1), len(ids)):
                before = ids[t - length - 1] if t > length else None
                seen[(t - 1) % period, tuple(ids[t - length : t]), ids[t], before] += 1
        table = defaultdict(Counter)
        for (phase, context, follower, before), times in seen.items():
            once = length < order and before is not None
            table[phase, context][follower] += 1 if once else times
        yield table


def discount(table, count):
    n = Counter(count for row in table.values() for count in row.values())
    k = min(count, 3)
    estimate = 0
    if n[1] and n[2] and n[k] and n[k + 1]:
        share = Fraction(n[1], n[1] + 2 * n[2])
        estimate = k - (k + 1) * share * Fraction(n[k + 1], n[k])
    return estimate if estimate > 0 else Fraction(k, 2)


def slow_prob(levels, period, vocab_size, context, word):
    """Return the probability of an id as a fraction, a level at a time."""
    prob = Fraction(1, vocab_size - 2)
    for length, table in enumerate(levels[: len(context) + 1]):
        key = (len(context) - 1) % period, tuple(context[len(context) - length :])
        if key not in table:
            break
        row = table[key]
        freed = sum(discount(table, count) for count in row.values())
        kept = row[word] - discount(table, row[word]) if word in row else 0
        prob = (kept + freed * prob) / sum(row.values())
    return prob


@given(corpus=CORPUS, order=ORDER, period=PERIOD, context=CONTEXT)
def test_probabilities_are_those_of_the_definition(corpus, order, period, context):
    model = fit_ngram(corpus, VOCAB_SIZE, order, period=period)
    levels = list(tables(corpus, order, period))
    expected = [
        float(slow_prob(levels, period, VOCAB_SIZE, context, word)) for word in range(2, VOCAB_SIZE)
    ]
    np.testing.assert_allclose(probs_after(model, context)[2:], expected, rtol=1e-9)


# What holds for all of them.


@given(corpus=CORPUS, order=ORDER, period=PERIOD, context=CONTEXT)
def test_probabilities_sum_to_one_and_nothing_is_impossible(corpus, order, period, context):
    probs = probs_after(fit_ngram(corpus, VOCAB_SIZE, order, period=period), context)
    assert probs.shape == (VOCAB_SIZE,)
    assert probs.sum() == pytest.approx(1, abs=1e-12)
    assert (probs[2:] > 0).all()
    assert (probs[:2] == 0).all()


@given(corpus=CORPUS, order=ORDER, period=PERIOD, context=CONTEXT)
def test_a_piece_is_as_likely_as_its_positions_one_by_one(corpus, order, period, context):
    model = fit_ngram(corpus, VOCAB_SIZE, order, period=period)
    for ids in (corpus[0], np.array(context, np.int32)):
        rows = [model.log_probs_after(ids[:t]) for t in range(1, len(ids))]
        each = [row[i] for row, i in zip(rows, ids[1:], strict=True)]
        log_probs = model.log_prob(ids)
        assert log_probs.dtype == np.float64
        assert log_probs.shape == (len(ids) - 1,)
        np.testing.assert_allclose(log_probs, each, rtol=1e-12)
        # argmax takes the first of equals, which is the lowest id.
        assert model.most_probable(ids).tolist() == [row.argmax() for row in rows]


def test_the_lowest_of_equally_probable_ids_is_the_most_probable():
    model = fit_ngram([piece([6, 4]), piece([4, 6])], vocab_size=8, order=0)
    assert model.most_probable([START, 5]).tolist() == [END]
    model = fit_ngram([piece([6, 4, 5] * 3 + [4, 6])], vocab_size=8, order=0)
    assert model.most_probable([START, 5]).tolist() == [4]


@pytest.mark.parametrize(
    ("openings", "of_each", "of_end"),
    [
        # After the start each of four ids once, half of each is free. Level 0: the end follows
        # four ids, each other one the start: discounts 1.5 and 0.5 free 3.5 of 8, a sixth each.
        #   level 0: the end 2.5 / 8 + 3.5 / 48 = 37 / 96, the others 0.5 / 8 + 3.5 / 48 = 13 / 96
        #   after the start: the end 37 / 192, the others 1 / 8 + 13 / 192 = 37 / 192
        ([5, 4, 6, 7], 37 / 192, 37 / 192),
        # With five ids 4 of 10 are free at level 0: 25 / 60 and 7 / 60.
        #   after the start: the end 25 / 120, the others 1 / 10 + 7 / 120 = 19 / 120
        ([5, 4, 3, 6, 7], 19 / 120, 25 / 120),
    ],
)
def test_an_id_unseen_after_its_context_may_be_the_most_probable(openings, of_each, of_end):
    model = fit_ngram([piece([opening]) for opening in openings], vocab_size=8, order=1)
    probs = probs_after(model, [START])
    np.testing.assert_allclose(probs[[4, END]], [of_each, of_end], rtol=1e-12)
    assert model.most_probable([START, 4]).tolist() == [END]


def test_what_repeats_is_nearly_sure_from_its_context_only():
    ids = piece([3, 4, 5] * 100)
    surely = fit_ngram([ids], vocab_size=20, order=3).log_prob(ids)
    assert np.exp(surely[3:-1]).min() > 0.95
    hardly = fit_ngram([ids], vocab_size=20, order=0).log_prob(ids)
    assert np.exp(hardly[:-1]).max() < 0.35


def test_the_phase_alone_tells_voices_apart():
    ids = piece([3, 4, 5] * 100)
    surely = fit_ngram([ids], vocab_size=20, order=0, period=3).log_prob(ids)
    assert np.exp(surely[:-1]).min() > 0.95


@pytest.mark.parametrize(("order", "most"), [(0, 0.01), (1, 0.1), (3, 0.2)])
def test_random_ids_are_as_likely_as_any(order, most):
    # 20 ids at random: log 20 nats each, and what the counts of 10 thousand mislead a model by.
    model = fit_ngram(random_pieces(seed=1), vocab_size=23, order=order)
    nats = -np.concatenate([model.log_prob(ids)[:-1] for ids in random_pieces(seed=2)])
    assert 0 <= nats.mean() - math.log(20) < most


def test_a_longer_order_than_any_piece_is_the_longest_there_is():
    ids = piece([3, 4])
    longest, longer = (fit_ngram([ids], 5, order).log_prob(ids) for order in (3, 50))
    assert longest.tolist() == longer.tolist()


# What `measure_ngrams` returns.


def test_measures_by_hand():
    # From order 0 by hand: 3 has 44/108 and is always expected, 4 has 35/108.
    counted = np.array([False, False, False, True, True])
    measures = measure_ngrams([TINY], [piece([3, 4, 4])], vocab_size=5, counted=counted, orders=[0])
    nll = -(math.log(44 / 108) + 2 * math.log(35 / 108)) / 3
    assert measures == {
        0: {"nll": pytest.approx(nll), "accuracy": pytest.approx(1 / 3), "tokens": 3}
    }


def test_measures_use_the_phase_of_each_voice():
    train, counted = [piece([3, 4] * 50)], np.arange(5) > END
    alike = measure_ngrams(train, train, vocab_size=5, counted=counted)
    apart = measure_ngrams(train, train, vocab_size=5, counted=counted, period=2)
    assert list(alike) == list(apart) == [0, 3]
    assert alike[0]["accuracy"] == 0.5
    assert apart[0]["accuracy"] == 1
    assert apart[0]["nll"] < 0.1 < 0.6 < alike[0]["nll"]
    assert alike[3]["nll"] < 0.1


def test_measures_of_the_canonical_chorales(real_data, home):
    codec = SatbCodec(31, 87)
    scores = read_prepared(CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz"))
    train, valid = (
        [codec.encode(score) for score in scores[split]] for split in ("train", "valid")
    )
    measures = measure_ngrams(
        train,
        valid,
        vocab_size=codec.vocab_size,
        counted=codec.counted,
        orders=(0, 3, 4),
        period=4,
    )
    # At order 4 the voice's own last note is among the context, and mostly it is held.
    assert [round(measures[order]["nll"], 3) for order in (0, 3, 4)] == [2.612, 1.522, 0.941]
    assert [round(measures[order]["accuracy"], 3) for order in (0, 3, 4)] == [0.156, 0.54, 0.743]
    assert {measures[order]["tokens"] for order in (0, 3, 4)} == {73632}


# What is refused.


@pytest.mark.parametrize(
    ("pieces", "settings", "match"),
    [
        ([TINY], {"order": -1}, r"`order` must be at least 0. Received: order=-1"),
        ([TINY], {"period": 0}, r"`period` must be at least 1. Received: period=0"),
        ([TINY], {"vocab_size": 2}, r"`vocab_size` must be at least 3. Received: vocab_size=2"),
        ([], {}, r"at least one piece to count. Received: none"),
        ([TINY, TINY[:-1]], {}, r"piece 1: expected the end token \(2\) last. Received: 3"),
        ([TINY, TINY[1:]], {}, r"piece 1: .* start token \(1\) first. Received: \[3, 4, 3, 4\]"),
        ([TINY, []], {}, r"piece 1: .* Received: \[\]\.\.\., shape \(0,\)"),
        ([TINY[None]], {}, r"piece 0: expected ids \(T,\).*shape \(1, 7\)"),
        ([piece([3, 5])], {}, r"piece 0: expected ids in 2\.\.4 .* Received: 5 at position 2"),
        ([piece([3, 0])], {}, r"piece 0: expected ids in 2\.\.4 .* Received: 0 at position 2"),
        ([piece([1, 3])], {}, r"piece 0: expected ids in 2\.\.4 .* Received: 1 at position 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(pieces, settings, match):
    with pytest.raises(ValueError, match=match):
        fit_ngram(pieces, **{"vocab_size": 5, "order": 1, **settings})


@pytest.mark.parametrize("method", ["log_prob", "most_probable", "log_probs_after"])
@pytest.mark.parametrize(
    ("ids", "match"),
    [
        ([], r"expected ids \(T,\), the start token \(1\) first"),
        ([3, 4], r"expected ids \(T,\), the start token \(1\) first. Received: \[3, 4\]"),
        ([START, 3, 5], r"expected ids in 2\.\.4 after the start token. Received: 5 at position 2"),
        ([START, -1], r"Received: -1 at position 1"),
    ],
)
def test_ids_outside_the_vocabulary_are_refused(method, ids, match):
    model = fit_ngram([TINY], vocab_size=5, order=1)
    with pytest.raises(ValueError, match=match):
        getattr(model, method)(ids)


@pytest.mark.parametrize(
    ("test", "counted", "match"),
    [
        ([TINY], [True] * 4, r"`counted` must have the shape \(5,\).*Received: \(4,\)"),
        ([TINY], [False] * 5, r"at least one id to measure. Received: none"),
        ([], [True] * 5, r"at least one id to measure. Received: none"),
        ([TINY, piece([6])], [True] * 5, r"piece 1: expected ids in 2\.\.4"),
    ],
)
def test_what_cannot_be_measured_is_refused(test, counted, match):
    with pytest.raises(ValueError, match=match):
        measure_ngrams([TINY], test, vocab_size=5, counted=counted)
