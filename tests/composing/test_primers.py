"""What a user means by a primer: a file, tokens, or a slip."""

import re

import numpy as np
import pytest

from bach_tf.codecs import EventCodec, MelodyCodec, SatbCodec
from bach_tf.composing import primers
from bach_tf.formats import read
from bach_tf.formats.grid_csv import write_grid_csv
from bach_tf.formats.musicxml import write_musicxml
from bach_tf.score import Score

CODEC = SatbCodec(31, 87)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("bach.mid", "bach.csv", "notes.txt", "sound.wav"):
        (tmp_path / name).touch()
    (tmp_path / "music").mkdir()
    return tmp_path


@pytest.mark.parametrize("text", ["C4 _ 62 r", "C4.Eb4", "C4.E4.G4 Bb3", "on:60 off:60", "r"])
def test_tokens_are_no_file(folder, text):
    assert primers.find_primer(text) is None


def test_a_typed_primer_may_be_longer_than_any_name_of_a_file(folder):
    tokens = "C5 G4 E4 C3 " * 5000
    assert primers.find_primer(tokens) is None
    assert len(primers.read_prompt(CODEC, tokens)) == 1 + 20_000
    assert len(primers.read_prompt(CODEC, tokens, length=2)) == 1 + 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bech.mid", r"bech.mid does not exist\. Expected a primer: .*Did you mean bach.mid"),
        ("bach.mdi", r"bach.mdi does not exist\. Expected a primer: .*Did you mean bach.mid"),
        ("music/bach", r"music/bach does not exist"),
        ("nowhere/bach.mid", r"nowhere/bach.mid does not exist.*the word corpus\.$"),
        ("C4 D4 E4.mid", r"C4 D4 E4.mid does not exist"),
        ("music/", r"music is a folder\. Expected a primer: a file in it"),
        ("notes.txt", r"notes.txt: Unknown kind of primer '.txt'. Choose from: "),
        ("sound.wav", r"sound.wav: Unknown kind of primer '.wav'"),
        ("x" * 600_000 + ".mid", r"^\.\.\.x{76}\.mid does not exist"),
    ],
)
def test_a_mistyped_file_is_no_unknown_token(folder, text, message):
    with pytest.raises(ValueError, match=message) as error:
        primers.read_prompt(CODEC, text)
    assert len(str(error.value)) < 400
    assert "token '" not in str(error.value)


def test_an_unknown_token_is_shortened():
    with pytest.raises(ValueError, match=r"Unknown token 'HHHH.* \(600,000 characters\)'") as error:
        primers.read_prompt(CODEC, "H" * 600_000)
    assert len(str(error.value)) < 400


def test_a_file_is_read_whatever_its_name(folder):
    path = folder / "music" / "C4 D4.csv"
    write_grid_csv(path, Score.from_grid([[72, 67, 64, 48]]).to_grid())
    prompt = primers.read_prompt(CODEC, str(path))
    assert prompt.tolist() == primers.read_prompt(CODEC, "C5 G4 E4 C3").tolist()


def test_a_piece_has_room_behind_its_primer():
    prompt = primers.read_prompt(MelodyCodec(lowest=55, highest=79), "C4 _ D4")
    primers.check_room(CODEC, np.array([CODEC.START]), 1)
    primers.check_room(MelodyCodec(lowest=55, highest=79), prompt, 4)
    message = re.escape("The primer has 3 steps, but the piece only 3.")
    with pytest.raises(ValueError, match=message):
        primers.check_room(MelodyCodec(lowest=55, highest=79), prompt, 3)
    with pytest.raises(ValueError, match="`length` must be at least 1"):
        primers.check_room(EventCodec(steps_per_quarter=4), prompt, 0)


# Tunes that say their metre.

HEADED = MelodyCodec(60, 72, metres=[(3, 4), (6, 8)], upbeats=[0, 4])
WALTZ = Score.from_grid([[60], [62], [64]], metres=[(0, 6, 8)], upbeat=4)


