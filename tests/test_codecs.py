import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.codecs import CODECS, PAD, VELOCITIES, SatbCodec
from bach_tf.corpora.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES
from bach_tf.score import Score

LOWEST, HIGHEST = 36, 81
PITCHES = st.sampled_from([0, 0, LOWEST, 48, 60, 60, 67, HIGHEST])
SHIFTS = range(-13, 14)

every_codec = pytest.mark.parametrize("name", CODECS)


def grids(pitches=PITCHES):
    return st.integers(0, 12).flatmap(lambda steps: arrays(np.int32, (steps, 4), elements=pitches))


def codec_of(name):
    return CODECS[name].for_range(LOWEST, HIGHEST)


# The contract: every codec.


@every_codec
@given(grid=grids())
def test_score_to_ids_and_back(name, grid):
    codec, score = codec_of(name), Score.from_grid(grid, velocity=VELOCITIES)
    ids = codec.encode(score)
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert codec.decode(ids) == score


@every_codec
@given(grid=grids())
def test_padding_is_0_and_never_music(name, grid):
    codec, score = codec_of(name), Score.from_grid(grid, velocity=VELOCITIES)
    ids = codec.encode(score)
    assert PAD == 0
    assert PAD not in ids
    assert not codec.counted[PAD]
    assert not codec.may_follow[:, PAD].any()
    assert codec.decode(np.pad(ids, (3, 5))) == score


@every_codec
@given(grid=grids())
def test_a_piece_is_from_start_to_end_and_in_the_vocabulary(name, grid):
    codec = codec_of(name)
    ids = codec.encode(Score.from_grid(grid))
    assert (ids[0], ids[-1]) == (codec.START, codec.END)
    assert not {codec.START, codec.END} & set(ids[1:-1].tolist())
    assert ids.max() < codec.vocab_size


@every_codec
@given(grid=grids())
def test_what_follows_in_a_piece_may_follow(name, grid):
    codec = codec_of(name)
    period, ids = len(codec.may_follow), codec.encode(Score.from_grid(grid))[1:]
    assert codec.may_follow.shape == (period, codec.vocab_size)
    assert codec.may_follow.dtype == bool
    assert not codec.may_follow[:, codec.START].any()
    assert codec.may_follow[:, codec.END].any()
    assert codec.may_follow[np.arange(len(ids)) % period, ids].all()


@every_codec
def test_what_is_counted_is_music(name):
    codec = codec_of(name)
    assert codec.counted.shape == (codec.vocab_size,)
    assert codec.counted.dtype == bool
    assert not codec.counted[[PAD, codec.START, codec.END]].any()
    assert codec.counted.any()


@every_codec
def test_every_position_belongs_to_a_voice(name):
    codec = codec_of(name)
    voices = codec.voice_of(range(40))
    assert set(voices.tolist()) == set(range(len(codec.voice_names)))


@every_codec
@given(
    bounds=st.lists(st.integers(LOWEST_PITCH, HIGHEST_PITCH), min_size=2, max_size=2).map(sorted)
)
def test_config_to_codec_and_back(name, bounds):
    codec = CODECS[name].for_range(*bounds)
    config = json.loads(json.dumps(codec.to_config()))
    again = CODECS[name].from_config(config)
    assert again.to_config() == config
    assert again.vocab_size == codec.vocab_size
    score = Score.from_grid([bounds * 2])
    assert again.encode(score).tolist() == codec.encode(score).tolist()


@every_codec
def test_a_range_beyond_the_layout_is_cut(name):
    codec = CODECS[name].for_range(0, 127)
    assert codec.to_config() == CODECS[name]().to_config()


@every_codec
def test_transposition_table(name):
    codec = codec_of(name)
    table = codec.transposition([-1, 0, 1])
    assert table.dtype == np.int32
    assert table.shape == (3, codec.vocab_size)
    assert table[1].tolist() == list(range(codec.vocab_size))
    assert (table >= 0).all()
    assert (table < codec.vocab_size).all()
    assert codec.transposition([]).shape == (0, codec.vocab_size)


@every_codec
@given(grid=grids(st.sampled_from([0, 49, 60, 68])), shift=st.sampled_from(SHIFTS))
def test_the_table_moves_ids_as_a_score_is_transposed(name, grid, shift):
    codec, score = codec_of(name), Score.from_grid(grid)
    (row,) = codec.transposition([shift])
    assert row[codec.encode(score)].tolist() == codec.encode(score.transpose(shift)).tolist()


@every_codec
@given(grid=grids(), shift=st.sampled_from(SHIFTS))
def test_what_leaves_the_vocabulary_becomes_padding(name, grid, shift):
    codec, score = codec_of(name), Score.from_grid(grid)
    (row,) = codec.transposition([shift])
    moved = score.pitch + shift
    leaves = bool(len(moved)) and not LOWEST <= moved.min() <= moved.max() <= HIGHEST
    assert (PAD in row[codec.encode(score)]) == leaves


