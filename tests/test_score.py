from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bach_tf.score import COLUMNS, VELOCITY, Part, Score

GRIDS = arrays(
    np.int32,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12),
    elements=st.sampled_from([0, 0, 1, 60, 62, 127]),  # few, so that notes are held
)


def score(notes, *, length=8, **about):
    """Return a score of notes: onset, duration, pitch, voice, velocity."""
    columns = np.array(notes, np.int64).reshape(-1, len(COLUMNS)).T
    return Score(**dict(zip(COLUMNS, columns)), length=length, **about)


def notes_of(one):
    """Return the notes of a score, as `score` takes them."""
    return list(zip(*(getattr(one, name).tolist() for name in COLUMNS)))


# Columns.


def test_notes_are_kept_in_order_of_onset_voice_and_pitch():
    notes = [(4, 4, 60, 1, 80), (0, 4, 64, 1, 80), (0, 4, 60, 1, 80), (0, 8, 72, 0, 80)]
    expected = [(0, 8, 72, 0, 80), (0, 4, 60, 1, 80), (0, 4, 64, 1, 80), (4, 4, 60, 1, 80)]
    assert notes_of(score(notes)) == expected
    assert score(notes) == score(expected)
    assert len(score(notes)) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"length": 9},
        {"title": "another"},
        {"steps_per_quarter": 8},
        {"key_signature": 1},
        {"metres": ((0, 3, 4),)},
        {"timing": "seconds"},
        {"tempi": [(0, 90)]},
        {"upbeat": 2},
        {"fermatas": (0,)},
        {"parts": [Part("Cello", 42)]},
        {"pitch": [61]},
        {"velocity": [81]},
    ],
)
def test_scores_differ_where_a_field_does(other):
    one = score([(0, 4, 60, 0, 80)])
    assert one == replace(one)
    assert one != replace(one, **other)


def test_a_score_equals_no_other_thing_and_has_no_hash():
    assert score([]) != "a score"
    with pytest.raises(TypeError, match="unhashable"):
        hash(score([]))


def test_nothing_of_a_score_can_be_changed():
    pitch = np.array([60])
    one = Score(onset=[0], duration=[4], pitch=pitch, voice=[0], velocity=[80], length=4)
    pitch[0] = 61
    assert one.pitch.tolist() == [60]
    with pytest.raises(FrozenInstanceError):
        one.title = "changed"
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(one, name)[0] = 1


def test_lists_as_json_has_them_become_tuples():
    one = score([], metres=[[0, 3, 4]], fermatas=[np.int64(2), 6])
    assert one.metres == ((0, 3, 4),)
    assert one.time_signature == (3, 4)
    assert one.fermatas == (2, 6)
    assert type(one.fermatas[0]) is int


@pytest.mark.parametrize("fermatas", [("a",), (0.5,), ([1],), (float("inf"),), 7.5])
def test_fermatas_are_at_whole_steps(fermatas):
    with pytest.raises(ValueError, match="`fermatas` must be whole numbers"):
        score([], fermatas=fermatas)


def test_a_score_without_notes():
    empty = score([], length=3)
    assert len(empty) == empty.voices == 0
    assert empty.to_grid(4).tolist() == [[0] * 4] * 3
    assert empty.transpose(100) == empty


def test_columns_must_be_of_one_length():
    with pytest.raises(ValueError, match=r"equal length\. Received: \{'onset': 2, 'duration': 1"):
        Score(onset=[0, 1], duration=[1], pitch=[60], voice=[0], velocity=[80], length=4)


