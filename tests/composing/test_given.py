"""What is given of a piece, and what that leaves to its cells."""

import numpy as np
import pytest

from bach_tf.codecs import MelodyCodec, SatbCodec
from bach_tf.composing.given import Given, bar_start
from bach_tf.composing.given_tokens import ANY, BEGINS, FREE, HOLDS, GivenTokens
from bach_tf.score import Score

CODEC = SatbCodec(60, 63, order=[0, 3, 1, 2])
C, D = CODEC.FIRST_PITCH, CODEC.FIRST_PITCH + 2
PIECE = Score.from_grid([[67, 62, 59, 43], [67, 62, 0, 43], [69, 62, 57, 50]], metres=[(0, 3, 4)])
NOTHING = [None] * 4


def ids_of(given, step, voice, codec=CODEC):
    """Return the ids that a cell may be."""
    constraints = given.constraints(codec)
    return np.flatnonzero(constraints.allowed[4 * step + codec.order.index(voice)]).tolist()


def test_cells_are_given_by_voice_and_step():
    given = Given.from_grid([[60, None, 0, float("nan")], NOTHING])
    assert given.cells.tolist() == [[60, FREE, 0, FREE], [FREE] * 4]
    assert [ids_of(given, 0, voice) for voice in range(4)] == [
        [C], [3, 4, 5, 6, 7], [CODEC.SILENT], [3, 4, 5, 6, 7],
    ]  # fmt: skip
    # Soprano and tenor, in the order of writing.
    assert given.constraints(CODEC).given.tolist() == [True, False, False, True, *[False] * 4]
    assert given.share == 0.25


def test_a_note_that_begins_is_no_silence_and_another_one_than_before():
    given = Given.from_grid([NOTHING, [60, None, None, None]], onsets=[[ANY] * 4, [BEGINS] * 4])
    assert ids_of(given, 0, 0) == [3, 5, 6, 7]
    assert ids_of(given, 1, 1) == [4, 5, 6, 7]
    assert given.constraints(CODEC).links.tolist() == [ANY] * 4 + [BEGINS] * 4


def test_a_held_cell_is_what_its_neighbours_are():
    grid = [NOTHING, [62, None, None, None], NOTHING, NOTHING]
    onsets = [[ANY] * 4, [HOLDS, 0, 0, 0], [HOLDS, 0, 0, 0], [BEGINS, 0, 0, 0]]
    given = Given.from_grid(grid, onsets=onsets)
    assert [ids_of(given, step, 0) for step in range(4)] == [[D], [D], [D], [4, 5, 7]]


def test_voices_of_a_piece_are_kept():
    given = Given.of(PIECE, ["bass", "soprano"])
    assert given.cells.tolist() == [[67, FREE, FREE, 43]] * 2 + [[69, FREE, FREE, 50]]
    assert given.ends
    assert not Given.of(PIECE, ["bass"], ends=False).ends


def test_a_melody_becomes_a_voice():
    tune = Score.from_grid([[60], [60], [0]])
    assert Given.melody(tune, "tenor").cells.T.tolist() == [
        [FREE] * 3, [FREE] * 3, [60, 60, 0], [FREE] * 3,
    ]  # fmt: skip


def test_some_steps_are_rewritten():
    given = Given.rewrite(PIECE, 1, 3, ["alto", "tenor"])
    assert given.cells.tolist() == [[67, 62, 59, 43], [67, FREE, FREE, 43], [69, FREE, FREE, 50]]
    assert Given.rewrite(PIECE, 0, 1).cells[:2].tolist() == [[FREE] * 4, [67, 62, 0, 43]]


def test_bars_begin_where_the_metre_says():
    score = Score.from_grid([[60]] * 44, metres=[(0, 4, 4), (20, 3, 4)], upbeat=4)
    assert [bar_start(score, bar) for bar in range(5)] == [0, 4, 20, 32, 44]
    with pytest.raises(ValueError, match=r"has bars 0..3. Received: bar 5"):
        bar_start(score, 5)


def test_where_the_last_chord_begins_and_on_which_tonics():
    def last(*rows):
        constraints = Given.from_grid(rows).constraints(SatbCodec(30, 90))
        return constraints.last_onset, np.flatnonzero(constraints.tonics).tolist()

    melody = [[64, None, None, None]], [[67, None, None, None]]
    assert last(*melody[0], *melody[1] * 3) == (1, [0, 3, 4, 7])
    assert last([67, None, None, 48], [67, None, None, 50], [67, None, None, 48]) == (2, [0])
    assert last(*melody[0] * 3) == (0, [0, 1, 4, 9])
    assert last(*melody[0], NOTHING) == (None, list(range(12)))
    assert last([61, None, None, 48]) == (0, list(range(12)))  # no triad


