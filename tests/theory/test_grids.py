import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.score import Part, Score
from bach_tf.theory.bars import bar_and_beat, place_of
from bach_tf.theory.grids import regrid


@pytest.mark.parametrize(
    ("about", "step", "place"),
    [
        ({}, 0, "bar 1, beat 1"),
        ({}, 21, "bar 2, beat 2.25"),
        ({"metres": [(0, 3, 4)]}, 12, "bar 2, beat 1"),
        ({"metres": [(0, 6, 8)]}, 15, "bar 2, beat 2.5"),
        ({"upbeat": 4}, 0, "bar 0, beat 4"),
        ({"upbeat": 4}, 4, "bar 1, beat 1"),
        ({"metres": [(0, 3, 4)], "upbeat": 2}, 1, "bar 0, beat 3.75"),
        ({"metres": [(0, 3, 4), (12, 4, 4), (28, 6, 8)]}, 20, "bar 2, beat 3"),
        ({"metres": [(0, 3, 4), (12, 4, 4), (28, 6, 8)]}, 30, "bar 3, beat 2"),
        ({"metres": [(0, 4, 4), (8, 3, 4)]}, 8, "bar 2, beat 1"),  # a bar that is cut
        ({"metres": [(4, 3, 4)]}, 4, "bar 2, beat 1"),
        ({"metres": [(0, 4, 4), (20, 3, 4)], "upbeat": 4}, 20, "bar 2, beat 1"),
    ],
)
def test_where_a_step_is(about, step, place):
    assert place_of(Score.from_grid([[60]] * 40, **about), step) == place


def test_between_two_steps():
    bar, beat = bar_and_beat(Score.from_grid([[60]] * 8), 4 + 4 / 3)
    assert (bar, float(beat)) == (1, pytest.approx(7 / 3))


GRIDS = arrays(
    np.int32, st.tuples(st.integers(1, 12), st.just(2)), elements=st.sampled_from([0, 60, 62])
)


@given(GRIDS, st.integers(1, 6), st.integers(0, 5))
def test_to_a_finer_grid_and_back(grid, factor, upbeat):
    length = len(grid)
    score = Score.from_grid(
        grid,
        tempi=[(0, 90), (length, 60)],
        metres=[(0, 2, 4), (length, 3, 4)],
        upbeat=upbeat,
        fermatas=[length - 1],
        pedals=[(0, length, 1)],
        parts=[Part("one"), Part("two")],
        key_signature=2,
    )
    finer = regrid(score, 4 * factor)
    assert finer.length == factor * length
    assert regrid(finer, 4) == score


def test_notes_between_the_steps_are_refused_with_the_first_place():
    grid = [[67]] * 16 + [[69], [71], [72], [71]] + [[69]] * 12
    score = Score.from_grid(grid, steps_per_quarter=8, metres=[(0, 2, 4)])
    with pytest.raises(
        ValueError, match=r"^bar 2, beat 1\.12: 2 of 6 notes begin between the 4 steps"
    ):
        regrid(score, 4)


def test_ends_between_the_steps_are_moved():
    score = Score.from_grid([[67], [67], [67], [0]], steps_per_quarter=8)
    assert regrid(score, 4).duration.tolist() == [2]


def test_quantized_triplets_and_thirty_seconds():
    triplets = Score.from_grid([[60]] * 4 + [[62]] * 4 + [[64]] * 4, steps_per_quarter=12)
    assert regrid(triplets, 4, quantize=True).onset.tolist() == [0, 1, 3]
    fast = Score.from_grid([[60], [62], [64], [65]], steps_per_quarter=8)
    quantized = regrid(fast, 4, quantize=True)
    assert quantized.to_grid().tolist() == [[60], [64]]  # a melody still


def test_seconds_have_no_beats():
    score = Score.from_grid([[60]], steps_per_quarter=100, timing="seconds")
    with pytest.raises(ValueError, match="a performance in seconds has no beats"):
        regrid(score, 4)
