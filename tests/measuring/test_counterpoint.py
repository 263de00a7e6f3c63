import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.measuring.counterpoint import (
    FIFTH,
    OCTAVE,
    UNITS,
    Parallel,
    chords,
    crossings,
    dissonances,
    ending,
    entropy_bits,
    find_copies,
    find_parallels,
    format_table,
    key_strengths,
    last_chord,
    longest_chord,
    measure,
    melodic_intervals,
    note_lengths,
    note_starts,
    on_beats,
    out_of_range,
    parallels,
    pitch_class_steps,
    triad_root,
    wide_spacings,
)
from bach_tf.score import Score

# Random pieces: few pitches, so that much repeats, and rests. Transposed they stay in 1..127.
PITCH = st.sampled_from([0, 48, 48, 50, 55, 60, 60, 62, 67, 72])
GRID = st.lists(st.tuples(*[PITCH] * 4), min_size=1, max_size=10).map(np.array)
SET = st.lists(GRID, min_size=1, max_size=3)

# Two bars of four voices: soprano, alto, tenor, bass, and for how many steps.
PHRASE = [
    ((67, 62, 59, 43), 4), ((69, 66, 62, 50), 4), ((71, 67, 62, 43), 2), ((72, 67, 64, 48), 6),
    ((71, 67, 62, 50), 4), ((69, 66, 62, 50), 4), ((67, 62, 59, 43), 8),
]  # fmt: skip
OTHER = [
    ((72, 67, 64, 48), 4), ((74, 67, 59, 55), 4), ((76, 67, 60, 48), 4), ((77, 69, 60, 53), 4),
]  # fmt: skip


def grid_of(held):
    return np.repeat([chord for chord, _ in held], [steps for _, steps in held], axis=0)


def moved(grid, semitones):
    return np.where(grid > 0, grid + semitones, 0)


# Parallels: a column for each of soprano-alto, soprano-tenor, soprano-bass, alto-tenor, ...


@pytest.mark.parametrize(
    ("first", "second", "fifths", "octaves"),
    [
        ((67, 60), (69, 62), 1, 0),  # up a second
        ((67, 60), (66, 59), 1, 0),  # down
        ((79, 60), (81, 62), 1, 0),  # twelfths
        ((79, 60), (69, 50), 1, 0),  # down a seventh
        ((67, 60), (81, 62), 1, 0),  # a fifth, then a twelfth, in the same direction
        ((72, 60), (74, 62), 0, 1),  # octaves
        ((60, 60), (62, 62), 0, 1),  # unisons
        ((72, 60), (62, 62), 0, 0),  # an octave, then a unison: contrary
        ((84, 60), (74, 62), 0, 0),  # two octaves, then one: contrary
        ((69, 60), (74, 67), 0, 0),  # hidden: a sixth, then a fifth
        ((64, 60), (74, 62), 0, 0),  # hidden: a third, then an octave
        ((67, 60), (69, 63), 0, 0),  # a fifth, then a tritone
        ((67, 60), (74, 55), 0, 0),  # a fifth, then a twelfth: contrary
        ((67, 60), (67, 60), 0, 0),  # repeated
        ((72, 60), (84, 60), 0, 0),  # one voice stays
        ((65, 60), (67, 62), 0, 0),  # fourths
        ((60, 67), (62, 69), 0, 0),  # crossed, a fifth below: counted as a fourth
        ((60, 65), (62, 67), 1, 0),  # crossed, a fourth below: counted as a fifth
        ((7, 0), (9, 2), 0, 0),  # from silence
        ((67, 60), (7, 0), 0, 0),  # to silence
        ((0, 0), (62, 62), 0, 0),
    ],
)
def test_parallels_of_two_chords(first, second, fifths, octaves):
    grid = np.array([first, second])
    assert parallels(grid, FIFTH).tolist() == [[bool(fifths)]]
    assert parallels(grid, OCTAVE).tolist() == [[bool(octaves)]]


