"""The grid of a MIDI file's notes: exact, late as a whole, or meant by those who played them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi_bytes import PHRASE, QUARTER, part, save, set_up, struck

from bach_tf.formats.midi.grids import NoteGrid, grid_of_notes
from bach_tf.formats.midi.pieces import read_midi_piece
from bach_tf.formats.reading import GRIDS

# Where the notes of a quarter begin.
SIXTEENTHS, TRIPLETS, SEXTUPLETS = ([n / k for n in range(k)] for k in (4, 3, 6))
QUARTERS = [0.0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mid"


def onsets_of(*beats):
    """Return where notes begin that divide each quarter as given, in quarters."""
    return np.array([beat + place for beat, places in enumerate(beats) for place in places])


def played(onsets, off, seed=0):
    """Return onsets in ticks, each moved by up to `off`."""
    draw = np.random.default_rng(seed)
    moved = np.rint(onsets * QUARTER) + draw.integers(-off, off + 1, len(onsets))
    return np.maximum(0, moved).astype(int).tolist()


def melody(starts, shortest):
    """Return the events of notes that end shortly before others begin."""
    pitches = [60 + number % 5 for number in range(len(starts))]
    return struck(pitches, starts, [int(shortest * QUARTER * 0.85)] * len(starts))


PLAYED = {
    "sixteenths": (onsets_of(*[SIXTEENTHS] * 8), 4),
    "triplets": (onsets_of(*[TRIPLETS] * 8), 12),
    "sextuplets": (onsets_of(*[SEXTUPLETS] * 6), 12),
    "triplets beside quarters": (onsets_of(*[TRIPLETS, QUARTERS] * 6), 12),
    "triplets beside sixteenths": (onsets_of(*[TRIPLETS, SIXTEENTHS] * 4), 12),
    "thirty-seconds": (onsets_of(*[[0, 0.125, 0.25, 0.375, 0.5], QUARTERS] * 4), 8),
    "swung eighths": (onsets_of(*[[0, 2 / 3]] * 12), 12),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("off", [5, 10, 15])
@pytest.mark.parametrize("rhythm", PLAYED)
def test_what_was_played_is_read_as_it_was_meant(path, rhythm, off, seed):
    onsets, steps = PLAYED[rhythm]
    starts = played(onsets, off if steps < 8 or steps == 12 else min(off, 10), seed)
    tracks = part("Bass", channel=1), melody(starts, 1 / 8)
    piece = read_midi_piece(save(path, set_up(), *tracks), strict=True)
    score = piece.score
    assert (score.timing, score.voices, score.steps_per_quarter) == ("beats", 2, steps)
    read = score.onset[score.voice == 0] / steps
    assert np.allclose(sorted(read), sorted(onsets))
    assert "notes were moved to the nearest of" in piece.warnings[-1]


@pytest.mark.parametrize("swing", [0.54, 0.58, 0.6, 0.62, 2 / 3])
@pytest.mark.parametrize("off", [3, 10])
def test_swing_is_read_as_even_or_as_triplets_whatever_its_ratio(path, swing, off):
    even = onsets_of(*[[0, 0.5]] * 12)
    starts = played(onsets_of(*[[0, swing]] * 12), off)
    score = read_midi_piece(save(path, set_up(), melody(starts, 0.3))).score
    triplets = onsets_of(*[[0, 2 / 3]] * 12)
    wanted = even if swing < 0.57 else triplets if swing > 0.59 else None
    if wanted is None:
        assert score.steps_per_quarter in (4, 12)
    else:
        assert np.allclose(score.onset / score.steps_per_quarter, wanted)


def test_swung_sixteenths(path):
    starts = played(onsets_of(*[[0, 0.29, 0.5, 0.79]] * 8), 8)
    score = read_midi_piece(save(path, melody(starts, 0.2))).score
    assert score.timing == "beats"
    assert len(set(score.onset.tolist())) == 32


@pytest.mark.parametrize(
    ("habits", "steps"), [([0, 9, -12], 12), ([3, -8, 8], 12), ([0, 6, -6, -9], 4)]
)
@pytest.mark.parametrize("beats", [8, 32])
def test_what_a_player_always_does_needs_no_finer_grid(habits, steps, beats):
    onsets = onsets_of(*[np.arange(len(habits)) / len(habits)] * beats)
    starts = (np.rint(onsets * QUARTER) + np.tile(habits, beats)).astype(int).tolist()
    grid = grid_of_notes([(start, start + 97) for start in starts], QUARTER)
    assert grid.steps == steps
    assert np.allclose([grid.nearest(start, QUARTER) / steps for start in starts], onsets)


@pytest.mark.parametrize("late", [-12, 4, 10, 15, 20, 30])
@pytest.mark.parametrize(("rhythm", "steps"), [("sixteenths", 4), ("triplets", 12)])
def test_notes_that_are_all_late_are_moved_back(path, late, rhythm, steps):
    onsets = PLAYED[rhythm][0] + 1
    starts = (np.rint(onsets * QUARTER).astype(int) + late).tolist()
    piece = read_midi_piece(save(path, set_up(), melody(starts, 0.2)))
    assert piece.score.steps_per_quarter == steps
    assert np.allclose(piece.score.onset / steps, onsets)
    how = f"{abs(late)} ticks {'late' if late > 0 else 'early'}"
    assert re.match(
        rf"a\.mid: all notes are about {how} \(0\.\d+ of a quarter\)", piece.warnings[0]
    )


def test_notes_that_are_late_by_chance_and_habit(path):
    onsets = onsets_of(*[SIXTEENTHS] * 8)
    starts = played(onsets + 14 / QUARTER, 6)
    piece = read_midi_piece(save(path, set_up(), melody(starts, 0.2)))
    assert np.allclose(piece.score.onset / 4, onsets)
    assert "ticks late" in piece.warnings[0]


@pytest.mark.parametrize("gap", [1, 5, 10, 20])
def test_notes_that_end_early_need_no_finer_grid(path, gap):
    voice = part("Soprano", lengths=[QUARTER - gap] * 8)
    piece = read_midi_piece(save(path, set_up(), voice))
    assert (piece.score.steps_per_quarter, piece.score.duration.tolist()) == (4, [4] * 8)
    assert piece.warnings == ()


def test_staccato_keeps_its_rests_and_is_reported(path):
    piece = read_midi_piece(save(path, set_up(), part("Soprano", lengths=[190] * 8)))
    assert piece.score.duration.tolist() == [2] * 8
    (said,) = piece.warnings
    assert said == (
        "a.mid: bar 1, beat 1.4: 8 notes end between two steps: their ends were moved to the "
        "nearest of 4 steps of a quarter"
    )


def test_places_that_nobody_writes_are_no_exact_grid(path):
    # Every other note is 10 ticks early: 1/48 of a quarter.
    starts = [QUARTER * n - 10 * (n % 2) for n in range(8)]
    score = read_midi_piece(save(path, part("Soprano", starts=starts))).score
    assert (score.steps_per_quarter, score.onset.tolist()) == (4, list(range(0, 32, 4)))


@pytest.mark.parametrize("quarter", [24, 48, 96, 120, 192, 960])
@pytest.mark.parametrize("rhythm", ["sixteenths", "triplets", "triplets beside sixteenths"])
def test_files_of_any_resolution(quarter, rhythm):
    onsets, steps = PLAYED[rhythm]
    off = quarter // 48 or int(rhythm in ("sixteenths", "triplets"))
    draw = np.random.default_rng(1)
    for moved in (np.zeros(len(onsets)), draw.integers(-off, off + 1, len(onsets))):
        starts = np.maximum(0, np.rint(onsets * quarter) + moved).astype(int).tolist()
        grid = grid_of_notes([(start, start + quarter // 4) for start in starts], quarter)
        assert grid.steps == steps
        read = [grid.nearest(start, quarter) / steps for start in starts]
        assert np.allclose(read, onsets)


@pytest.mark.parametrize("division", [5, 7, 9, 11])
def test_tuplets_are_read_exactly(path, division):
    starts = [round(QUARTER * n / division) for n in range(2 * division)]
    score = read_midi_piece(save(path, struck([60, 62] * division, starts))).score
    assert score.steps_per_quarter == 4 * division
    assert score.onset.tolist() == list(range(0, 8 * division, 4))


def test_a_few_notes_between_the_steps_leave_the_grid_to_the_others(path):
    written = onsets_of(*[[0, 0.125, 0.25], TRIPLETS] * 40, [n / 5 for n in range(3)])
    starts = np.rint(written * QUARTER).astype(int).tolist()
    piece = read_midi_piece(save(path, struck([60, 62, 64] * 81, starts, [50] * 243)))
    assert piece.score.steps_per_quarter == 24
    assert "2 of 243 notes were moved to the nearest of 24 steps" in piece.warnings[-1]
    assert np.allclose(piece.score.onset[:-2] / 24, written[:-2])


def test_a_grid_that_is_asked_for_is_taken(path):
    onsets, _ = PLAYED["triplets"]
    save(path, set_up(), melody(played(onsets, 10), 0.3))
    for name in ("sixteenths", "triplets", "fine"):
        score = read_midi_piece(path, GRIDS[name]).score
        assert score.steps_per_quarter == GRIDS[name].steps_per_quarter
        assert np.abs(score.onset / score.steps_per_quarter - onsets).max() <= 0.1
    assert read_midi_piece(path, GRIDS["seconds"]).score.timing == "seconds"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [32, 500])
def test_notes_without_a_beat_have_no_grid(seed, size):
    draw = np.random.default_rng(seed)
    starts = np.cumsum(draw.integers(20, 700, size)).tolist()
    assert grid_of_notes([(start, start + 90) for start in starts], QUARTER) is None


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40), st.sampled_from([24, 96, 480]))
def test_any_notes_have_a_grid_that_keeps_their_order(starts, quarter):
    grid = grid_of_notes([(start, start + 10) for start in starts], quarter)
    if grid is not None:
        steps = [grid.nearest(start, quarter) for start in sorted(starts)]
        assert steps == sorted(steps)
        assert steps[0] >= 0


def test_places_on_a_finer_grid():
    assert NoteGrid(4, (0, 2), 3).finer(8) == NoteGrid(8, (0, 4), 3)
    assert NoteGrid(12, (0, 4, 8)).finer(8) == NoteGrid(8)


def test_a_phrase_of_a_few_notes(path):
    starts = played(np.arange(8.0), 12)
    assert read_midi_piece(save(path, part("Alto", starts=starts))).score.pitch.tolist() == list(
        PHRASE["Alto"]
    )
