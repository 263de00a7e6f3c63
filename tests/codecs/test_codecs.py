"""The contract of `bach_tf.codecs`: every codec."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.codecs import CODECS, END, PAD, START, UNKNOWN, VELOCITIES, parse_tokens
from bach_tf.codecs.base import sum_of
from bach_tf.formats.midi import read_midi, write_midi
from bach_tf.score import Part, Score

LOWEST, HIGHEST = 36, 81
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
CHORDS = [(36,), (60,), (81,), (60, 64), (48, 55, 64), (60, 64, 67)]
PITCHES = st.sampled_from([0, 0, LOWEST, 48, 60, 60, 67, HIGHEST])
SHIFTS = st.sampled_from([*range(-13, 14), -24, 24, 46, -46, 127, -127])
COLUMNS = ("onset", "duration", "pitch", "voice", "velocity")


def score_of(notes, *, length=None, **about):
    """Return the score of (onset, duration, pitch) or (onset, duration, pitch, velocity)."""
    notes = [(*note, 80)[:4] for note in notes]
    onset, duration, pitch, velocity = zip(*notes) if notes else ([],) * 4
    ends = [note[0] + note[1] for note in notes]
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=[0] * len(notes),
        velocity=velocity,
        length=max([*ends, length or 0]),
        **about,
    )


def melody_of(notes, final_rest):
    """Return the score of (rest, duration, pitch) one after another."""
    now, placed = 0, []
    for rest, duration, pitch in notes:
        placed.append((now + rest, duration, pitch))
        now += rest + duration
    return score_of(placed, length=now + final_rest)


def with_bars(score, signature, upbeat):
    bar = 16 * signature[0] // signature[1]
    return replace(score, metres=((0, *signature),), upbeat=upbeat % bar)


def struck(notes, **about):
    """Return the score of (interval, chord, duration), without what a codec of them merges.

    Left out are chords of which a pitch still sounds, and those that begin and end together
    with another one.
    """
    now, sounding, ends, placed = 0, {}, set(), []
    for interval, chord, duration in notes:
        onset = now + interval
        free = all(sounding.get(pitch, 0) <= onset for pitch in chord)
        if free and (onset, duration) not in ends:
            now = onset
            placed += [(now, duration, pitch) for pitch in chord]
            sounding.update(dict.fromkeys(chord, now + duration))
            ends.add((now, duration))
    return score_of(placed, **about)


def performance(notes, final_rest):
    """Return the score of (interval, duration, pitch, velocity bin) with 100 steps per quarter."""
    now, free, placed = 0, {}, []
    for interval, duration, pitch, number in notes:
        now += interval
        if free.get(pitch, 0) <= now:
            placed.append((now, duration, pitch, 4 * number + 2))
            free[pitch] = now + duration
    end = max((note[0] + note[1] for note in placed), default=0)
    return score_of(placed, length=end + final_rest, steps_per_quarter=100)


def lists_of(*columns):
    return st.lists(st.tuples(*columns), max_size=12)


def notes_of(chords):
    return lists_of(st.sampled_from([0, 0, 1, 12, 32, 64]), chords, st.sampled_from([1, 2, 3, 64]))


GRIDS = st.integers(0, 12).flatmap(lambda steps: arrays(np.int32, (steps, 4), elements=PITCHES))
MELODIES = lists_of(st.integers(0, 3), st.integers(1, 5), st.integers(LOWEST, HIGHEST))
NOTES = notes_of(st.tuples(st.integers(LOWEST, HIGHEST)))
KNOWN_CHORDS = notes_of(st.sampled_from(CHORDS))
WAITS = st.sampled_from([0, 0, 1, 124, 125, 126, 250, 251])
PERFORMANCES = lists_of(
    WAITS, st.sampled_from([1, 10, 125, 400]), st.integers(0, 127), st.integers(0, 31)
)
EIGHT = {"steps_per_quarter": 8}


@dataclass(frozen=True)
class Case:
    """A codec fitted to an example, and the scores that it can hold.

    Args:
        codec: its name.
        training: what it is fitted to.
        scores: a strategy.
        unseen: a score with something that training had not; `None` where nothing can be.
        settings: of `fit`.
        exact: whether the very score comes back from its ids.
    """

    codec: str
    training: list
    scores: st.SearchStrategy
    unseen: Score | None = None
    settings: dict = field(default_factory=dict)
    exact: bool = True

    def fit(self, **settings):
        return CODECS[self.codec].fit(self.training, **self.settings, **settings)


QUARTET = [Score.from_grid([[HIGHEST, 60, 48, LOWEST]])]
TUNE = [melody_of([(0, 1, LOWEST), (0, 2, HIGHEST)], 0)]
BARS = st.sampled_from([(4, 4), (3, 8)]), st.sampled_from([0, 2, 4])
BARRED = [with_bars(TUNE[0], (4, 4), steps) for steps in (0, 2, 4)]
BARRED += [with_bars(TUNE[0], (3, 8), 2)]
RANGE = [struck([(0, (LOWEST,), 3), (4, (HIGHEST,), 2)], **EIGHT)]
PROGRESSION = [struck([(5, chord, 5) for chord in CHORDS], **EIGHT)]
PLAYED = [score_of([(0, 50, 60, 82)], steps_per_quarter=100)]
HIGH = score_of([(0, 2, 60), (2, 3, HIGHEST + 1), (5, 1, 60)])
HIGH_8 = replace(HIGH, **EIGHT)

QUARTET_PARTS = [Part(name) for name in ("soprano", "alto", "tenor", "bass")]


def quartet(grid):
    return Score.from_grid(grid, velocity=VELOCITIES, parts=QUARTET_PARTS)


CASES = {
    "satb": Case("satb", QUARTET, GRIDS.map(quartet)),
    "melody": Case("melody", TUNE, st.builds(melody_of, MELODIES, st.integers(0, 4)), HIGH),
    "melody with bars": Case(
        "melody",
        BARRED,
        st.builds(with_bars, st.builds(melody_of, MELODIES, st.integers(0, 4)), *BARS),
        with_bars(HIGH, (3, 8), 2),
        settings={"header": True},
    ),
    "pitches": Case("pitches", RANGE, NOTES.map(lambda n: struck(n, **EIGHT)), HIGH_8),
    "chords": Case("chords", PROGRESSION, KNOWN_CHORDS.map(lambda n: struck(n, **EIGHT)), HIGH_8),
    "events": Case("events", PLAYED, st.builds(performance, PERFORMANCES, WAITS)),
}
PLAIN = {"settings": {"rhythm": False}, "exact": False}
CASES |= {f"plain {name}": replace(CASES[name], **PLAIN) for name in ("pitches", "chords")}
FITTED = {name: case.fit() for name, case in CASES.items()}

every_codec = pytest.mark.parametrize("name", CASES)


def any_ids(codec):
    return st.lists(st.integers(0, codec.vocab_size - 1), max_size=40)


def test_every_codec_has_a_case():
    assert {case.codec for case in CASES.values()} == set(CODECS)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.exact])
@given(data=st.data())
def test_score_to_ids_and_back(name, data):
    codec, score = FITTED[name], data.draw(CASES[name].scores)
    assert codec.decode(codec.encode(score)) == score


@every_codec
@given(data=st.data())
def test_a_piece_is_from_start_to_end_and_in_the_vocabulary(name, data):
    codec = FITTED[name]
    ids = codec.encode(data.draw(CASES[name].scores))
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert (ids[0], ids[-1]) == (START, END)
    assert (codec.START, codec.END) == (START, END)
    assert codec.counted[ids[1 + len(codec.opening) : -1]].all()
    assert codec.opening[range(len(codec.opening)), ids[1:][: len(codec.opening)]].all()
    assert codec.unknown not in ids.tolist()
    assert ids.max() < codec.vocab_size


@every_codec
@given(data=st.data())
def test_padding_is_0_and_never_music(name, data):
    codec, score = FITTED[name], data.draw(CASES[name].scores)
    ids = codec.encode(score)
    assert PAD == 0
    assert PAD not in ids
    assert codec.decode(np.pad(ids, (3, 5))) == codec.decode(ids)


@every_codec
@given(data=st.data())
def test_what_follows_in_a_piece_may_follow(name, data):
    codec = FITTED[name]
    ids = codec.encode(data.draw(CASES[name].scores))[1 + len(codec.opening) :]
    period = len(codec.may_follow)
    assert codec.may_follow[np.arange(len(ids)) % period, ids].all()


@every_codec
def test_what_may_follow_and_what_is_counted(name):
    codec = FITTED[name]
    assert codec.may_follow.shape == (len(codec.may_follow), codec.vocab_size)
    assert codec.counted.shape == (codec.vocab_size,)
    assert codec.may_follow.dtype == codec.counted.dtype == bool
    assert codec.may_follow[:, END].tolist() == [True] + [False] * (len(codec.may_follow) - 1)
    opening = np.flatnonzero(codec.opening.any(axis=0)).tolist()
    assert np.flatnonzero(~codec.counted).tolist() == [PAD, START, END, *opening]
    never = {PAD, START, codec.unknown, *opening} - {None}
    assert set(np.flatnonzero(~codec.may_follow.any(axis=0)).tolist()) == never
    assert codec.unknown in (UNKNOWN, None)


@every_codec
def test_every_position_belongs_to_a_voice(name):
    codec = FITTED[name]
    voices = codec.voice_of(range(40))
    assert set(voices.tolist()) == set(range(len(codec.voice_names)))
    assert voices[0] == 0


@every_codec
@given(data=st.data())
def test_a_step_is_told(name, data):
    codec = FITTED[name]
    score = codec.decode(data.draw(any_ids(codec)))
    assert score.steps_per_quarter == codec.steps_per_quarter
    if codec.steps_per_bar:
        bar = 4 * score.steps_per_quarter
        assert (codec.step_name, codec.steps_per_bar) == ("sixteenth", bar)
    else:
        assert codec.step_name in ("note", "chord", "event")


@every_codec
@given(data=st.data())
def test_config_to_codec_and_back(name, data):
    codec = FITTED[name]
    config = json.loads(json.dumps(codec.to_config()))
    again = type(codec).from_config(config)
    assert again.to_config() == config
    assert again.tokens == codec.tokens
    assert again.may_follow.tolist() == codec.may_follow.tolist()
    assert again.opening.tolist() == codec.opening.tolist()
    ids = codec.encode(data.draw(CASES[name].scores))
    assert again.decode(ids) == codec.decode(ids)


@every_codec
def test_transposition_table(name):
    codec = FITTED[name]
    table = codec.transposition([-1, 0, 1])
    assert table.dtype == np.int32
    assert table.shape == (3, codec.vocab_size)
    assert table[1].tolist() == list(range(codec.vocab_size))
    assert (table >= 0).all()
    assert (table < codec.vocab_size).all()
    still = np.flatnonzero(~codec.counted)
    assert (table[:, still] == still).all()
    assert codec.unknown is None or (table[:, UNKNOWN] == UNKNOWN).all()
    assert codec.transposition([]).shape == (0, codec.vocab_size)


@every_codec
@given(data=st.data(), shift=SHIFTS)
def test_the_table_moves_ids_as_a_score_is_transposed(name, data, shift):
    codec, score = FITTED[name], data.draw(CASES[name].scores)
    ids = codec.transposition([shift])[0][codec.encode(score)]
    try:
        moved = codec.encode(score.transpose(shift)).tolist()
    except ValueError:
        moved = []
    if PAD in ids:
        assert not moved or UNKNOWN in moved
    else:
        assert ids.tolist() == moved


@every_codec
def test_counts_of_pieces_in_any_order_give_the_same_codec(name):
    case = CASES[name]
    kind = CODECS[case.codec]
    counts = sum_of(kind.count(score, **case.settings) for score in reversed(case.training))
    fitted = kind.fit_counts(counts, transpose=(-2, 3), **case.settings)
    assert fitted.to_config() == case.fit(transpose=(-2, 3)).to_config()


@every_codec
def test_training_pieces_may_be_moved_by_every_shift(name):
    case = CASES[name]
    codec = case.fit(transpose=(-5, 6))
    table = codec.transposition(range(-5, 7))
    for score in case.training:
        assert PAD not in table[:, codec.encode(score)]


@every_codec
@given(data=st.data())
def test_any_ids_are_a_score_that_a_midi_file_can_hold(name, data, tmp_path_factory):
    codec = FITTED[name]
    ids = data.draw(any_ids(codec))
    score = codec.decode(ids)
    assert codec.decode(ids) == score
    path = tmp_path_factory.getbasetemp() / "codec.mid"
    write_midi(score, path)
    if not len(score):
        with pytest.raises(ValueError, match="expected notes, got none"):
            read_midi(path)
        return
    again = read_midi(path, codec.steps_per_quarter)
    for column in COLUMNS:
        assert getattr(again, column).tolist() == getattr(score, column).tolist()


@every_codec
@pytest.mark.parametrize("wrong", [-1, None])
def test_ids_outside_the_vocabulary_are_refused(name, wrong):
    codec = FITTED[name]
    wrong = codec.vocab_size if wrong is None else wrong
    message = rf"Ids must be in 0\.\.{codec.vocab_size - 1}\. .*{wrong}"
    with pytest.raises(ValueError, match=message):
        codec.decode([1, 4, wrong, 5])


@every_codec
def test_another_grid_is_refused(name):
    codec = FITTED[name]
    score = Score.from_grid([[60]], steps_per_quarter=7, title="Sevenths")
    message = rf"`steps_per_quarter` must be {codec.steps_per_quarter}\. Received: 7 \(Sevenths\)"
    with pytest.raises(ValueError, match=message):
        codec.encode(score)
    with pytest.raises(ValueError, match=r"Received: 7 \(a score\)"):
        codec.encode(replace(score, title=""))


# What training has not seen.


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.unseen])
def test_what_training_has_not_seen_is_unknown(name):
    case, codec = CASES[name], FITTED[name]
    ids = codec.encode(case.unseen)
    assert ids.tolist().count(UNKNOWN) == 1
    assert codec.decode(ids).pitch.tolist() == [60, 60]
    wider = CODECS[case.codec].fit([*case.training, case.unseen], **case.settings)
    assert UNKNOWN not in wider.encode(case.unseen)


@every_codec
def test_a_codec_is_fitted_to_something(name):
    with pytest.raises(ValueError, match=r"Expected at least one \w+ to fit a codec to"):
        CODECS[CASES[name].codec].fit([])


# Tokens have names.


@every_codec
def test_every_id_has_a_name_of_its_own(name):
    codec = FITTED[name]
    special = SPECIAL if codec.unknown is not None else SPECIAL[:3]
    assert len(codec.tokens) == codec.vocab_size == len(set(codec.tokens))
    assert codec.tokens[: len(special)] == special
    assert not any(len(token.split()) != 1 for token in codec.tokens)


@every_codec
@given(data=st.data())
def test_names_to_ids_and_back(name, data):
    codec = FITTED[name]
    ids = data.draw(any_ids(codec))
    parsed = parse_tokens(codec, " ".join(codec.tokens[number] for number in ids))
    assert parsed.dtype == np.int32
    assert parsed.tolist() == [START, *ids]


@pytest.mark.parametrize("name", ["satb", "melody", "pitches", "plain pitches"])
def test_notes_may_be_numbers_or_flats(name):
    codec = FITTED[name]
    by_name = parse_tokens(codec, "C4 A#3 C#5").tolist()
    assert parse_tokens(codec, " 60  58\n73 ").tolist() == by_name
    assert parse_tokens(codec, "C4 Bb3 Db5").tolist() == by_name
    assert [codec.tokens[number] for number in by_name] == ["<start>", "C4", "A#3", "C#5"]


def test_notes_of_a_chord_may_be_flats():
    codec = CODECS["chords"](["G3.A#3", "C4"], steps_per_quarter=4)
    assert parse_tokens(codec, "G3.Bb3 60").tolist() == [1, 4, 5]


@pytest.mark.parametrize(
    ("name", "examples"),
    [
        ("satb", "r, G#2, F3, D4, B4, A5"),
        ("melody", "_, G2, E3, D4, B4, A5"),
        ("plain chords", r"C2, C3\.G3\.E4, C4, C4\.E4, C4\.E4\.G4, A5"),
    ],
)
def test_a_name_that_is_none_is_refused(name, examples):
    message = rf"^Unknown token 'H4'\. Tokens of this codec are, for example: {examples}\.$"
    with pytest.raises(ValueError, match=message):
        parse_tokens(FITTED[name], "C4 H4")
