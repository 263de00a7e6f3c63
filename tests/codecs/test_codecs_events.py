import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.codecs import EventCodec, parse_tokens
from bach_tf.score import SECONDS, Score

CODEC = EventCodec(steps_per_quarter=100)


def played(notes, length):
    """Return the score of (onset, duration, pitch, velocity)."""
    onset, duration, pitch, velocity = zip(*notes) if notes else ([],) * 4
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=[0] * len(notes),
        velocity=velocity,
        length=length,
        steps_per_quarter=100,
        timing=SECONDS,
    )


def names(ids):
    return " ".join(CODEC.tokens[number] for number in ids[1:-1])


def test_the_413_events():
    assert CODEC.vocab_size == 4 + 413
    kinds = [token.split(":")[0] for token in CODEC.tokens[4:]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "on": 128, "off": 128, "wait": 125, "velocity": 32,
    }  # fmt: skip
    assert CODEC.tokens[4] == "on:C-1"
    assert CODEC.tokens[259] == "off:G9"
    assert CODEC.tokens[260:262] == ("wait:1", "wait:2")
    assert CODEC.tokens[385] == "velocity:2"
    assert CODEC.tokens[-1] == "velocity:126"
    assert (CODEC.step_name, CODEC.steps_per_bar, CODEC.voice_names) == ("event", None, ("event",))


@pytest.mark.parametrize(
    ("notes", "length", "text"),
    [
        ([(0, 5, 60, 82)], 5, "velocity:82 on:C4 wait:5 off:C4"),
        # The velocity comes where its bin changes, and only there.
        (
            [(0, 1, 60, 82), (1, 1, 60, 82), (2, 1, 60, 30)],
            3,
            "velocity:82 on:C4 wait:1 off:C4 on:C4 wait:1 off:C4 velocity:30 on:C4 wait:1 off:C4",
        ),
        # At one time releases come first, both from the lowest up.
        (
            [(0, 1, 64, 82), (0, 1, 60, 82), (1, 1, 62, 82), (1, 1, 59, 82)],
            2,
            "velocity:82 on:C4 on:E4 wait:1 off:C4 off:E4 on:B3 on:D4 wait:1 off:B3 off:D4",
        ),
        # Long waits: full ones first; a rest at both ends.
        (
            [(251, 125, 60, 82)],
            376 + 130,
            "wait:125 wait:125 wait:1 velocity:82 on:C4 wait:125 off:C4 wait:125 wait:5",
        ),
        ([], 0, ""),
        ([], 7, "wait:7"),
    ],
)
def test_performances_by_hand(notes, length, text):
    ids = CODEC.encode(played(notes, length))
    assert names(ids) == text
    assert CODEC.decode(ids) == played(notes, length)


@pytest.mark.parametrize(
    ("text", "notes", "length"),
    [
        ("off:C4 wait:3", [], 3),  # nothing to release
        ("on:C4 wait:3", [(0, 3, 60, 80)], 3),  # never released, no velocity
        ("on:C4 wait:3 on:C4 wait:2 off:C4", [(0, 3, 60, 80), (3, 2, 60, 80)], 5),
        ("on:C4 off:C4 wait:2", [], 2),  # lasts no step
        ("on:C4 velocity:126 on:C4 wait:1", [(0, 1, 60, 126)], 1),
        ("wait:1 on:C4", [], 1),
        ("on:C4 <pad> wait:1 <unknown> off:C4 <end> on:C4 wait:1", [(0, 1, 60, 80)], 1),
    ],
)
def test_ids_that_are_no_proper_piece(text, notes, length):
    assert CODEC.decode(parse_tokens(CODEC, text)) == played(notes, length)


@given(velocity=st.integers(1, 127))
def test_a_velocity_becomes_the_middle_of_its_bin(velocity):
    (again,) = CODEC.decode(CODEC.encode(played([(0, 1, 60, velocity)], 1))).velocity
    assert abs(again - velocity) <= 2
    assert again % 4 == 2