@pytest.mark.parametrize(
    ("pitch", "received"),
    [
        ([60.5], r"shape=\(1,\), dtype=float64"),
        ([True], r"shape=\(1,\), dtype=bool"),
        (["C4"], r"shape=\(1,\), dtype=<U2"),
        ([[60]], r"shape=\(1, 1\), dtype=int64"),
        (60, r"shape=\(\), dtype=int64"),
        ([10**30], r"shape=\(1,\), dtype=object"),
    ],
)
def test_columns_must_be_of_whole_numbers(pitch, received):
    with pytest.raises(ValueError, match=rf"`pitch` must be 1-dim.* whole numbers.*{received}"):
        Score(onset=[0], duration=[1], pitch=pitch, voice=[0], velocity=[80], length=4)


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ((-1, 4, 60, 0, 80), r"`onset` must be in 0\.\.8\. Received: -1 \(note 0\)"),
        ((9, 1, 60, 0, 80), r"`onset` must be in 0\.\.8\. Received: 9 \(note 1\)"),
        ((1, 0, 60, 0, 80), r"`duration` must be in 1\.\.8\. Received: 0 \(note 1\)"),
        ((1, 9, 60, 0, 80), r"`duration` must be in 1\.\.8\. Received: 9"),
        ((1, 4, -1, 0, 80), r"`pitch` must be in 0\.\.127\. Received: -1"),
        ((1, 4, 128, 0, 80), r"`pitch` must be in 0\.\.127\. Received: 128"),
        ((1, 4, 60, -1, 80), r"`voice` must be in 0\.\.255\. Received: -1"),
        ((1, 4, 60, 256, 80), r"`voice` must be in 0\.\.255\. Received: 256"),
        ((1, 4, 60, 0, 0), r"`velocity` must be in 1\.\.127\. Received: 0"),
        ((1, 4, 60, 0, 128), r"`velocity` must be in 1\.\.127\. Received: 128"),
        ((5, 4, 60, 0, 80), r"within `length`=8 steps\. Received: a note that ends at step 9"),
    ],
)
def test_values_must_be_within_their_bounds(note, message):
    with pytest.raises(ValueError, match=message):
        score([(0, 4, 60, 0, 80), note])


def test_values_may_be_at_their_bounds():
    notes = [(0, 8, 0, 0, 1), (7, 1, 127, 255, 127)]
    assert notes_of(score(notes)) == notes
    assert score(notes).voices == 256


@pytest.mark.parametrize("steps", [0, -4])
def test_a_grid_has_steps(steps):
    with pytest.raises(ValueError, match=f"`steps_per_quarter` .* at least 1.*{steps}"):
        score([], steps_per_quarter=steps)


@pytest.mark.parametrize("name", ["steps_per_quarter", "length", "upbeat", "key_signature"])
@pytest.mark.parametrize("value", [-8, 1.5, "2", True])
def test_a_negative_upbeat_or_other_than_whole_numbers(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: '?{value}"):
        replace(score([]), **{name: value})


def test_an_upbeat_may_be_longer_than_a_bar():
    assert score([], metres=[(0, 3, 128)], upbeat=200).upbeat == 200


@pytest.mark.parametrize(
    ("signature", "steps_per_quarter", "steps"),
    [((4, 4), 4, 16), ((3, 4), 4, 12), ((6, 8), 4, 12), ((2, 2), 2, 8), (None, 4, 16)],
)
def test_steps_in_a_bar(signature, steps_per_quarter, steps):
    metres = [] if signature is None else [(0, *signature)]
    one = score([], metres=metres, steps_per_quarter=steps_per_quarter)
    assert one.steps_per_bar == steps


# Transposition.


def test_transposed_notes_move_and_nothing_else_does():
    one = score([(0, 4, 60, 0, 80), (0, 2, 48, 1, 70)], title="t", key_signature=0, upbeat=4)
    moved = one.transpose(-2)
    assert moved.pitch.tolist() == [58, 46]
    assert moved == replace(one, pitch=[58, 46], key_signature=None)
    assert one.transpose(0) is one


@given(GRIDS, st.integers(-20, 20))
def test_transposing_back_gives_the_same_notes(grid, semitones):
    one = Score.from_grid(np.clip(grid, 20, 107))
    assert one.transpose(semitones).transpose(-semitones) == one


@pytest.mark.parametrize(("pitch", "semitones"), [(126, 2), (1, -2)])
def test_transposing_out_of_midi_is_refused(pitch, semitones):
    with pytest.raises(ValueError, match=r"`pitch` must be in 0\.\.127"):
        Score.from_grid([[pitch]]).transpose(semitones)


# Grids.


def test_equal_neighbours_are_one_held_note():
    one = Score.from_grid([[67, 60], [67, 59], [0, 60], [67, 60]], title="t")
    assert notes_of(one) == [
        (0, 2, 67, 0, VELOCITY),
        (0, 1, 60, 1, VELOCITY),
        (1, 1, 59, 1, VELOCITY),
        (2, 2, 60, 1, VELOCITY),
        (3, 1, 67, 0, VELOCITY),
    ]
    assert one.length == 4
    assert one.title == "t"


@given(GRIDS)
def test_grid_to_score_and_back(grid):
    one = Score.from_grid(grid)
    np.testing.assert_array_equal(one.to_grid(grid.shape[1]), grid)
    assert one.to_grid(grid.shape[1]).dtype == np.int32
    assert Score.from_grid(one.to_grid(grid.shape[1])) == one


def test_a_grid_is_as_wide_as_the_score_has_voices():
    assert score([(0, 4, 60, 2, 80)], length=4).to_grid().tolist() == [[0, 0, 60]] * 4
    assert score([(0, 4, 60, 0, 80)], length=4).to_grid(2).tolist() == [[60, 0]] * 4
    with pytest.raises(ValueError, match=r"at most 2 voices\. Received: 3"):
        score([(0, 4, 60, 2, 80)]).to_grid(2)


def test_a_repeated_note_is_lost_in_a_grid():
    repeated = score([(0, 4, 60, 0, 80), (4, 4, 60, 0, 80)])
    assert notes_of(Score.from_grid(repeated.to_grid())) == [(0, 8, 60, 0, 80)]


def test_two_notes_of_a_voice_at_a_time_fit_no_grid():
    overlap = score([(0, 4, 60, 1, 80), (3, 4, 62, 1, 80)])
    with pytest.raises(ValueError, match=r"voice 1 starts 62 at step 3 while 60 still sounds"):
        overlap.to_grid()


def test_each_voice_may_have_its_own_velocity():
    one = Score.from_grid([[67, 60], [65, 60]], velocity=(90, 70))
    assert notes_of(one) == [(0, 1, 67, 0, 90), (0, 2, 60, 1, 70), (1, 1, 65, 0, 90)]
    assert set(Score.from_grid([[67, 60]], velocity=50).velocity.tolist()) == {50}


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([67, 60], "`grid` must be 2-dimensional"),
        ([[67.0, 60.0]], "whole numbers.*float64"),
        ([[128]], r"`pitch` must be in 0\.\.127\. Received: 128"),
        ([[-1]], r"`pitch` must be in 0\.\.127\. Received: -1"),
    ],
)
def test_what_is_no_grid_is_refused(grid, message):
    with pytest.raises(ValueError, match=message):
        Score.from_grid(grid)


