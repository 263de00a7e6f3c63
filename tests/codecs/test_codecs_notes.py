import tarfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.codecs import UNKNOWN, ChordCodec, PitchCodec, parse_tokens
from bach_tf.formats.midi import read_midi
from bach_tf.score import Score

FOUR = {"steps_per_quarter": 4}
both = pytest.mark.parametrize("kind", [PitchCodec, ChordCodec])


def piece(notes, **about):
    """Return the score of (onset, duration, pitch) or (onset, duration, pitch, voice)."""
    onset, duration, pitch, voice = zip(*[(*note, 0)[:4] for note in notes])
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=[80] * len(notes),
        length=max(note[0] + note[1] for note in notes),
        **about,
    )


def notes_of(score):
    return list(zip(score.onset.tolist(), score.duration.tolist(), score.pitch.tolist()))


def names(codec, ids):
    return " ".join(codec.tokens[number] for number in ids[1:-1])


# Two hands: a broken chord over a held third, then both together.
HANDS = piece(
    [(0, 8, 48, 1), (0, 8, 52, 1), (0, 2, 72), (2, 2, 76), (8, 4, 72), (8, 4, 43, 1), (8, 4, 55, 1)]
)


def test_pitches_by_hand():
    codec = PitchCodec(36, 84, **FOUR)
    ids = codec.encode(HANDS)
    assert names(codec, ids) == ("+0 C3 :8 +0 E3 :8 +0 C5 :2 +2 E5 :2 +6 G2 :4 +0 G3 :4 +0 C5 :4")
    assert notes_of(codec.decode(ids)) == sorted(notes_of(HANDS), key=lambda n: (n[0], n[2]))
    plain = PitchCodec(36, 84, rhythm=False, **FOUR)
    assert names(plain, plain.encode(HANDS)) == "C3 E3 C5 E5 G2 G3 C5"


def test_chords_by_hand():
    codec = ChordCodec.fit([HANDS])
    assert codec.to_config()["chords"] == ["G2.G3", "C3.E3", "C5", "E5"]
    ids = codec.encode(HANDS)
    assert names(codec, ids) == "+0 C3.E3 :8 +0 C5 :2 +2 E5 :2 +6 G2.G3 :4 +0 C5 :4"
    assert notes_of(codec.decode(ids)) == sorted(notes_of(HANDS), key=lambda n: (n[0], n[2]))
    plain = ChordCodec.fit([HANDS], rhythm=False)
    assert names(plain, plain.encode(HANDS)) == "C3.E3 C5 E5 G2.G3 C5"


def test_the_ids():
    codec = PitchCodec(60, 61, steps_per_quarter=1, longest_quarters=2)
    assert codec.tokens == (
        "<pad>", "<start>", "<end>", "<unknown>", "C4", "C#4", "+0", "+1", "+2", ":1", ":2",
    )  # fmt: skip
    assert codec.may_follow.astype(int).tolist() == [
        [0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
    ]
    assert codec.voice_names == ("interval", "pitch", "duration")
    assert codec.transposition([1]).tolist() == [[0, 1, 2, 3, 5, 0, 6, 7, 8, 9, 10]]
    plain = PitchCodec(60, 61, rhythm=False, **FOUR)
    assert plain.tokens[4:] == ("C4", "C#4")
    assert plain.may_follow.astype(int).tolist() == [[0, 0, 1, 0, 1, 1]]
    assert plain.voice_names == ("pitch",)


def test_chords_have_their_names_in_turn():
    codec = ChordCodec(["C4"], **FOUR)
    assert codec.voice_names == ("interval", "chord", "duration")
    assert (codec.step_name, codec.steps_per_bar, codec.steps_per_quarter) == ("chord", None, 4)
    assert PitchCodec(60, 61, **FOUR).step_name == "note"


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("C4 E4", [(0, 4, 60), (0, 4, 64)]),  # a quarter where there is no duration
        (":3 C4 :2 :5", [(0, 2, 60)]),
        ("+3 +4 C4 :1 +2", [(7, 1, 60)]),  # every interval counts
        ("+1 C4 :8 +2 C4 :2", [(1, 2, 60), (3, 2, 60)]),  # struck again
        ("+1 C4 :8 +0 C4 :2", [(1, 8, 60)]),  # the longest stays
        ("+1 <unknown> :9 +2 C4 :2", [(3, 2, 60)]),  # what follows keeps its time
        ("+1 C4 <pad> :2 <end> E4", [(1, 2, 60)]),
        ("C4.E4 :2 +1 E4.G4 :2", [(0, 2, 60), (0, 1, 64), (1, 2, 64), (1, 2, 67)]),
    ],
)
def test_ids_that_are_no_proper_piece(text, notes):
    codec = ChordCodec(["C4", "E4", "C4.E4", "E4.G4"], **FOUR)
    assert codec.decode(parse_tokens(codec, text)) == piece(notes)


