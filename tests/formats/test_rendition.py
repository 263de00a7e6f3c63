"""How a piece is to be written: what is asked for, what the score says, and what else holds."""

from dataclasses import FrozenInstanceError, replace

import pytest

from bach_tf.formats import READERS, WRITERS, Writer, read, write
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Part, Score

SCORE = Score.from_grid([[67, 60]] * 4)


def test_what_is_asked_for_holds_then_what_the_score_says():
    said = replace(SCORE, tempi=[(0, 60), (2, 80)], parts=[Part("Violin", 40, pan=0)])
    assert (PLAIN.tempo_of(SCORE), PLAIN.tempo_of(said)) == (90, 60)
    assert Rendition(tempo_qpm=72).tempo_of(said) == 72
    assert PLAIN.tempo_of(replace(SCORE, timing="seconds")) == 75
    assert PLAIN.parts_of(said) == [Part("Violin", 40, pan=0), Part("voice 2", 19)]
    assert [part.program for part in Rendition(program=6).parts_of(said)] == [6, 6]
    own = Rendition(program=6, programs=[41])
    assert [part.program for part in own.parts_of(said)] == [41, 6]
    assert Rendition(programs=[41]).parts_of(SCORE)[1].program == 19


def test_parts_of_voices_that_the_score_lacks_play_nothing():
    crowd = replace(SCORE, parts=[Part(name) for name in "abc"])
    assert [part.name for part in PLAIN.parts_of(crowd)] == ["a", "b"]


def test_nothing_of_a_rendition_can_be_changed():
    with pytest.raises(FrozenInstanceError):
        PLAIN.tempo_qpm = 72


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"tempo_qpm": 3.9}, r"`tempo_qpm` must be in 4\.\.1000\. Received: 3\.9"),
        ({"tempo_qpm": float("nan")}, r"`tempo_qpm` must be in 4\.\.1000\. Received: nan"),
        ({"program": 128}, r"`program` must be in 0\.\.127\. Received: 128"),
        ({"programs": [0, -1]}, r"`program` must be in 0\.\.127\. Received: -1"),
        ({"synthesiser": "fm"}, r"Unknown synthesiser 'fm'\. Choose from: additive, auto, soundf"),
        ({"tuning": "just"}, r"Unknown tuning 'just'"),
        ({"reference_hz": 44}, r"`reference_hz` must be in 300\.\.600\. Received: 44"),
        ({"primer_steps": -1}, r"`primer_steps` must be at least 0\. Received: -1"),
        ({"layout": "open"}, r"`layout` must be one of parts, closed\. Received: 'open'"),
        ({"synthesiser": "soundfont", "reference_hz": 415}, "Choose the additive synthesiser"),
    ],
)
def test_what_no_format_could_do_is_refused_at_once(wish, message):
    with pytest.raises(ValueError, match=message):
        Rendition(**wish)


def test_a_format_is_one_entry(tmp_path, monkeypatch):
    def write_names(score, path, rendition):
        path.write_text(" ".join(part.name for part in rendition.parts_of(score)))

    monkeypatch.setitem(WRITERS, ".txt", Writer(write_names))
    write(SCORE, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "voice 1 voice 2"


def test_what_is_read_is_written_as_it_was(tmp_path):
    said = replace(SCORE, title="a", tempi=[(0, 60), (2, 80)], metres=[(0, 3, 8)])
    said = replace(said, parts=[Part("Violin", 40, 100, 0), Part("Cello", 42)])
    write(said, tmp_path / "a.mid")
    piece = read(tmp_path / "a.mid")
    assert piece.score == said
    write(piece.score, tmp_path / "b.mid", piece.rendition)
    assert read(tmp_path / "b.mid").score == said


@pytest.mark.parametrize("ending", READERS)
def test_a_file_that_is_not_there(tmp_path, ending):
    with pytest.raises(ValueError, match=r"No file .*absent"):
        read(tmp_path / f"absent{ending}")