def test_leading_silence_is_cut():
    score = Score.from_grid([[0, 0], [0, 0], [0, 60], [67, 60], [0, 0]], fermatas=(3,), upbeat=4)
    cut = score.without_leading_silence()
    assert cut.to_grid(2).tolist() == [[0, 60], [67, 60], [0, 0]]
    assert (cut.fermatas, cut.upbeat) == ((1,), 2)
    late = Score.from_grid([[0]] * 6 + [[60]], upbeat=4)
    assert late.without_leading_silence().upbeat == 14  # steps of a bar of four quarters


def test_tempi_and_metres_move_with_the_notes():
    one = Score.from_grid(
        [[0]] * 20 + [[60]] * 20,
        tempi=[(0, 90), (16, 60), (24, 75)],
        metres=[(0, 4, 4), (16, 3, 4), (28, 2, 4)],
        parts=[Part("Cello")],
    )
    cut = one.without_leading_silence()
    assert cut.tempi == ((0, 60), (4, 75))
    assert cut.metres == ((0, 3, 4), (8, 2, 4))
    assert (cut.upbeat, cut.parts) == (8, one.parts)  # of 12 steps from step 16 on


def test_an_opening_ends_notes_and_leaves_out_what_comes_later():
    places = {"tempi": [(0, 90), (4, 60)], "metres": [(2, 3, 4), (6, 4, 4)], "fermatas": (0, 5)}
    one = score([(0, 3, 60, 0, 80), (3, 5, 62, 0, 70), (6, 2, 64, 0, 80)], **places)
    cut = one.opening(4)
    assert notes_of(cut) == [(0, 3, 60, 0, 80), (3, 1, 62, 0, 70)]
    assert (cut.length, cut.tempi, cut.metres, cut.fermatas) == (4, ((0, 90),), ((2, 3, 4),), (0,))
    assert one.opening(8) is one


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"timing": "bars"}, r"`timing` must be one of .*\. Received: 'bars'"),
        ({"tempi": [(0, 0)]}, r"`tempi` must be .* above 0\. Received: \(0, 0\)"),
        ({"tempi": [(0, float("nan"))]}, r"`tempi` must be .* above 0\. Received: \(0, nan\)"),
        ({"tempi": [(0, 90), (0, 60)]}, r"`tempi` must be at increasing steps"),
        ({"tempi": [(9, 90)]}, r"`tempi` must be at increasing steps .*0\.\.8\. Received"),
        ({"metres": [(0, 4)]}, r"`metres` must be steps with beats .*\. Received: \(0, 4\)"),
        ({"metres": [(0, 4, 0)]}, r"`metres` must be .* above 0\. Received: \(0, 4, 0\)"),
        ({"metres": [(4, 4, 4), (0, 3, 4)]}, r"`metres` must be at increasing steps"),
        ({"metres": [(0, 3.5, 7.2)]}, r"`metres` must be whole numbers\. .*\(0, 3\.5, 7\.2\)"),
        ({"metres": [("0", 3, 4)]}, r"`metres` must be whole numbers"),
        ({"metres": [(0, "3", 4)]}, r"`metres` must be steps with beats"),
        ({"metres": (0, 3, 4)}, r"`metres` must be a list of .*Received: \(0, 3, 4\)"),
        ({"tempi": [(0.5, 90)]}, r"`tempi` must be at whole steps\. Received: \(0\.5, 90\)"),
        ({"tempi": 90}, r"`tempi` must be a list of .*Received: 90"),
        ({"key_changes": [(2, 8)]}, r"`key_changes` must be steps with sharps in .*: \(2, 8\)"),
        ({"key_changes": [(0, 1)]}, r"`key_changes` must be at increasing steps .*1\.\.8\. "),
        ({"key_changes": [(4, 1), (4, 2)]}, r"`key_changes` must be at increasing steps"),
        ({"pedals": [(0, 4)]}, r"`pedals` must be triples of whole numbers\. Received: \(0, 4\)"),
        ({"pedals": [(4, 4, 0)]}, r"`pedals` must have 0 <= start < end <= 8 .*: \(4, 4, 0\)"),
        ({"pedals": [(0, 9, 0)]}, r"`pedals` must have 0 <= start < end <= 8"),
        ({"pedals": [(0, 4, 256)]}, r"`pedals` must .* a voice below 256"),
        ({"parts": [Part()] * 257}, r"Expected at most 256 `parts`\. Received: 257"),
    ],
)
def test_what_a_source_says_must_be_possible(about, message):
    with pytest.raises(ValueError, match=message):
        score([], **about)