@every_codec
@given(data=st.data())
def test_any_ids_are_a_score(name, data):
    codec = codec_of(name)
    ids = data.draw(st.lists(st.integers(0, codec.vocab_size - 1), max_size=40))
    score = codec.decode(ids)
    score.to_grid(4)
    assert codec.decode(codec.encode(score)) == score


@every_codec
@pytest.mark.parametrize("wrong", [-1, None])
def test_ids_outside_the_vocabulary_are_refused(name, wrong):
    codec = codec_of(name)
    wrong = codec.vocab_size if wrong is None else wrong
    with pytest.raises(
        ValueError, match=rf"Ids must be in 0\.\.{codec.vocab_size - 1}\. .*{wrong}"
    ):
        codec.decode([1, 4, wrong, 5])


@every_codec
@pytest.mark.parametrize("pitch", [LOWEST - 1, HIGHEST + 1])
def test_pitches_without_an_id_are_refused(name, pitch):
    score = Score.from_grid([[60, 60, 60, 60], [60, 60, pitch, 60]], title="BWV 1")
    message = rf"Pitches must be in 36\.\.81.*Received: {pitch} \(tenor, step 1, BWV 1\)"
    with pytest.raises(ValueError, match=message):
        codec_of(name).encode(score)


@every_codec
def test_another_grid_is_refused(name):
    score = Score.from_grid([[60] * 4], steps_per_quarter=8)
    with pytest.raises(
        ValueError, match=r"`steps_per_quarter` must be 4\. Received: 8 \(a score\)"
    ):
        codec_of(name).encode(score)


# Four voices in turn.


def test_five_voices_are_refused():
    with pytest.raises(ValueError, match=r"Expected at most 4 voices\. Received: 5"):
        SatbCodec().encode(Score.from_grid([[60] * 5]))


def test_two_notes_of_a_voice_at_a_time_are_refused():
    two = Score(
        onset=[0, 0], duration=[4, 4], pitch=[60, 64], voice=[0, 0], velocity=[80, 80], length=4
    )
    with pytest.raises(ValueError, match="one note at a time"):
        SatbCodec().encode(two)


def test_two_steps_by_hand():
    codec = SatbCodec(lowest=36, highest=81)
    score = Score.from_grid([[67, 62, 59, 43], [67, 0, 81, 36]], velocity=VELOCITIES)
    ids = [1, 35, 30, 27, 11, 35, 3, 49, 4, 2]
    assert codec.vocab_size == 50
    assert codec.encode(score).tolist() == ids
    assert codec.decode(ids) == score
    assert codec.transposition([1, -1])[:, ids].tolist() == [
        [1, 36, 31, 28, 12, 36, 3, 0, 5, 2],
        [1, 34, 29, 26, 10, 34, 3, 48, 0, 2],
    ]


@pytest.mark.parametrize(
    ("ids", "grid"),
    [
        ([], []),
        ([1], []),
        ([1, 2], []),
        ([2, 28, 28, 28, 28], []),  # after the end
        ([28], [[60, 0, 0, 0]]),  # a partial last step
        ([1, 28, 27, 26, 4, 28, 27, 2], [[60, 59, 58, 36], [60, 59, 0, 0]]),
        ([28, 0, 27, 1, 26, 0, 4], [[60, 59, 58, 36]]),  # padding and start in the middle
        ([1, 28, 27, 26, 4, 2, 49, 49, 49, 49, 2], [[60, 59, 58, 36]]),
        ([3, 3, 3, 3, 0, 0], [[0, 0, 0, 0]]),
    ],
)
def test_ids_that_are_no_proper_piece(ids, grid):
    score = SatbCodec(lowest=36, highest=81).decode(ids)
    assert score.to_grid(4).tolist() == grid


def test_voices_have_their_own_velocity():
    score = SatbCodec().decode([40, 41, 42, 43])
    assert dict(zip(score.voice.tolist(), score.velocity.tolist())) == dict(enumerate(VELOCITIES))


def test_a_piece_ends_between_two_steps():
    codec = SatbCodec(lowest=60, highest=61)
    assert codec.may_follow.astype(int).tolist() == [
        [0, 0, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
    ]
    assert codec.counted.astype(int).tolist() == [0, 0, 0, 1, 1, 1]
    assert codec.voice_names == VOICES
    assert codec.voice_of([0, 1, 2, 3, 4]).tolist() == [0, 1, 2, 3, 0]


def test_the_id_of_each_pitch():
    ids = SatbCodec(lowest=60, highest=61).pitch_ids
    assert ids.shape == (128,)
    assert {int(pitch): int(ids[pitch]) for pitch in np.flatnonzero(ids)} == {0: 3, 60: 4, 61: 5}


@pytest.mark.parametrize("bounds", [(20, 81), (36, 109), (61, 60)])
def test_bounds_of_the_pitches(bounds):
    lowest, highest = bounds
    message = rf"in 21\.\.108, in order\. Received: lowest={lowest}, highest={highest}"
    with pytest.raises(ValueError, match=message):
        SatbCodec(lowest, highest)