def prompt_text(prompt):
    return " ".join(HEADED.tokens[number] for number in prompt)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("C4 _ D4", "3/4 upbeat:0 C4 _2 D4"),  # without a header the commonest
        ("6/8 upbeat:4 C4 _ _ _ _5", "6/8 upbeat:4 C4 _10 _11 _12 _1"),
        ("6/8 upbeat:4", "6/8 upbeat:4"),
        ("6/8", "6/8"),  # the model chooses the upbeat
    ],
)
def test_typed_tunes_may_say_their_metre(folder, text, begins):
    assert primers.find_primer(text) is None
    assert prompt_text(primers.read_prompt(HEADED, text)) == f"<start> {begins}"


@pytest.mark.parametrize("text", ["upbeat:4 C4", "6/8 C4", "6/8 upbeat:4 3/4", "C4 upbeat:4"])
def test_a_metre_stands_at_the_beginning(text):
    message = r"in this order: metre, upbeat, melody\. Received: "
    with pytest.raises(ValueError, match=message):
        primers.read_prompt(HEADED, text)


def test_the_opening_of_a_primer_is_no_step():
    prompt = primers.read_prompt(HEADED, "6/8 upbeat:4 C4 _ D4")
    assert prompt_text(primers.read_prompt(HEADED, "C4 _ D4", 2)).endswith("upbeat:0 C4 _2")
    primers.check_room(HEADED, prompt, 4)
    with pytest.raises(ValueError, match="The primer has 3 steps"):
        primers.check_room(HEADED, prompt, 3)
    primers.check_room(HEADED, primers.read_prompt(HEADED, "6/8"), 1)


def test_a_score_as_a_primer_keeps_its_metre():
    assert prompt_text(primers.prompt_of(HEADED, WALTZ)) == "<start> 6/8 upbeat:4 C4 D4 E4"
    assert prompt_text(primers.prompt_of(HEADED, WALTZ, 1)) == "<start> 6/8 upbeat:4 C4"
    unknown = Score.from_grid([[60], [60]])
    assert prompt_text(primers.prompt_of(HEADED, unknown)) == "<start> 3/4 upbeat:0 C4 _2"


def test_a_metre_may_be_chosen():
    start = np.array([HEADED.START])
    assert prompt_text(primers.with_metre(HEADED, start, "6/8")) == "<start> 6/8"
    held = primers.prompt_of(HEADED, Score.from_grid([[60], [60]], metres=[(0, 3, 4)]))
    held = primers.with_metre(HEADED, held, "6/8")
    assert prompt_text(held) == "<start> 6/8 upbeat:0 C4 _2"
    assert primers.with_metre(CODEC, start, None) is start
    with pytest.raises(ValueError, match=r"Unknown metre '4/4'\. Choose from: 3/4, 6/8"):
        primers.with_metre(HEADED, start, "4/4")
    with pytest.raises(ValueError, match=r"have no metre token, so 3/4 cannot be chosen"):
        primers.with_metre(CODEC, start, "3/4")


TUNE = "X:1\nM:3/4\nL:1/4\nK:C\nC | DEF | G2 |]\n"


def test_notated_files_are_primers(folder):
    score = Score.from_grid(np.repeat([[72, 67, 64, 48], [71, 67, 62, 55]], 4, axis=0))
    write_musicxml(score, folder / "a.musicxml")
    prompt = primers.read_prompt(CODEC, "a.musicxml")
    assert prompt.tolist() == CODEC.encode(score)[:-1].tolist()
    (folder / "a.abc").write_text(TUNE)
    (folder / "a.krn").write_text("**kern\n*M3/4\n4c\n=1\n4d\n4e\n4f\n=2\n2g\n==\n*-\n")
    melody = MelodyCodec(lowest=55, highest=79)
    expected = melody.encode(read(folder / "a.abc").score)[:-1].tolist()
    for name in ("a.abc", "a.krn"):
        assert primers.read_prompt(melody, name).tolist() == expected


@pytest.mark.parametrize("name", ["pickup", "threefour"])
def test_chorales_from_the_field_are_primers(real_data, name):
    folder = real_data.parent / "cases" / "scores"
    if not folder.is_dir():
        pytest.skip("there is no folder `cases` beside the real data")
    prompt = primers.read_prompt(CODEC, str(folder / f"{name}.musicxml"))
    steps = (len(prompt) - 1) // 4
    assert steps == read(folder / f"{name}.musicxml").score.length
