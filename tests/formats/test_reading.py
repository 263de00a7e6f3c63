"""How what a reader warns of reaches people: the library, Python's warnings, the command line."""

import json
from pathlib import Path

import pytest
from commands import command

import bach_tf as bt
from bach_tf.formats import READERS, Reader, read
from bach_tf.formats.reading import Notices, Piece, ReadingWarning
from bach_tf.score import Score

main = command("render")
SAID = "a.txt: line 2: a bad line is left out (2 times)"


def read_lines(path, grid=None, strict=False):
    """Read pitches, a line each; a line that is none is a fault."""
    notices = Notices(path, strict)
    pitches = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.isdigit():
            pitches.append([int(line)])
        else:
            notices.fault("a bad line is left out", f"line {number}")
    return Piece(Score.from_grid(pitches), warnings=notices.sentences)


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setitem(READERS, ".txt", Reader(read_lines))
    path = tmp_path / "a.txt"
    path.write_text("60\nx\ny\n62\n")
    return path


def test_a_fault_is_warned_of_once_with_its_first_place(text):
    with pytest.warns(ReadingWarning) as said:
        piece = read(text)
    assert [str(each.message) for each in said] == [SAID]
    assert piece.warnings == (SAID,)
    assert piece.score.pitch.tolist() == [60, 62]


def test_strict_reading_refuses_the_first_fault(text):
    with pytest.raises(ValueError, match=r"^a\.txt: line 2: a bad line is left out$"):
        read(text, strict=True)


def test_what_is_chosen_is_no_fault():
    notices = Notices(Path("a.txt"), strict=True)
    notices.remark("drums are left out")
    assert notices.sentences == ("a.txt: drums are left out",)


def test_pieces_are_equal_whatever_was_said_of_them():
    score = Score.from_grid([[60]])
    assert Piece(score, warnings=("a.txt: something",)) == Piece(score)


def test_the_front_door_hands_warnings_on(text):
    with pytest.warns(ReadingWarning, match="line 2"):
        piece = bt.read(text)
    assert piece.warnings == (SAID,)
    with pytest.raises(ValueError, match="line 2"):
        bt.read(text, strict=True)


def test_the_command_prints_a_line_for_each_warning(text, capsys):
    midi = text.with_suffix(".mid")
    for _ in range(2):  # each time anew
        assert main([text, "--format", "mid"]) == 0
        assert capsys.readouterr() == (f"{midi}\n", f"bach-tf render: {SAID}\n")


def test_the_command_has_warnings_in_its_record(text, capsys):
    assert main([text, "--format", "mid", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == [SAID]


def test_the_strict_command_refuses_a_fault(text, capsys):
    assert main([text, "--format", "mid", "--strict"]) == 2
    assert "a.txt: line 2: a bad line is left out\n" in capsys.readouterr().err
    assert not text.with_suffix(".mid").exists()