@both
def test_long_intervals_and_durations_are_cut(kind):
    score = piece([(40, 50, 60), (100, 2, 60)])
    codec = kind.fit([score], longest_quarters=3)
    assert names(codec, codec.encode(score)) == "+12 C4 :12 +12 C4 :2"


@both
def test_a_piece_is_cut_after_its_first_notes(kind):
    codec = kind.fit([HANDS], max_notes=4)
    assert codec.encode(HANDS).size == 2 + 3 * (4 if kind is PitchCodec else 3)
    assert codec.decode(codec.encode(HANDS)).pitch.tolist() == [48, 52, 72, 76]
    assert "G2" not in " ".join(codec.tokens)


@both
def test_the_grid_is_that_of_the_scores(kind):
    score = replace(HANDS, steps_per_quarter=12, title="First")
    codec = kind.fit([score])
    assert codec.decode(codec.encode(score)).steps_per_quarter == 12
    assert codec.tokens[-1] == ":96"
    message = r"one grid\. Received: steps_per_quarter=12 \(First\) and 4 \(a score\)"
    with pytest.raises(ValueError, match=message):
        kind.fit([score, HANDS])


@both
@pytest.mark.parametrize("name", ["longest_quarters", "max_notes"])
def test_settings_are_above_0(kind, name):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be a whole number in 1\.\..* Received: 0"
    ):
        kind.fit([HANDS], **{name: 0})


def test_bounds_of_the_pitches():
    with pytest.raises(ValueError, match=r"in order\. Received: lowest=61, highest=60"):
        PitchCodec(61, 60, **FOUR)


def test_the_range_is_that_of_the_scores_transposed():
    codec = PitchCodec.fit([HANDS], transpose=(-2, 3))
    assert (codec.lowest, codec.highest) == (41, 79)


# Chords that are rare, and chords that are moved.


def in_a_row(*chords):
    return piece([(4 * n, 4, pitch) for n, chord in enumerate(chords) for pitch in chord])


def test_rare_chords_are_unknown_in_training_too():
    score = in_a_row((60,), (60, 64), (60,), (55,))
    codec = ChordCodec.fit([score], fewest=2)
    assert codec.to_config()["chords"] == ["C4"]
    text = "+0 C4 :4 +4 <unknown> :4 +4 C4 :4 +4 <unknown> :4"
    assert names(codec, codec.encode(score)) == text
    assert notes_of(codec.decode(codec.encode(score))) == [(0, 4, 60), (8, 4, 60)]
    assert codec.counted[UNKNOWN]


@pytest.mark.parametrize("fewest", [3, 0])
def test_some_chord_must_be_known(fewest):
    message = {
        0: r"`fewest` must be a whole number in 1\.\.2147483647\. Received: 0",
        3: r"occurs at least 3 times .*\. Received: 2 chords, the most frequent one 2 times",
    }
    with pytest.raises(ValueError, match=message[fewest]):
        ChordCodec.fit([in_a_row((60,), (62,), (60,))], fewest=fewest)


def test_the_chords_are_closed_under_the_transpositions():
    codec = ChordCodec.fit([in_a_row((60, 64), (127,))], transpose=(-1, 1))
    assert codec.to_config()["chords"] == ["B3.D#4", "C4.E4", "C#4.F4", "F#9", "G9"]
    table = codec.transposition([-1, 0, 1])
    assert table[:, 5].tolist() == [4, 5, 6]  # C4.E4
    assert table[:, 8].tolist() == [7, 8, 0]  # nothing is above G9