def test_parallels_are_of_pairs_and_where_they_happen():
    grid = np.array([(67, 64, 60, 48), (67, 64, 60, 48), (69, 65, 62, 50), (69, 66, 62, 50)])
    fifths = np.zeros((3, 6), bool)
    fifths[1, [1, 2]] = True  # soprano with tenor and with bass
    octaves = np.zeros((3, 6), bool)
    octaves[1, 5] = True  # tenor with bass
    assert parallels(grid, FIFTH).tolist() == fifths.tolist()
    assert parallels(grid, OCTAVE).tolist() == octaves.tolist()


def test_one_voice_and_one_step_have_no_parallels():
    assert parallels(np.array([[60], [62]]), FIFTH).shape == (1, 0)
    assert parallels(np.array([[67, 60]]), FIFTH).shape == (0, 1)


# Where voices lie.


def test_a_voice_is_crossed_below_its_lower_neighbour():
    grid = np.array([(67, 64, 60, 48), (62, 64, 60, 48), (64, 64, 60, 61), (62, 0, 64, 48)])
    assert crossings(grid).tolist() == [
        [False, False, False],
        [True, False, False],
        [False, False, True],  # a unison is no crossing
        [False, False, False],  # nor does one reach over a voice that rests
    ]


def test_upper_neighbours_are_at_most_an_octave_apart():
    grid = np.array([(72, 60, 48, 24), (73, 60, 48, 36), (72, 64, 51, 36), (72, 0, 48, 0)])
    assert wide_spacings(grid).tolist() == [
        [False, False],
        [True, False],
        [False, True],
        [False, False],
    ]
    assert wide_spacings(np.array([(51, 64, 60, 48)])).tolist() == [[True, False]]  # crossed too


def test_ranges_are_inclusive_and_silence_is_in_range():
    grid = np.array([(60, 53, 48, 36), (81, 76, 69, 64), (59, 52, 47, 35), (82, 77, 70, 65)])
    assert out_of_range(grid).tolist() == [[False] * 4] * 2 + [[True] * 4] * 2
    assert not out_of_range(np.zeros((2, 4), int)).any()


# Notes.


def test_notes_begin_and_last_until_the_pitch_changes():
    grid = np.array([(60, 0), (60, 48), (62, 48), (62, 0), (0, 48), (62, 48)])
    assert note_starts(grid).astype(int).tolist() == [
        [1, 0], [0, 1], [1, 0], [0, 0], [0, 1], [1, 0],
    ]  # fmt: skip
    assert note_lengths(grid).tolist() == [2, 2, 1, 2, 2]  # of the soprano first
    assert note_lengths(np.zeros((3, 2), int)).tolist() == []


@given(GRID)
def test_notes_are_those_of_a_score(grid):
    score = Score.from_grid(grid)
    assert note_starts(grid).sum() == len(score)
    assert sorted(note_lengths(grid)) == sorted(score.duration)


def test_melodic_intervals_do_not_reach_over_rests():
    assert melodic_intervals(np.array([0, 60, 60, 67, 0, 60, 48, 48])).tolist() == [7, -12]
    assert melodic_intervals(np.array([60])).tolist() == []


# Pitch classes and harmony.


def test_the_entropy_of_pitch_classes_is_weighted_by_duration():
    counts = pitch_class_steps(np.array([(72, 60), (74, 60), (74, 0), (74, 62)]))
    assert counts.tolist() == [3, 0, 4] + [0] * 9
    assert entropy_bits(np.array([1, 1, 2])) == 1.5
    assert entropy_bits(np.array([0, 7])) == 0
    assert entropy_bits(np.zeros(12, int)) == 0


@pytest.mark.parametrize(
    ("chord", "dissonant"),
    [
        ((72, 67, 64, 48), False),  # a triad
        ((72, 67, 60, 52), False),  # a first inversion: the fourth above is none
        ((72, 64, 60, 43), True),  # a six-four chord
        ((69, 64, 60, 48), False),  # the sixth
        ((70, 67, 64, 48), True),  # the minor seventh
        ((71, 67, 64, 48), True),  # the major one
        ((74, 67, 64, 48), True),  # the ninth
        ((61, 0, 0, 48), True),  # the minor ninth
        ((66, 0, 60, 48), True),  # the tritone
        ((64, 60, 48, 55), False),  # no fourth: the tenor is lower than the bass
        ((72, 60, 0, 0), False),  # without a bass the lowest that sounds
        ((65, 60, 0, 0), True),
        ((60, 0, 0, 0), False),
        ((0, 0, 0, 0), False),
    ],
)
def test_dissonances_are_against_the_lowest_note(chord, dissonant):
    assert dissonances(np.array([chord])).tolist() == [dissonant]
    assert chords(np.array([chord])).tolist() == [np.count_nonzero(chord) > 1]