def test_keys_and_pedals_go_with_their_steps():
    about = {"key_signature": 1, "key_changes": [(2, -3), (6, 4)], "pedals": [(0, 3, 1), (5, 8, 0)]}
    score = Score.from_grid([[0]] * 3 + [[60]] * 5, **about)
    later = score.without_leading_silence()
    assert (later.key_signature, later.key_changes) == (-3, ((3, 4),))
    assert later.pedals == ((2, 5, 0),)
    assert [score.key_signature_at(step) for step in (0, 1, 2, 7)] == [1, 1, -3, 4]
    opening = score.opening(6)
    assert (opening.key_changes, opening.pedals) == (((2, -3),), ((0, 3, 1), (5, 6, 0)))
    moved = score.transpose(1)
    assert (moved.key_signature, moved.key_changes) == (None, ())


@pytest.mark.parametrize("name", ["program", "volume", "pan"])
@pytest.mark.parametrize("number", [-1, 128])
def test_numbers_of_a_part_are_those_of_midi(name, number):
    with pytest.raises(ValueError, match=rf"`{name}` must be in 0\.\.127\. Received: {number}"):
        Part(**{name: number})


def test_a_piece_of_silence_stays_as_it_is():
    score = Score.from_grid([[0, 0], [0, 0]])
    assert score.without_leading_silence() == score


@pytest.mark.parametrize("metre", [(1, 64), (3, 128), (1, 1000)])
def test_a_metre_below_the_grid_has_a_bar_of_a_step(metre):
    score = Score.from_grid([[0], [0], [60]], metres=[(0, *metre)], upbeat=2)
    assert score.steps_per_bar == 1
    assert score.without_leading_silence().upbeat == 0