def test_a_rare_chord_that_a_common_one_becomes_can_be_moved_too():
    score = in_a_row((60,), (60,), (61,), (62,), (70,))
    codec = ChordCodec.fit([score], transpose=(0, 1), fewest=2)
    assert codec.to_config()["chords"] == ["C4", "C#4", "D4", "D#4"]
    assert 0 not in codec.transposition([0, 1])[:, codec.encode(score)]
    assert codec.encode(score).tolist().count(UNKNOWN) == 1


@given(data=st.data())
def test_every_training_piece_can_be_moved(data):
    chord = st.lists(st.integers(50, 60), min_size=1, max_size=2, unique=True)
    score = in_a_row(*data.draw(st.lists(chord, min_size=3, max_size=20)), (55,), (55,))
    codec = ChordCodec.fit([score], transpose=(-2, 3), fewest=2)
    assert 0 not in codec.transposition(range(-2, 4))[:, codec.encode(score)]


# Without rhythm it is made up from that of the corpus.


def test_the_intervals_of_the_corpus_are_counted():
    assert PitchCodec.fit([HANDS], rhythm=False).offsets == [(2, 1), (6, 1)]
    assert ChordCodec.fit([HANDS], rhythm=False).offsets == [(0, 2), (2, 1), (6, 1)]
    assert PitchCodec.fit([HANDS]).offsets == []


@given(ids=st.lists(st.integers(4, 52), min_size=1, max_size=30))
def test_pitches_are_struck_one_after_another(ids):
    codec = PitchCodec(36, 84, rhythm=False, offsets=[(1, 3), (5, 1)], **FOUR)
    score = codec.decode(ids)
    assert codec.encode(score)[1:-1].tolist() == ids
    steps = np.diff(score.onset)
    assert set(steps.tolist()) <= {1, 5}
    assert score.duration.tolist() == [*steps.tolist(), 4]
    assert codec.decode([1, *ids, 2, 0]) == score


def test_the_intervals_come_as_often_as_in_the_corpus():
    codec = PitchCodec(36, 84, rhythm=False, offsets=[(1, 3), (5, 1)], **FOUR)
    steps = np.diff(codec.decode([10] * 4001).onset)
    assert np.mean(steps == 1) == pytest.approx(0.75, abs=0.03)
    other = np.diff(codec.decode([11] * 4001).onset)
    assert steps.tolist() != other.tolist()  # another piece, another rhythm


def test_chords_may_be_struck_together_and_the_piece_moves_on():
    codec = ChordCodec(["C4", "E4"], rhythm=False, offsets=[(0, 1), (3, 1)], **FOUR)
    score = codec.decode([4, 5] * 500)
    steps = np.diff(score.onset)
    assert {0, 3} <= set(steps.tolist())
    assert score.onset[-1] > 1000
    sounding = Counter(zip(score.onset.tolist(), score.pitch.tolist()))
    assert set(sounding.values()) == {1}


@both
def test_a_corpus_that_stands_still_moves_on_in_quarters(kind):
    together = piece([(0, 1, 60, 0), (0, 2, 64, 1)])
    codec = kind.fit([together], rhythm=False)
    assert codec.offsets == []
    assert notes_of(codec.decode(codec.encode(together))) == [(0, 4, 60), (4, 4, 64)]


# The real thing.


@pytest.fixture(scope="module")
def read(real_data, tmp_path_factory):
    def read(archive):
        if not (real_data / archive).is_file():
            pytest.skip(f"no {archive}")
        folder = tmp_path_factory.mktemp("midi")
        with tarfile.open(real_data / archive) as file:
            file.extractall(folder, filter="data")
        return [read_midi(path, 12) for path in sorted(folder.rglob("*.mid"))]

    return read


def test_the_cello_suites_come_back(read):
    scores = read("cello_suites.tar.gz")
    codec = PitchCodec.fit(scores)
    for score in scores:
        again = codec.decode(codec.encode(score))
        assert sorted(notes_of(again)) == sorted(notes_of(score))


def test_the_chords_of_the_sonatas(read):
    scores = read("mozart_sonatas.tar.gz")
    codec = ChordCodec.fit(scores, rhythm=False)
    tokens = sum(codec.encode(score).size - 2 for score in scores)
    assert len(codec.chords) == pytest.approx(467, rel=0.05)
    assert tokens == pytest.approx(119_458, rel=0.01)
