"""The files of new pieces: names that are held, formats that fail, folders that cannot be."""

import errno
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bach_tf import formats
from bach_tf.formats import WRITERS, Writer, check_room_in, files, write
from bach_tf.formats.files import PieceNames, check_folder, write_piece
from bach_tf.formats.midi import read_midi
from bach_tf.score import Score

ROOT = Path(__file__).parents[2]
SCORE = Score.from_grid([[60]] * 4)
WRITER = """
import sys
from pathlib import Path
from bach_tf.formats.files import PieceNames, write_piece
from bach_tf.score import Score
names = PieceNames(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(20):
    score = Score.from_grid([[int(sys.argv[2])]] * (1 + number))
    with names.reserve() as stem:
        print(*write_piece(score, stem, [sys.argv[3]]).paths)
"""


def today(number):
    return f"{date.today()}_{number}"


def failing(monkeypatch, ending, error):
    def fail(score, path, rendition):
        path.write_text("half")
        raise error

    monkeypatch.setitem(formats.WRITERS, ending, Writer(fail))


def test_two_programs_in_a_folder_overwrite_no_piece_of_each_other(tmp_path):
    """Not even where one writes .mid and the other .csv."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(
            [*command, pitch, ending], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for pitch, ending in (("60", ".mid"), ("62", ".csv"))
    ]  # fmt: skip
    for program in both:
        program.stdin.write("go\n")
        program.stdin.flush()
    said = [program.communicate()[0].split() for program in both]
    assert [len(paths) for paths in said] == [20, 20]
    assert len({Path(path).stem for paths in said for path in paths}) == 40
    assert sorted(map(str, tmp_path.iterdir())) == sorted(said[0] + said[1])
    assert [read_midi(Path(path)).pitch[0] for path in said[0]] == [60] * 20


def test_a_name_that_is_held_is_given_to_nobody_else(tmp_path):
    (tmp_path / f"{today(1)}.png").touch()
    one, other = PieceNames(tmp_path), PieceNames(tmp_path)
    with one.reserve() as first, other.reserve() as second:
        assert [first.name, second.name] == [today(2), today(3)]
    with other.reserve() as third:
        assert third.name == today(4)
    assert [path.name for path in tmp_path.iterdir()] == [f"{today(1)}.png"]


def test_a_name_that_was_written_since_the_folder_was_listed_is_taken(tmp_path):
    names = PieceNames(tmp_path)
    (tmp_path / f"{today(1)}.svg").touch()
    with names.reserve() as stem:
        assert stem.name == today(2)


def test_a_full_folder_is_listed_once(tmp_path, monkeypatch):
    for number in range(300):
        (tmp_path / f"{today(number)}.mid").touch()
    listed = []
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    names = PieceNames(tmp_path)
    with ExitStack() as held:
        stems = [held.enter_context(names.reserve()).name for _ in range(5)]
    assert stems == [today(number) for number in range(300, 305)]
    assert listed == [tmp_path]


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "full"), KeyboardInterrupt()])
def test_a_file_that_failed_or_was_stopped_leaves_nothing_behind(tmp_path, monkeypatch, error):
    failing(monkeypatch, ".mid", error)
    with pytest.raises(type(error)), PieceNames(tmp_path).reserve() as stem:
        write(SCORE, stem.with_suffix(".mid"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_written_again_is_whole_at_any_time(tmp_path, monkeypatch):
    path = tmp_path / "a.mid"
    write(SCORE, path)
    before = path.read_bytes()
    failing(monkeypatch, ".mid", OSError(28, "full"))
    with pytest.raises(OSError, match="full"):
        write(SCORE, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), OSError(28, "full"), ZeroDivisionError("0")])
def test_a_format_that_fails_does_not_cost_the_others(tmp_path, monkeypatch, error):
    failing(monkeypatch, ".png", error)
    written = write_piece(SCORE, tmp_path / "a", [".png", ".csv", ".mid"])
    assert [path.name for path in written.paths] == ["a.mid", "a.csv"]
    assert [path.name for path in written.errors] == ["a.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.mid"]


def test_a_piece_that_its_only_format_cannot_hold_is_written_as_midi(tmp_path):
    five = Score.from_grid([[60, 59, 58, 57, 56]])
    written = write_piece(five, tmp_path / "a", [".csv"])
    assert [path.name for path in written.paths] == ["a.mid"]
    ((path, error),) = written.errors.items()
    assert str(error).startswith(f"{path}: No CSV grid can hold this score")


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("tempo", [1, 3.9, 2000])
def test_a_tempo_that_cannot_be_writes_no_format_and_names_the_file(tmp_path, ending, tempo):
    path = tmp_path / "new" / f"a{ending}"
    message = rf"{re.escape(str(path))}: `tempo_qpm` must be in 4\.\.1000\. Received: {tempo}"
    with pytest.raises(ValueError, match=message):
        write(replace(SCORE, tempi=[(0, tempo)]), path)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taken", r"taken: .*taken is a file"),
        ("taken/below/it", r"below/it: .*taken is a file"),
        ("nowhere", r"nowhere: .*nowhere is a link to nowhere"),
        ("x" * 300, r"File name too long"),
        ("new/" + "é" * 128, r"File name too long"),
        ("/".join(["x" * 200] * 30), r"File name too long"),
    ],
)
def test_a_folder_that_cannot_be_is_found_before_there_are_pieces(tmp_path, name, message):
    (tmp_path / "taken").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    with pytest.raises(ValueError, match=message):
        check_folder(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_without_permission_is_found_before_there_are_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(ValueError, match=r"no permission to write in"):
        check_folder(tmp_path / "new" / "folder")


def test_folders_that_can_be_made_are_fine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), Path("a/b"), tmp_path, tmp_path / ("x" * 255), Path("../é")):
        check_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_codecs_pieces_cannot_be_is_found_before_there_are_any(trained_run):
    codec = trained_run.codec
    check_room_in([".csv", ".wav"], codec, 16 * 1500, 100)  # an hour
    with pytest.raises(ValueError, match=r"\.wav: expected sound of at most 3600 s, got .* 3602 s"):
        check_room_in([".mid", ".wav"], codec, 16 * 1501, 100)
    from bach_tf.codecs import EventCodec

    with pytest.raises(ValueError, match=r"A CSV grid has a row for each sixteenth"):
        check_room_in([".csv"], EventCodec(steps_per_quarter=100), 100, 100)


def test_a_missing_package_is_found_before_there_are_pieces(monkeypatch):
    monkeypatch.setattr("bach_tf.formats.sound.writing.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"\.ogg needs soundfile, .* pip install"):
        formats.check_formats("mid,ogg")


def test_a_full_disk_is_no_name_that_is_taken(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space"), PieceNames(tmp_path).reserve():
        pass
