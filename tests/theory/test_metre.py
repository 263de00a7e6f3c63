from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.corpora.preparation.chorale_scores import chorale_files, read_chorale
from bach_tf.score import Score
from bach_tf.theory.accents import ACCENTS, accents
from bach_tf.theory.metre import find_metre, with_metre

TONIC, DOMINANT, SUSPENDED = (72, 64, 60, 48), (71, 67, 62, 43), (72, 67, 62, 43)
SUBDOMINANT, SEVENTH = (72, 69, 65, 41), (71, 67, 65, 43)
# Chords, and how many sixteenths each lasts: two bars of three quarters.
IN_THREE = [(TONIC, 8), (SUBDOMINANT, 4), (SUSPENDED, 4), (DOMINANT, 8)]


def piece(chords, **about):
    return Score.from_grid(np.repeat(*zip(*chords), axis=0), **about)


def stretched(score, places):
    """Return a piece whose quarters have their four sixteenths, and their end, at these places."""

    def moved(steps):
        return steps // 4 * places[-1] + np.array(places)[steps % 4]

    onset, end = moved(score.onset), moved(score.onset + score.duration)
    return replace(score, onset=onset, duration=end - onset, length=int(moved(score.length)))


@pytest.fixture(scope="module")
def chorales():
    """Real ones, none of them among those that the weights are fitted to, with no metre said."""
    names = ("bwv269", "bwv66.6", "bwv40.8", "bwv122.6")
    paths = {path.stem: path for path in chorale_files()}
    scores = {name: read_chorale(paths[name]) for name in names}
    return {name: replace(score, metres=(), upbeat=0) for name, score in scores.items()}


@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("bwv269", ((3, 4), 4)),
        ("bwv66.6", ((4, 4), 4)),
        ("bwv40.8", ((4, 4), 0)),
        ("bwv122.6", ((3, 4), 0)),
    ],
)
def test_the_bars_of_a_chorale_are_found_from_its_notes(chorales, name, bars):
    score = chorales[name]
    assert find_metre(score) == bars
    assert find_metre(score.transpose(-3)) == bars
    # What a model writes says less: repeated notes are held, and it may stop after eight bars.
    assert find_metre(Score.from_grid(score.to_grid())) == bars
    assert find_metre(score.opening(128)) == bars


def test_bars_are_found_in_other_note_values(chorales):
    three, four = chorales["bwv269"], chorales["bwv66.6"]
    assert find_metre(stretched(three, (0, 2, 4, 6, 8))) == ((3, 2), 8)
    assert find_metre(stretched(four, (0, 2, 4, 5, 6))) == ((6, 8), 6)  # quarter and eighth


def test_the_upbeat_is_in_steps_of_the_grid(chorales):
    fine = stretched(chorales["bwv269"], (0, 2, 4, 6, 8))
    assert find_metre(replace(fine, steps_per_quarter=8)) == ((3, 4), 8)
    coarse = Score.from_grid(piece(IN_THREE * 8).to_grid()[::4], steps_per_quarter=1)
    assert find_metre(coarse) == ((3, 4), 0)
    assert find_metre(Score.from_grid(coarse.to_grid()[2:], steps_per_quarter=1)) == ((3, 4), 1)


def test_a_score_gets_the_metre_that_it_lacks():
    score = piece([(DOMINANT, 4), *IN_THREE * 8], title="New")
    assert with_metre(score) == replace(score, metres=((0, 3, 4),), upbeat=4)
    known = replace(score, metres=((0, 4, 4),), upbeat=0)
    assert with_metre(known) is known


@pytest.mark.parametrize(
    "score",
    [
        Score.from_grid(np.zeros((0, 4), int)),
        Score.from_grid(np.zeros((64, 4), int)),
        piece(IN_THREE[:4]),
        piece(IN_THREE * 8, timing="seconds"),
    ],
    ids=["empty", "silent", "seven onsets at most", "seconds"],
)
def test_where_there_is_nothing_to_go_by_no_metre_is_found(score):
    assert find_metre(score) is None
    assert with_metre(score) is score


@given(
    notes=st.lists(
        st.tuples(st.integers(0, 90), st.integers(1, 20), st.integers(0, 127), st.integers(0, 5)),
        min_size=1,
        max_size=60,
    ),
    grid=st.integers(1, 12),
)
def test_any_notes_have_a_metre_with_an_upbeat_shorter_than_a_bar(notes, grid):
    onset, duration, pitch, voice = np.array(notes).T
    score = Score(
        onset=onset, duration=duration, pitch=pitch, voice=voice,
        velocity=np.full(len(notes), 80), length=int((onset + duration).max()),
        steps_per_quarter=grid,
    )  # fmt: skip
    found = with_metre(score)
    assert bool(found.metres) == (np.unique(onset).size >= 8)
    assert found.upbeat < max(1, found.steps_per_bar)


def test_accents_of_a_cadence():
    # A chord, a suspended fourth, its resolution, a seventh in passing, and the tonic.
    score = piece([(TONIC, 4), (SUSPENDED, 4), (DOMINANT, 2), (SEVENTH, 2), (TONIC, 8)])
    marks = dict(zip(ACCENTS, accents(score, 2).tolist()))
    assert marks["strikes"] == [1, 0, 0.75, 0, 0.25, 0.25, 1, 0, 0, 0]
    assert marks["long_top"] == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0]  # the fourth is held from before
    assert marks["long_bass"] == [0, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert marks["suspension"] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert marks["fifth"] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert marks["harmony"] == [0, 0, 2 / 3, 0, 1 / 3, 2 / 3, 1, 0, 0, 0]
    assert marks["run"] == [0, 0, 0, 0, 0, 1 / 3, 1 / 3, 0, 0, 0]


def test_a_bass_that_enters_does_not_fall():
    enters = piece([((72, 64, 60, 0), 4), ((0, 0, 0, 0), 4), ((72, 64, 60, 49), 4)])
    assert not accents(enters, 2)[ACCENTS.index("fifth")].any()