@pytest.mark.parametrize(
    ("rows", "onsets", "message"),
    [
        ([[60, *[None] * 3], [62, *[None] * 3]], [[0] * 4, [HOLDS, 0, 0, 0]], "soprano, bar 1"),
        ([[None] * 3 + [60]] * 5, [*[[0] * 4] * 4, [0, 0, 0, BEGINS]], "bass, bar 1, beat 2"),
        ([NOTHING], [[0, HOLDS, 0, 0]], "nothing stands before.* free, holds .alto, bar 1, beat 1"),
        ([[None, 0, None, None]], [[0, BEGINS, 0, 0]], "silence, begins .alto"),
    ],
)
def test_cells_that_contradict_each_other(rows, onsets, message):
    with pytest.raises(ValueError, match=f"contradicts itself.*{message}"):
        Given.from_grid(rows, onsets=onsets)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Given.nothing(0), r"a grid of 4 voices.* \(0, 4\)"),
        (lambda: Given.from_grid([[60, None]]), r"a grid of 4 voices.* \(1, 2\)"),
        (lambda: Given.from_grid([[60] * 4, [60]]), "rows of 4 voices"),
        (lambda: Given.from_grid([[60.5, *[None] * 3]]), "whole number of at least 0.*60.5"),
        (lambda: Given.from_grid([[-1, *[None] * 3]]), "whole number of at least 0.*-1"),
        (lambda: Given.from_grid([[128, *[None] * 3]]), r"`cells` must be .* -1\.\.127.*128"),
        (lambda: Given(np.zeros((1, 4))), "`cells` must be whole numbers"),
        (lambda: Given(np.zeros((1, 4), int), np.zeros((2, 4), int)), "the shape of the cells"),
        (lambda: Given(np.zeros((1, 4), int), np.full((1, 4), 3)), r"`onsets` must be .* 0\.\.2"),
        (lambda: Given.of(PIECE, ["sopran"]), "Unknown voice 'sopran'.*mean 'soprano'"),
        (lambda: Given.melody(PIECE), "Expected one voice. Received: 4"),
        (lambda: Given.rewrite(PIECE, 2, 4), r"steps of the piece, 0\.\.3.* 2\.\.4"),
        (lambda: Given.masked(PIECE, np.ones((2, 4), bool)), r"\(3, 4\)\. Received: \(2, 4\)"),
        (
            lambda: Given.of(Score.from_grid([[60]], steps_per_quarter=8), ["bass"]),
            "4 steps in a quarter. Received: 8",
        ),
        (lambda: Given.nothing(2).constraints(MelodyCodec(60, 62)), "writes four voices.* melody"),
        (lambda: GivenTokens([]), "ids of a piece in a row"),
        (lambda: GivenTokens([-2]), "ids of a piece in a row"),
    ],
)
def test_what_is_no_way_to_give(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_note_that_the_run_does_not_know_is_named():
    score = Score.from_grid([[60] * 4] * 9 + [[60, 60, 70, 60]], metres=[(0, 3, 4)], upbeat=4)
    with pytest.raises(ValueError, match=r"C4\.\.D#4, .*A#4 \(tenor, bar 1, beat 2.25\)"):
        Given.of(score, ["tenor"]).constraints(CODEC)


def test_tokens_of_a_melody_are_given():
    codec = MelodyCodec(60, 67, metres=[(3, 4)], upbeats=[0])
    tune = Score.from_grid([[60], [60], [62], [64]], metres=[(0, 3, 4)])
    given = GivenTokens.rewrite(codec, tune, 1, 3)
    tokens = ["3/4", "upbeat:0", "C4", None, None, "E4"]
    assert [None if x == FREE else codec.tokens[x] for x in given.ids] == tokens
    constraints = given.constraints(codec)
    assert constraints.given.tolist() == [True, True, True, False, False, True]
    assert (
        constraints.allowed[3].tolist()
        == (codec.may_follow[0] & (np.arange(codec.vocab_size) != codec.END)).tolist()
    )
    assert given.share == 4 / 6


@pytest.mark.parametrize(
    ("codec", "ids", "message"),
    [
        (MelodyCodec(60, 62), [99], "'99' as token 0 of 1"),
        (MelodyCodec(60, 62), [6, 2], "'<end>' as token 1 of 2"),
        (MelodyCodec(60, 62, metres=[(3, 4)], upbeats=[0]), [6, 6, 6], "'C4' as token 0 of 3"),
        (CODEC, [4] * 6, "whole steps of 4 tokens behind the 0 .* 6 tokens"),
    ],
)
def test_tokens_that_cannot_stand_there(codec, ids, message):
    with pytest.raises(ValueError, match=message):
        GivenTokens(np.array(ids)).constraints(codec)


def test_steps_of_a_melody_that_are_none():
    codec = MelodyCodec(60, 67)
    with pytest.raises(ValueError, match=r"steps of the piece, 0\.\.2, .* 1\.\.3"):
        GivenTokens.rewrite(codec, Score.from_grid([[60], [62]]), 1, 3)
