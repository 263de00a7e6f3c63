import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.codecs import VELOCITIES, SatbCodec
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES
from bach_tf.score import Part, Score

LOWEST, HIGHEST = 36, 81

PARTS = [Part(name) for name in ("soprano", "alto", "tenor", "bass")]


@given(
    bounds=st.lists(st.integers(LOWEST_PITCH, HIGHEST_PITCH), min_size=2, max_size=2).map(sorted)
)
def test_config_to_codec_and_back(bounds):
    codec = SatbCodec.for_range(*bounds)
    config = json.loads(json.dumps(codec.to_config()))
    again = SatbCodec.from_config(config)
    assert again.to_config() == config
    assert again.vocab_size == codec.vocab_size
    score = Score.from_grid([bounds * 2])
    assert again.encode(score).tolist() == codec.encode(score).tolist()


def test_a_range_beyond_the_layout_is_cut():
    assert SatbCodec.for_range(0, 127).to_config() == SatbCodec().to_config()
    scores = [Score.from_grid([[100, 100, 100, 30]])]
    codec = SatbCodec.fit(scores, transpose=(-12, 9))
    assert (codec.lowest, codec.highest) == (LOWEST_PITCH, HIGHEST_PITCH)


def test_the_range_is_that_of_the_scores_transposed():
    scores = [Score.from_grid([[70, 60, 60, 0]]), Score.from_grid([[60, 60, 60, 50]])]
    codec = SatbCodec.fit(scores, transpose=(-2, 3))
    assert (codec.lowest, codec.highest) == (48, 73)
    assert codec.tokens[:6] == ("<pad>", "<start>", "<end>", "r", "C3", "C#3")
    assert codec.tokens[-1] == "C#5"
    assert codec.unknown is None


def test_new_pieces_keep_to_the_range_of_each_voice():
    scores = [Score.from_grid([[70, 60, 62, 0]]), Score.from_grid([[72, 61, 60, 0]])]
    codec = SatbCodec.fit(scores, transpose=(-2, 3))
    assert codec.ranges == [[70, 72], [60, 61], [60, 62], [58, 75]]  # a bass that never sounds
    may_write = [[codec.tokens[n] for n in np.flatnonzero(row)] for row in codec.may_write[:3]]
    assert may_write == [
        ["<end>", "r", "A#4", "B4", "C5"],
        ["r", "C4", "C#4"],
        ["r", "C4", "C#4", "D4"],
    ]
    assert codec.may_follow.sum() > codec.may_write.sum()
    again = SatbCodec.from_config(json.loads(json.dumps(codec.to_config())))
    np.testing.assert_array_equal(again.may_write, codec.may_write)
    np.testing.assert_array_equal(SatbCodec(60, 61).may_write, SatbCodec(60, 61).may_follow)


@pytest.mark.parametrize("pitch", [LOWEST - 1, HIGHEST + 1])
def test_pitches_without_an_id_are_refused(pitch):
    score = Score.from_grid([[60, 60, 60, 60], [60, 60, pitch, 60]], title="BWV 1")
    message = rf"Pitches must be in 36\.\.81.*Received: {pitch} \(tenor, step 1, BWV 1\)"
    with pytest.raises(ValueError, match=message):
        SatbCodec(LOWEST, HIGHEST).encode(score)


@given(data=st.data())
def test_any_ids_can_be_encoded_again(data):
    codec = SatbCodec(LOWEST, HIGHEST)
    score = codec.decode(data.draw(st.lists(st.integers(0, codec.vocab_size - 1), max_size=40)))
    assert codec.decode(codec.encode(score)) == score


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
    score = Score.from_grid([[67, 62, 59, 43], [67, 0, 81, 36]], velocity=VELOCITIES, parts=PARTS)
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


def test_voices_may_stand_in_another_order():
    codec = SatbCodec(
        lowest=36, highest=81, ranges=[[60, 81], [52, 74], [46, 69], [36, 66]], order=[0, 3, 1, 2]
    )
    grid = [[67, 62, 59, 43], [67, 60, 55, 0]]
    parts = map(Part, codec.part_names)
    score = Score.from_grid(grid, velocity=VELOCITIES, parts=parts)
    assert codec.encode(score).tolist() == [1, 35, 11, 30, 27, 35, 3, 28, 23, 2]
    assert codec.decode(codec.encode(score)) == score
    assert codec.voice_names == ("soprano", "bass", "alto", "tenor")
    assert [codec.voice_names[v] for v in codec.voice_of([0, 1, 6])] == ["soprano", "bass", "alto"]
    assert codec.may_write[1, 4]  # the bass may sing C2
    assert not codec.may_write[0, 4]
    again = SatbCodec.from_config(codec.to_config())
    assert again.order == [0, 3, 1, 2]
    assert "order" not in SatbCodec(lowest=36, highest=81).to_config()


def test_an_order_of_voices_that_is_none():
    with pytest.raises(ValueError, match="`order` must be a permutation of 0, 1, 2 and 3"):
        SatbCodec(lowest=36, highest=81, order=[0, 1, 2])