def test_beats_are_counted_from_the_bar_line():
    assert np.flatnonzero(on_beats(9)).tolist() == [0, 4, 8]
    assert np.flatnonzero(on_beats(9, upbeat=6)).tolist() == [2, 6]


@pytest.mark.parametrize(
    ("scale", "mode", "tonic"),
    [
        ((0, 2, 4, 5, 7, 9, 11, 0, 4, 7), 0, 0),
        ((2, 4, 6, 7, 9, 11, 1, 2, 6, 9), 0, 2),
        ((0, 2, 3, 5, 7, 8, 11, 0, 3, 7), 1, 0),
        ((9, 11, 0, 2, 4, 5, 8, 9, 0, 4), 1, 9),
    ],
)
def test_the_key_of_a_scale_with_its_triad(scale, mode, tonic):
    strengths = key_strengths(np.bincount(scale, minlength=12))
    assert np.unravel_index(strengths.argmax(), (2, 12)) == (mode, tonic)


def test_key_strengths_are_correlations_but_for_the_spread():
    counts = np.array([9, 0, 4, 1, 6, 3, 0, 8, 0, 5, 2, 1])
    strengths = key_strengths(counts) / (12 * np.linalg.norm(counts - counts.mean()))
    minor = np.array([6.33, 2.68, 3.52, 5.38, 2.6, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
    assert strengths[1, 9] * 12 == pytest.approx(np.corrcoef(counts, np.roll(minor, 9))[0, 1])


@pytest.mark.parametrize(
    ("chord", "root"),
    [
        ((48, 55, 64, 72), 0),
        ((52, 55, 60, 72), 0),  # first inversion
        ((55, 60, 64, 72), 0),  # second
        ((45, 52, 60, 69), 9),  # A minor
        ((48, 60, 64, 72), 0),  # without a fifth
        ((48, 60, 67, 72), None),  # without a third
        ((47, 50, 53, 62), None),  # diminished
        ((48, 52, 56, 60), None),  # augmented
        ((43, 53, 59, 62), None),  # a seventh chord
        ((60,), None),
        ((), None),
    ],
)
def test_triads_and_their_roots(chord, root):
    assert triad_root(np.array(chord, int)) == root


def test_the_ending_of_a_piece():
    scale = [(60 + step, 0, 0, 48) for step in (0, 2, 4, 5, 7, 9, 11)]
    assert ending(np.array([*scale, (72, 67, 64, 48)])) == (True, True, True)
    assert ending(np.array([*scale, (72, 67, 64, 48), (0, 0, 0, 0)])) == (True, True, True)
    assert ending(np.array([*scale, (72, 67, 60, 52)])) == (True, False, False)
    assert ending(np.array([*scale, (71, 67, 62, 43)])) == (True, True, False)  # the dominant
    assert ending(np.array([*scale, (71, 65, 62, 43)])) == (False, False, False)
    assert ending(np.zeros((2, 4), int)) == (False, False, False)
    assert last_chord(np.zeros((0, 4), int)).size == 0


def test_a_piece_in_minor_may_end_in_major():
    minor = [(60 + step, 0, 0, 48) for step in (0, 2, 3, 5, 7, 8, 11, 3, 3, 3)]
    assert ending(np.array([*minor, (72, 67, 64, 48)])) == (True, True, True)


# Copies.


def test_a_passage_is_found_in_another_key():
    piece = np.concatenate([grid_of(OTHER), grid_of(PHRASE[1:5])])  # 16 steps, and 16 of the phrase
    training = [grid_of(OTHER[::-1]), moved(grid_of(PHRASE), 3)]
    copies = find_copies([piece], training)
    assert (copies.start.tolist(), copies.steps.tolist()) == ([16], [16])
    assert (copies.changes.tolist(), copies.length.tolist()) == ([3], [32])


def test_a_piece_is_all_copied_from_itself():
    pieces = [grid_of(PHRASE), grid_of(OTHER)]
    copies = find_copies(pieces, [moved(piece, -5) for piece in pieces])
    assert copies.start.tolist() == [0, 0]
    assert copies.steps.tolist() == copies.length.tolist() == [32, 16]
    assert copies.changes.tolist() == [6, 3]


def test_a_passage_is_of_one_training_piece_and_one_piece():
    phrase = grid_of(PHRASE)
    copies = find_copies([phrase], [phrase[:20], phrase[20:]])
    assert (copies.start.tolist(), copies.steps.tolist()) == ([0], [20])
    copies = find_copies([phrase[:10], phrase[10:]], [phrase])
    assert copies.steps.tolist() == [10, 22]


def test_another_rhythm_or_another_voice_ends_a_passage():
    slower = grid_of([(chord, 8 if i == 3 else steps) for i, (chord, steps) in enumerate(PHRASE)])
    copies = find_copies([slower], [grid_of(PHRASE)])
    # From the start to the sixth step of the long chord; from there to the end it is 6 + 16 too.
    assert (copies.start.tolist(), copies.steps.tolist()) == ([12], [22])
    altered = grid_of(PHRASE)
    altered[10:16, 2] += 1
    copies = find_copies([altered], [grid_of(PHRASE)])
    assert (copies.start.tolist(), copies.steps.tolist()) == ([16], [16])
    assert find_copies([altered[:, :1]], [grid_of(PHRASE)[:, :1]]).steps.tolist() == [32]


def test_a_held_chord_alone_is_no_copy():
    held = grid_of([((72, 67, 64, 48), 16)])
    assert find_copies([held], [held]).steps.tolist() == [0]
    training = [held, grid_of([((74, 67, 65, 50), 1), ((72, 67, 64, 48), 2)])]
    copies = find_copies([grid_of([((74, 67, 65, 50), 4), ((72, 67, 64, 48), 16)])], training)
    assert (copies.start.tolist(), copies.steps.tolist()) == ([3], [3])
    assert find_copies([held], training, changes=1).changes.tolist() == [0]


def test_a_passage_may_have_to_move_more_often():
    piece = grid_of(PHRASE)
    assert find_copies([piece], [piece], changes=6).steps.tolist() == [32]
    assert find_copies([piece], [piece], changes=7).steps.tolist() == [0]


def test_a_general_rest_is_in_one_key():
    before, after = grid_of(PHRASE[:3]), grid_of(PHRASE[3:])
    rest = np.zeros((2, 4), int)
    training = [np.concatenate([before, rest, after])]
    same = np.concatenate([moved(before, 2), rest, moved(after, 2)])
    other = np.concatenate([before, rest, moved(after, 2)])
    assert find_copies([same], training).steps.tolist() == [34]
    assert find_copies([other], training).steps.tolist() == [22]  # the second half


def copied_steps_one_by_one(grid, training):
    """The same by trying all pairs of passages: of those that move, the most steps."""
    starts = [
        (grid[i:], other[k:])
        for other in training
        for i in range(len(grid))
        for k in range(len(other))
    ]
    return max(common_steps(one, other) for one, other in starts)


def common_steps(one, other):
    """Return how long two pieces are the same from their beginnings on, if they move by then."""
    shifts, steps = set(), 0
    for row, row_there in zip(one, other):
        shifts |= set((row - row_there)[row > 0].tolist())
        if len(shifts) > 1 or ((row > 0) != (row_there > 0)).any():
            break
        steps += 1
    return steps if (np.diff(one[:steps], axis=0) != 0).any() else 0


# The lower voice may rest. After a general rest the slow search would not know of the key before.
TWO_VOICES = st.lists(
    st.tuples(st.sampled_from([48, 48, 50, 60]), st.sampled_from([0, 48, 48, 50])),
    min_size=1,
    max_size=12,
).map(np.array)


@given(st.lists(TWO_VOICES, min_size=1, max_size=3), st.lists(TWO_VOICES, min_size=1, max_size=3))
def test_copies_are_those_that_a_slow_search_finds(grids, training):
    expected = [copied_steps_one_by_one(grid, training) for grid in grids]
    copies = find_copies(grids, training)
    assert copies.steps.tolist() == expected
    for grid, start, steps, changes in zip(grids, copies.start, copies.steps, copies.changes):
        passage = grid[start : start + steps]
        assert (np.diff(passage, axis=0) != 0).any(axis=1).sum() == changes


def test_copies_say_what_they_cannot_measure():
    piece = grid_of(PHRASE)
    with pytest.raises(ValueError, match="at least one piece to measure with a step"):
        find_copies([], [piece])
    with pytest.raises(ValueError, match="at least one training piece with a step"):
        find_copies([piece], [piece[:0]])
    with pytest.raises(ValueError, match=r"`changes` must be at least 1\. Received: changes=0"):
        find_copies([piece], [piece], changes=0)
    with pytest.raises(ValueError, match=r"with equal numbers of voices\. Received: .*\(1,\)"):
        find_copies([piece], [piece[:, :1]])
    with pytest.raises(ValueError, match=r"Expected grids \(T, V\)"):
        find_copies([piece[:, 0]], [piece[:, 0]])


# All of it.


def test_the_measures_of_a_small_piece():
    # C major, then D minor: parallels in soprano, tenor and bass; then the soprano leaps down.
    grid = grid_of([((67, 64, 60, 48), 4), ((69, 65, 62, 50), 4), ((57, 65, 62, 50), 2)])
    measures = measure([Score.from_grid(grid)], training=[Score.from_grid(moved(grid, 2))])
    expected = {
        "pieces": 1, "steps": 10, "notes": 9,
        "parallel_fifths": 2, "parallel_fifths_per_1000": 2000 / 9,
        "parallel_octaves": 1, "parallel_octaves_per_1000": 1000 / 9,
        "crossing": 0.2, "wide_spacing": 0, "out_of_range": 1 / 9,
        "length_mean": 40 / 9, "length_1": 0, "length_2": 1 / 9, "length_4": 5 / 9,
        "length_6": 3 / 9, "length_other": 0,
        "dissonant_on_beat": 0, "dissonant_off_beat": 0,
        "leaps_soprano": 0.5, "leaps_alto": 0, "leaps_over_octave_soprano": 0,
        "final_triad": 1, "final_root_position": 1,
        "copied_steps_max": 10, "copied_bars_max": 0.625, "copied_share_mean": 1,
        "copied_changes_mean": 2, "copied_long": 0, "copied_soprano_steps_mean": 10,
    }  # fmt: skip
    assert {name: measures[name] for name in expected} == pytest.approx(expected)
    # C, G, E, C for 4 steps each of 40; then D, A, F, D for 6.
    counts = Counter({"C": 8, "G": 4, "E": 4, "D": 12, "A": 6, "F": 6})
    assert measures["pitch_class_entropy"] == entropy_bits(np.array(list(counts.values())))
    assert set(measures) == set(UNITS)


def test_means_are_of_pieces_and_shares_of_steps():
    still = Score.from_grid(grid_of([((72, 67, 64, 48), 30)]))
    crossed = Score.from_grid(grid_of([((60, 67, 64, 48), 10)]))
    measures = measure([still, crossed])
    assert measures["crossing"] == 0.25
    assert measures["pitch_class_entropy"] == measures["pitch_class_entropy_of_all"] == 1.5
    assert np.isnan(measures["leaps_soprano"])  # nothing moves
    assert not any(name.startswith("copied") for name in measures)
    d_major = still.transpose(2)
    assert measure([still, d_major])["pitch_class_entropy_of_all"] == 2.5


def test_dissonances_are_on_the_beat_or_off_it():
    chords = [((72, 67, 64, 48), 2), ((74, 67, 65, 48), 2), ((72, 67, 64, 48), 4)]
    measures = measure([Score.from_grid(grid_of(chords))])
    assert (measures["dissonant_on_beat"], measures["dissonant_off_beat"]) == (0, 1 / 3)
    measures = measure([Score.from_grid(grid_of(chords), upbeat=2)])
    assert (measures["dissonant_on_beat"], measures["dissonant_off_beat"]) == (0.5, 1 / 6)


def test_a_chord_is_held_while_no_voice_moves():
    long, short = [((72, 67, 64, 48), 40), ((72, 67, 65, 48), 4)], [((72, 67, 64, 48), 16)]
    grids = [grid_of(held) for held in (long, short, [((0, 0, 0, 0), 50), ((60, 0, 0, 0), 2)])]
    assert [longest_chord(grid) for grid in grids] == [40, 16, 2]  # silence is no chord
    measures = measure([Score.from_grid(grid) for grid in grids])
    assert measures["longest_chord_bars_median"] == 1.0
    assert measures["longest_chord_bars_max"] == 2.5
    assert measures["long_chord"] == 1 / 3


def test_parallels_of_both_kinds_are_added():
    up = [((67, 60, 0, 48), 4), ((69, 62, 0, 50), 4)]  # a fifth, an octave, and a twelfth
    measures = measure([Score.from_grid(grid_of(up))])
    assert measures["parallel_fifths_per_1000"] == pytest.approx(1000 * 2 / 6)
    assert measures["parallel_octaves_per_1000"] == pytest.approx(1000 * 1 / 6)
    assert measures["parallels_per_1000"] == pytest.approx(1000 * 3 / 6)


def test_pieces_of_fewer_voices_or_without_notes_are_measured_too():
    tune, rest = Score.from_grid([[60], [67], [72]]), Score.from_grid([[0], [0]])
    measures = measure([tune, rest, Score.from_grid(np.zeros((0, 4), int))], training=[tune])
    assert (measures["notes"], measures["pieces"], measures["copied_steps_max"]) == (3, 3, 3)
    assert measures["leaps_soprano"] == 0.5
    assert np.isnan(
        [measures[name] for name in ("crossing", "dissonant_on_beat", "leaps_bass")]
    ).all()


def test_measures_say_what_they_cannot_measure(tiny_pieces):
    with pytest.raises(ValueError, match=r"at least one of the scores\. Received: none"):
        measure([])
    with pytest.raises(ValueError, match=r"at least one of the training scores\. Received: none"):
        measure(tiny_pieces, training=[])
    with pytest.raises(ValueError, match=r"at least one note\. Received: 1 without"):
        measure([Score.from_grid([[0, 0]])])
    five = Score.from_grid([[72, 67, 64, 60, 48]], title="quintet")
    with pytest.raises(
        ValueError, match=r"scores 1: expected at most 4 voices\. Received: 5.*quint"
    ):
        measure([tiny_pieces[0], five])
    with pytest.raises(ValueError, match="training scores 0: expected at most 4 voices"):
        measure(tiny_pieces, training=[five])
    fine = Score.from_grid([[60]], steps_per_quarter=12)
    with pytest.raises(ValueError, match=r"steps_per_quarter=4\. Received: 12"):
        measure([fine])


# What depends on the pitch itself; all else is the same in all keys.
ABSOLUTE = {"out_of_range"}


@given(SET, SET, st.integers(-20, 20))
def test_measures_are_the_same_in_all_keys(grids, training, semitones):
    if not any(grid.any() for grid in grids):
        grids = [np.full((1, 4), 60)]
    scores, training = ([Score.from_grid(grid) for grid in set_] for set_ in (grids, training))
    before = measure(scores, training)
    after = measure([score.transpose(semitones) for score in scores], training)
    assert before.keys() == after.keys()
    for name in before.keys() - ABSOLUTE:
        assert after[name] == pytest.approx(before[name], nan_ok=True), name


@given(SET, SET)
def test_measures_do_not_depend_on_the_order_of_pieces(grids, others):
    scores = [Score.from_grid(grid) for grid in (*grids, *others, np.full((2, 4), 60))]
    before, after = measure(scores, scores), measure(scores[::-1], scores[::-1])
    assert after == pytest.approx(before, nan_ok=True)
    # Each finds itself, where it moves.
    assert before["copied_steps_max"] == max(
        len(score.to_grid(4)) * bool((np.diff(score.to_grid(4), axis=0) != 0).any())
        for score in scores
    )


def test_a_table_stands_side_by_side():
    columns = {
        "train": {"pieces": 229, "crossing": 0.0237, "parallel_fifths": 0.166},
        "model": {"pieces": 20, "crossing": 0.1, "copied_bars_max": 4.5, "leaps_bass": np.nan},
    }
    assert format_table(columns) == (
        "                 train  model\n"
        "pieces             229     20\n"
        "crossing          2.37  10.00  % of steps\n"
        "parallel_fifths  0.166         per piece\n"
        "copied_bars_max         4.500  bars of 16\n"
        "leaps_bass                     % of intervals"
    )
    with pytest.raises(ValueError, match=r"measures of at least one set\. Received: none"):
        format_table({})


# The canonical chorales.


@pytest.fixture(scope="module")
def bach(real_data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACH_TF_HOME", str(tmp_path_factory.mktemp("home")))
        pieces = read_prepared(CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz"))
    training = pieces["train"]
    return {
        split: measure(scores, None if split == "train" else training)
        for split, scores in pieces.items()
    }


GOLDEN = {  # train, valid, test
    "notes": (49300, 15897, 17525),
    "parallel_fifths": (0.166, 0.184, 0.234),
    "parallel_fifths_per_1000": (0.771, 0.881, 1.027),
    "parallel_octaves": (0.127, 0.079, 0.078),
    "parallel_octaves_per_1000": (0.588, 0.377, 0.342),
    "parallels_per_1000": (1.359, 1.258, 1.369),
    "longest_chord_bars_median": (0.75, 0.75, 0.75),
    "longest_chord_bars_max": (2.0, 3.0, 1.5),
    "long_chord": (0, 0.0132, 0),
    "crossing": (0.0237, 0.0297, 0.0198),
    "wide_spacing": (0.0133, 0.0113, 0.0160),
    "pitch_class_entropy": (2.936, 2.920, 2.933),
    "pitch_class_entropy_of_all": (3.399, 3.425, 3.436),
    "length_mean": (4.473, 4.595, 4.298),
    "length_4": (0.4112, 0.3863, 0.4009),
    "dissonant_on_beat": (0.2102, 0.2146, 0.2198),
    "dissonant_off_beat": (0.3485, 0.3576, 0.3634),
    "leaps_bass": (0.1604, 0.1429, 0.1462),
    "final_root_position": (0.9869, 0.9737, 0.9870),
    "final_tonic": (0.7773, 0.7500, 0.7662),
}


def test_the_figures_of_the_canonical_chorales(bach):
    measured = {name: [bach[split][name] for split in bach] for name in GOLDEN}
    assert list(bach) == ["train", "valid", "test"]
    for name, values in GOLDEN.items():
        assert measured[name] == pytest.approx(values, abs=6e-4 if values[0] >= 0.05 else 6e-5), (
            name
        )


def test_what_the_canonical_chorales_share(bach):
    # All 164 steps of a validation piece stand in a training piece, in another key.
    assert [bach[split]["copied_steps_max"] for split in ("valid", "test")] == [164, 64]
    assert [bach[split]["copied_steps_median"] for split in ("valid", "test")] == [18, 16]
    assert [bach[split]["copied_soprano_steps_max"] for split in ("valid", "test")] == [292, 328]


def test_two_hundred_pieces_are_measured_in_seconds():
    random = np.random.default_rng(0)
    pieces = [
        Score.from_grid(np.repeat(random.integers(48, 72, (64, 4)), 4, axis=0)) for _ in range(229)
    ]
    start = time.process_time()
    assert measure(pieces[:200], training=pieces)["copied_steps_median"] == 256
    assert time.process_time() - start < 10


def test_a_parallel_starts_where_both_of_its_first_notes_sound():
    grid = np.array([[67, 59], [67, 60], [67, 60], [69, 62]])
    assert find_parallels(grid) == [Parallel("fifth", (0, 1), 1, 3)]