@given(data=st.data())
def test_what_was_decoded_comes_back(data):
    ids = data.draw(st.lists(st.integers(0, CODEC.vocab_size - 1), max_size=60))
    score = CODEC.decode(ids)
    velocity = score.velocity // 4 * 4 + 2  # 80 where the ids have none
    notes = zip(score.onset, score.duration, score.pitch, velocity)
    assert CODEC.decode(CODEC.encode(score)) == played(list(notes), score.length)


def test_a_note_ends_where_its_pitch_is_struck_again():
    two_hands = played([(0, 10, 60, 82), (4, 2, 60, 82), (4, 3, 60, 42), (20, 1, 60, 82)], 21)
    cut = played([(0, 4, 60, 82), (4, 3, 60, 42), (20, 1, 60, 82)], 21)
    assert CODEC.decode(CODEC.encode(two_hands)) == cut


def test_transposition_moves_both_ends_of_a_note():
    ids = parse_tokens(CODEC, "velocity:82 on:C4 wait:1 off:C4")
    (up, away) = CODEC.transposition([12, 68])[:, ids]
    assert names([1, *up[1:], 2]) == "velocity:82 on:C5 wait:1 off:C5"
    assert (away == 0).tolist() == [False, False, True, False, True]


def test_any_grid_can_be_fitted():
    score = Score.from_grid([[60]], steps_per_quarter=24, title="First")
    codec = EventCodec.fit([score], transpose=(-5, 6))
    assert codec.to_config() == {
        "steps_per_quarter": 24, "longest_quarters": 5, "timing": "beats",
    }  # fmt: skip
    assert codec.decode(codec.encode(score)).steps_per_quarter == 24
    other = Score.from_grid([[60]], steps_per_quarter=12)
    message = r"one grid\. Received: steps_per_quarter=24 \(First\) and 12 \(a score\)"
    with pytest.raises(ValueError, match=message):
        EventCodec.fit([score, score, other])


def test_what_is_decoded_has_the_timing_of_the_scores_the_codec_was_fitted_to():
    beats = Score.from_grid([[60]], steps_per_quarter=100, title="First")
    for score in (beats, replace(beats, timing=SECONDS)):
        codec = EventCodec.from_config(EventCodec.fit([score]).to_config())
        assert codec.decode(codec.encode(score)).timing == score.timing
    with pytest.raises(ValueError, match=r"one timing\. Received: beats \(First\) and seconds"):
        EventCodec.fit([beats, replace(beats, timing=SECONDS)])
    with pytest.raises(ValueError, match="Unknown timing 'bars'"):
        EventCodec(100, timing="bars")


def test_a_grid_has_steps():
    with pytest.raises(
        ValueError, match=r"`steps_per_quarter` must be a whole number in 1\.\.1024\. Received: 0"
    ):
        EventCodec(0)


def test_a_long_performance_is_encoded_at_once():
    notes, random = 25_000, np.random.default_rng(0)
    onset, pitch = np.sort(random.integers(0, 500_000, notes)), random.integers(21, 109, notes)
    score = played(list(zip(onset, np.full(notes, 40), pitch, pitch)), 500_040)
    begin = time.process_time()
    ids = CODEC.encode(score)
    assert time.process_time() - begin < 3  # a tenth of a second
    assert CODEC.unknown not in ids


def test_a_key_that_is_not_released_sounds_no_longer_than_the_longest_note():
    codec = EventCodec(steps_per_quarter=4, longest_quarters=2)
    ids = parse_tokens(codec, "on:C4 wait:20 on:E4 wait:3 off:E4 wait:1")
    score = codec.decode(ids)
    assert (score.pitch.tolist(), score.duration.tolist()) == ([60, 64], [8, 3])
    assert score.length == 24
    long = Score.from_grid([[60]] * 30)
    assert codec.decode(codec.encode(long)).duration.tolist() == [8]
    with pytest.raises(
        ValueError, match=r"`longest_quarters` must be a whole number in 1\.\.256\. Received: 0"
    ):
        EventCodec(4, 0)
