"""A user's own files of any kind as a corpus, and pieces that are there twice."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.corpora import CORPORA, corpus_for, prepare_corpus, read_manifest, read_prepared
from bach_tf.corpora.preparation import kinds
from bach_tf.corpora.preparation.copies import content_of, copies_in, find_copies
from bach_tf.corpora.preparation.entries import split_of
from bach_tf.formats import WRITERS, read_all, write
from bach_tf.formats.rendition import Rendition
from bach_tf.score import Part, Score

SPLITS = ("train", "valid", "test")
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
BOOK = "".join(
    f"X:{number}\nT:Tune {number}\nM:3/4\nL:1/4\nK:G\n{notes}|]\n\n"
    for number, notes in enumerate(("GABcBA", "c2BAGF", "EFGABc", "d3BAG"), start=1)
)


def hymn(number=0, **about):
    """Return a piece of four voices, another one for each number."""
    pitches = [[72, 67, 60, 48], [71, 67, 62, 43], [72 - number, 67, 64, 48], [72, 67, 64, 48]]
    grid = np.repeat(pitches, 4, axis=0)
    return Score.from_grid(grid, parts=map(Part, VOICES), metres=[(0, 4, 4)], **about)


def tune(number=0):
    return Score.from_grid([[67], [69], [71 + number], [72]])


@pytest.fixture
def mine(tmp_path):
    """Return a function that writes pieces into a folder by their names, with their endings."""

    def fill(pieces):
        for name, piece in pieces.items():
            path = tmp_path / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(piece, Score):
                write(piece, path)
            else:
                path.write_text(piece)
        return tmp_path / "mine"

    return fill


def names_in(made):
    """Return the names of the pieces in each split of a prepared folder."""
    entries = [entry["file"].removesuffix(".csv") for entry in read_manifest(made)["pieces"]]
    return {
        split: {name.partition("/")[2] for name in entries if name.startswith(split)}
        for split in SPLITS
    }


def test_files_of_many_kinds_are_one_corpus(home, mine, capsys):
    mixed = {
        "a.csv": hymn(1),
        "b.mid": hymn(2),
        "below/c.musicxml": hymn(3),
        "below/d.MIDI": hymn(4),
        "tune.mid": tune(),
        "book.abc": BOOK,
        "broken.mid": "no music",
        "metadata.csv": "composer,year\nBach,1723\n",
        "readme.txt": "not looked at",
    }
    made = CORPORA["folder"].prepare(mine(mixed))
    assert set().union(*names_in(made).values()) == {"a", "b", "c", "d"}
    left_out = read_manifest(made)["left_out"]
    assert left_out["tune.mid"] == "expected 4 voices, got 1"
    assert left_out["book.abc: tune 2 (Tune 2)"] == "expected 4 voices, got 1"
    assert left_out["broken.mid"].startswith("expected a MIDI file, got: one that begins with")
    assert left_out["metadata.csv"].startswith("row 1: expected the header")
    assert len(left_out) == 7
    said = capsys.readouterr().err
    assert said.startswith("7 of 11 pieces left out:\n  book.abc: tune 1 (Tune 1): expected 4")
    scores = [score for each in read_prepared(made).values() for score in each]
    assert {score.metres for score in scores} == {((0, 4, 4),), ()}  # a grid says none
    assert {part.name for score in scores for part in score.parts} >= set(VOICES)


def test_a_tune_book_gives_its_tunes(home, mine):
    folder = mine({"book.abc": BOOK, "hymn.mid": hymn()})
    made = CORPORA["folk"].prepare(folder)
    assert sum(names_in(made).values() and map(len, names_in(made).values())) == 4
    scores = [score for each in read_prepared(made).values() for score in each]
    assert {score.title for score in scores} == {f"Tune {number}" for number in range(1, 5)}
    assert {score.time_signature for score in scores} == {(3, 4)}
    assert read_manifest(made)["left_out"] == {
        "hymn.mid": "expected a melody of one voice, got 4 voices"
    }


def test_ten_files_are_named_and_the_others_counted(home, mine, capsys):
    tunes = {f"{number:02}.mid": tune() for number in range(13)}
    made = CORPORA["folder"].prepare(mine({f"h{n}.csv": hymn(n) for n in range(3)} | tunes))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "13 of 16 pieces left out:"
    assert lines[1:11] == [f"  {number:02}.mid: expected 4 voices, got 1" for number in range(10)]
    assert lines[11:] == [f"  and 3 more; the full list is in {made / 'manifest.json'}"]
    assert len(read_manifest(made)["left_out"]) == 13
    CORPORA["folder"].prepare(mine({}))
    assert capsys.readouterr().err == ""


def test_a_folder_of_other_music_is_refused_with_the_reasons(home, mine):
    folder = mine({f"{number}.mid": tune(number) for number in range(4)})
    message = (
        r"at least 3 different pieces of four voices in sixteenths .*, got 0 in .*mine\. For other "
        r"music: --model folk takes melodies.*\n4 left out:\n  0\.mid: expected 4 voices, got 1\n"
    )
    with pytest.raises(ValueError, match=message):
        CORPORA["folder"].prepare(folder)


@pytest.mark.parametrize("valid", ["valid", "Validation", "val", "dev"])
def test_split_folders_are_honoured_whatever_lies_in_them(home, mine, valid):
    split = {
        "train/a.mid": hymn(1),
        "train/deep/b.csv": hymn(2),
        f"{valid}/c.musicxml": hymn(3),
        "test/d.mid": hymn(4),
        "beside.mid": hymn(5),
    }
    made = CORPORA["folder"].prepare(mine(split))
    assert names_in(made) == {"train": {"a", "b"}, "valid": {"c"}, "test": {"d"}}
    assert read_manifest(made)["left_out"] == {
        "beside.mid": "it is outside train/, valid/ and test/"
    }


def test_a_split_may_be_in_any_folder_on_the_way():
    assert split_of(Path("mine/test/hymns/a.mid")) == "test"
    assert split_of(Path("train.mid")) == ""


def test_the_same_name_with_another_ending_is_one_piece(home, mine):
    longer = hymn(1)  # as a program writes it that plays repeats out
    longer = Score.from_grid(np.tile(longer.to_grid(4), (2, 1)), parts=longer.parts)
    pieces = {f"h{number}.mid": hymn(number) for number in range(2, 9)}
    made = CORPORA["folder"].prepare(mine({"x.musicxml": hymn(1), "x.mid": longer} | pieces))
    assert any({"x", "x-2"} <= names for names in names_in(made).values())


# Copies.


COPIES = {
    "same.musicxml": hymn(1),
    "higher.mid": hymn(1).transpose(3),
    "slower.csv": Score.from_grid(np.repeat(hymn(1).to_grid(4), 2, axis=0)),
}


def test_copies_are_reported_and_put_into_one_split(home, mine, capsys):
    others = {f"h{number}.mid": hymn(number) for number in range(2, 9)}
    made = CORPORA["folder"].prepare(mine({"a.mid": hymn(1)} | COPIES | others))
    assert [names for names in names_in(made).values() if "a" in names] == [
        names for names in names_in(made).values() if {"a", "same", "higher", "slower"} <= names
    ]
    lines = [
        "higher: the same music as a, in another key",
        "same: the same music as a",
        "slower: the same music as a, at another tempo",
    ]
    assert read_manifest(made)["copies"] == lines
    said = "Duplicate pieces, kept in one split:\n  " + "\n  ".join(lines)
    assert said in capsys.readouterr().err


def test_copies_in_a_users_own_splits_are_a_warning_each_time(home, mine, capsys):
    folder = mine({"train/a.mid": hymn(1), "valid/b.mid": hymn(2), "test/c.mid": hymn(3)})
    for name, piece in COPIES.items():
        write(piece, folder / "test" / name)
    for _ in range(2):
        made = CORPORA["folder"].prepare(folder)
        said = capsys.readouterr().err
        assert said.startswith("Warning: pieces in two splits: 3, so figures measured on them")
        assert "\n  test/higher: the same music as train/a, in another key\n" in said
    assert names_in(made)["test"] == {"c", "same", "higher", "slower"}


def test_few_pieces_that_are_copies_cannot_be_split(home, mine):
    with pytest.raises(ValueError, match=r"at least 3 different .*, got 1 in"):
        CORPORA["folder"].prepare(mine({"a.mid": hymn(1)} | COPIES))


NOTES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 9), st.integers(40, 80)), min_size=1, max_size=9
)


@given(NOTES, st.integers(-12, 12), st.integers(1, 4), st.integers(0, 9))
def test_music_is_the_same_in_any_key_at_any_tempo(notes, shift, times, silence):
    onset, duration, pitch = (np.array(column) for column in zip(*notes))
    voice = velocity = np.ones(len(notes), int)
    score = Score(
        onset=onset, duration=duration, pitch=pitch, voice=voice, velocity=velocity, length=99
    )
    other = replace(
        score,
        onset=silence + onset * times,
        duration=duration * times,
        pitch=pitch + shift,
        voice=voice - 1,
        length=999,
    )
    assert content_of(score).notes == content_of(other).notes


def test_another_rhythm_is_other_music():
    score = tune()
    other = replace(score, duration=score.duration + (score.pitch == 72), length=9)
    assert copies_in({"a": score, "b": other, "c": score.transpose(1)}) == [
        "c: the same music as a, in another key"
    ]


def test_silence_is_no_copy():
    silence = Score.from_grid([[0]] * 4)
    assert copies_in({"a": silence, "b": silence}) == []
    assert find_copies({"train": {"a": silence}, "test": {"a": silence}}) == []


# What fits.


def test_the_singers_of_a_piece_with_instruments_are_taken():
    names = ["Violin", *VOICES, "Organ"]
    grid = [[79, 72, 67, 64, 48, 36]] * 4
    score = kinds.four_voices(Score.from_grid(grid, parts=map(Part, names)))
    assert score.to_grid(4)[0].tolist() == [72, 67, 64, 48]
    assert [part.name for part in score.parts] == list(VOICES)
    with pytest.raises(ValueError, match="expected 4 voices, got 6"):
        kinds.four_voices(Score.from_grid(grid))


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (tune(), "expected 4 voices, got 1"),
        (Score.from_grid([[72, 67, 60, 12]]), r"in 21\.\.108, got 12 in the bass, bar 1, beat 1"),
        (
            Score.from_grid([[72, 67, 60, 48]] + [[71, 67, 60, 48]] * 3, steps_per_quarter=8),
            r"bar 1, beat 1\.12: 1 of 5 notes begins between the 4 steps",
        ),
        (replace(hymn(), timing="seconds", steps_per_quarter=100), "in seconds has no beats"),
    ],
)
def test_what_is_no_piece_of_four_voices(score, message):
    with pytest.raises(ValueError, match=message):
        kinds.four_voices(score)


def test_what_is_no_melody():
    with pytest.raises(ValueError, match="expected a melody of one voice, got 4 voices"):
        kinds.melody(hymn())
    both = replace(hymn(), voice=np.zeros(len(hymn()), int))
    with pytest.raises(ValueError, match="one note at a time"):
        kinds.melody(both)


def test_a_notated_piece_is_a_performance_at_its_tempo(home, mine):
    slow = {f"{n}.musicxml": hymn(n, tempi=[(0, 60)]) for n in range(1, 4)}
    made = CORPORA["performance"].prepare(mine(slow))
    (score,) = read_prepared(made)["train"]
    assert (score.timing, score.length) == ("seconds", 4 * 125)


def test_a_grid_is_no_performance_until_it_is_played(home, mine):
    made = CORPORA["performance"].prepare(mine({f"{n}.csv": hymn(n) for n in range(1, 4)}))
    (score,) = read_prepared(made)["train"]
    assert score.timing == "seconds"


# Which corpus a folder is.


def test_each_corpus_takes_what_it_is_made_of(tmp_path):
    assert corpus_for(None, "chorales") == "chorales"
    assert corpus_for(tmp_path, "chorales") == "folder"
    assert corpus_for(tmp_path, "jsb") == "folder"
    (tmp_path / "jsb_chorales.tgz").touch()
    assert corpus_for(tmp_path, "jsb") == corpus_for(tmp_path / "jsb_chorales.tgz", "jsb") == "jsb"
    assert corpus_for(tmp_path, "folk") == "folk"
    with pytest.raises(ValueError, match="Unknown corpus 'fork'"):
        corpus_for(tmp_path, "fork")


def test_a_corpus_that_comes_in_no_folder_is_named(tmp_path, monkeypatch):
    music = replace(CORPORA["folk"].music, corpus="toy", window=7, stride=7)
    monkeypatch.setitem(CORPORA, "toy", replace(CORPORA["chorales"], music=music))
    with pytest.raises(ValueError, match=r"'toy' is not built from a folder.*Choose one that is: "):
        corpus_for(tmp_path, "toy")


def test_a_run_is_measured_on_a_folder_of_its_kind(home, mine):
    folder = mine({f"{n}.mid": hymn(n) for n in range(1, 5)})
    made = prepare_corpus(CORPORA["jsb"].music, data_dir=folder)
    assert made == CORPORA["folder"].prepare(folder)


def test_a_book_is_read_whole_and_a_file_alone(tmp_path):
    (tmp_path / "book.abc").write_text(BOOK)
    assert list(read_all(tmp_path / "book.abc"))[:2] == ["1 (Tune 1)", "2 (Tune 2)"]
    (tmp_path / "one.abc").write_text(BOOK[: BOOK.index("X:2")])
    write(tune(), tmp_path / "tune.mid", Rendition(tempo_qpm=60))
    for name in ("one.abc", "tune.mid"):
        assert list(read_all(tmp_path / name)) == [""]
    with pytest.raises(ValueError, match="Unknown kind of piece"):
        read_all(tmp_path / "tune.wav")
    assert set(WRITERS) - {".wav"}


def test_the_cases_of_the_field(home, real_data):
    cases = real_data.parent / "cases"
    if not cases.is_dir():
        pytest.skip("no folder of cases beside the data")
    for name in ("chorales_mid", "chorales_musicxml"):
        made = CORPORA["folder"].prepare(cases / name)
        assert tuple(map(len, names_in(made).values())) == (3, 1, 1)
        assert read_manifest(made)["left_out"] == {}
    both = names_in(CORPORA["folder"].prepare(shutil.copytree(cases, home / "copy")))
    for names in both.values():  # of the same chorale, the MIDI files have repeats played out
        assert {n.partition("-")[2] for n in names if n.startswith("chorales_mid")} == {
            n.partition("-")[2] for n in names if n.startswith("chorales_musicxml")
        }
    assert sum(map(len, names_in(CORPORA["folk"].prepare(cases / "abc")).values())) == 14
