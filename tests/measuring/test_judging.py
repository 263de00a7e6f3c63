import numpy as np
import pytest

from bach_tf.measuring.judging import (
    FOLDS,
    MEASURES,
    cross_validate,
    fit_judge,
    more_often,
    tell_apart,
)
from bach_tf.score import Score


def accuracy(values, is_new, seed=0):
    recognised = cross_validate(values, is_new, seed)
    return np.mean([recognised[is_new].mean(), recognised[~is_new].mean()])


def test_what_is_drawn_alike_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    is_new = np.arange(2000) < 500
    assert accuracy(rng.normal(size=(2000, 10)), is_new) == pytest.approx(0.5, abs=0.06)


def test_two_bells_are_told_apart_as_often_as_their_distance_says():
    # Means two deviations apart: the best judge is right in 84.1 %.
    rng = np.random.default_rng(1)
    is_new = np.arange(3000) < 600
    values = rng.normal(size=(3000, 3))
    values[is_new, 1] += 2
    assert accuracy(1000 * values - 7, is_new) == pytest.approx(0.841, abs=0.02)


def test_a_judge_is_asked_only_about_pieces_it_has_not_seen():
    # Each piece has a measure of its own: by heart all could be told, but nothing carries over.
    is_new = np.arange(40) % 2 == 0
    assert accuracy(np.eye(40), is_new) <= 0.5
    weights, scale = fit_judge(np.eye(40), is_new)
    assert ((scale(np.eye(40)) @ weights > 0) == is_new).all()


def test_folds_depend_on_the_seed_alone():
    rng = np.random.default_rng(2)
    values, is_new = rng.normal(size=(200, 4)), np.arange(200) < 100
    first, again, other = (cross_validate(values, is_new, seed) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_the_weights_are_those_of_the_formula():
    # One measure of -1 and 1, of 20 pieces: 8 of the 10 new ones have 1, 2 of the 10 others. At
    # the minimum w + 20 / (1 + exp(-w)) = 16, which has the solution 1.0779.
    values = np.array([1.0] * 8 + [-1.0] * 2 + [1.0] * 2 + [-1.0] * 8)[:, None]
    weights, _ = fit_judge(values, np.arange(20) < 10)
    slope, bias = weights
    assert slope == pytest.approx(1.0779, abs=1e-4)
    assert bias == pytest.approx(0, abs=1e-9)


def test_what_was_not_measured_tells_nothing():
    is_new = np.arange(60) < 30
    values = np.stack([is_new + 0.0, np.full(60, np.nan)], axis=1)
    assert accuracy(values, is_new) == 1.0
    assert accuracy(values[:, 1:], is_new) == 0.5
    assert more_often(values[:, 1], is_new) == 0.5


def test_more_often_counts_pairs():
    values = np.array([1.0, 2.0, 2.0, np.nan, 2.0, 0.0])
    is_new = np.array([True, True, False, True, False, False])
    # Of six pairs 1 > 0 and 2 > 0, and two that are equal count half.
    assert more_often(values, is_new) == pytest.approx((1 + 1 + 2 / 2) / 6)


def piece(rng, parallel):
    """Return 32 quarters: the tenor a fifth above the bass, or a sixth."""
    bass = 48 + rng.integers(0, 12, 32)
    columns = [bass + 24, bass + 15, bass + (7 if parallel else 9), bass]
    return Score.from_grid(np.repeat(np.stack(columns, axis=1), 4, axis=0))


def test_parallel_fifths_give_pieces_away():
    rng = np.random.default_rng(0)
    new = [piece(rng, parallel=True) for _ in range(10)]
    verdict = tell_apart(new, [piece(rng, parallel=False) for _ in range(12)])
    assert verdict.accuracy > 0.9
    assert 0.03 < verdict.error < 0.1  # of few pieces little is known
    assert set(verdict.telling) == set(MEASURES)
    assert verdict.telling["parallel_fifths_per_1000"] == 1.0
    assert abs(next(iter(verdict.telling.values())) - 0.5) == 0.5
    assert "steps" not in verdict.telling  # the length was asked for


def test_few_pieces_are_not_judged():
    rng = np.random.default_rng(0)
    pieces = [piece(rng, parallel=True) for _ in range(FOLDS)]
    assert tell_apart(pieces[1:], pieces) is None
    empty = Score.from_grid(np.zeros((16, 4), int))
    assert tell_apart([empty, *pieces[1:]], pieces).accuracy <= 1


def test_bach_cannot_be_told_from_himself(canonical_pieces):
    pieces = canonical_pieces["train"]
    verdict = tell_apart(pieces[::2], pieces[1::2])
    assert verdict.accuracy == pytest.approx(0.5, abs=4 * verdict.error)
    assert verdict.error == pytest.approx(0.033, abs=0.001)
