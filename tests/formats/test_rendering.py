"""The command that writes a piece in other formats, and the CSV grid it can write."""

import json
import shutil
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from commands import command

from bach_tf.formats import WRITERS, Writer, read, write
from bach_tf.formats.chorale_csv import write_chorale_csv
from bach_tf.formats.grid_csv import read_grid_csv, write_grid_csv
from bach_tf.formats.midi import read_midi, write_midi
from bach_tf.formats.reading import ReadingWarning
from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound.synthesis import SAMPLE_RATE
from bach_tf.formats.sound.writing import write_wav
from bach_tf.score import Part, Score

main = command("render")

ROOT = Path(__file__).parents[2]
CHORALE = Score.from_grid([[72, 67, 64, 48]] * 4 + [[71, 67, 62, 55]] * 4)


@pytest.fixture
def chorale(tmp_path):
    """A MIDI file of half a bar, at 60 quarter notes per minute, for harpsichord."""
    write_midi(CHORALE, tmp_path / "a.mid", Rendition(tempo_qpm=60, program=6))
    return tmp_path / "a.mid"


def seconds_of(path):
    with wave.open(str(path)) as file:
        return file.getnframes() / SAMPLE_RATE


def test_all_formats_beside_the_file(chorale, capsys):
    endings = [ending for ending in WRITERS if ending != ".mid"]
    assert main([str(chorale), "--format", ",".join(endings)]) == 0
    written = [str(chorale.with_suffix(ending)) for ending in endings]
    assert capsys.readouterr() == ("\n".join(written) + "\n", "")
    assert all(Path(path).stat().st_size > 0 for path in written)
    np.testing.assert_array_equal(read_grid_csv(chorale.with_suffix(".csv")), CHORALE.to_grid())


def test_another_folder_tempo_and_instrument(chorale, tmp_path):
    options = ["--output", str(tmp_path / "new"), "--tempo", "120", "--program", "church"]
    assert main([str(chorale), "--format", "mid,wav", *options]) == 0
    file = mido.MidiFile(tmp_path / "new" / "a.mid")
    assert [m.tempo for m in file.tracks[0] if m.type == "set_tempo"] == [500_000]
    assert [m.program for m in file.tracks[1] if m.type == "program_change"] == [19]
    assert seconds_of(tmp_path / "new" / "a.wav") == 1 + 1


@pytest.mark.parametrize("name", ["new.mid", "deep/er/x.wav", "X.MIDI"])
def test_the_name_of_the_new_file(chorale, tmp_path, capsys, name):
    path = tmp_path / name
    assert main([str(chorale), "--output", str(path)]) == 0
    path = path.with_suffix(path.suffix.lower())
    assert capsys.readouterr() == (f"{path}\n", "")
    assert path.is_file()


def test_a_named_file_and_further_formats(chorale, tmp_path):
    options = ["--output", str(tmp_path / "b.mid"), "--format", "svg,mid"]
    assert main([str(chorale), *options]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mid", "b.mid", "b.svg"]


def test_a_folder_named_like_a_file(chorale, tmp_path):
    (tmp_path / "old.mid").mkdir()
    options = ["--output", str(tmp_path / "old.mid")]
    assert main([str(chorale), *options, "--format", "csv"]) == 0
    assert (tmp_path / "old.mid" / "a.csv").is_file()
    assert main([str(chorale), *options]) == 2


def test_several_pieces_do_not_go_into_one_file(chorale, tmp_path, capsys):
    other = chorale.with_name("other.mid")
    shutil.copy(chorale, other)
    assert main([str(chorale), str(other), "--output", str(tmp_path / "new.mid")]) == 2
    assert "2 pieces would be written to " in capsys.readouterr().err
    assert main([str(chorale), "--output", str(chorale)]) == 2
    assert "a.mid is the input itself" in capsys.readouterr().err


def test_tempo_and_instrument_are_those_of_the_file(chorale, tmp_path):
    assert main([str(chorale), "--format", "wav,mid", "--output", str(tmp_path / "new")]) == 0
    assert seconds_of(tmp_path / "new" / "a.wav") == 2 + 1
    assert (tmp_path / "new" / "a.mid").read_bytes() != b""
    score = read(tmp_path / "new" / "a.mid").score
    assert score.tempi == ((0, 60),)
    assert {part.program for part in score.parts} == {6}


def test_tuning_and_reference_reach_the_sound(chorale, tmp_path):
    sounds = []
    for number, options in enumerate(
        ([], ["--tuning", "werckmeister3"], ["--reference", "415"], ["--tuning", "equal"])
    ):
        folder = tmp_path / str(number)
        assert main([str(chorale), "--format", "wav", "--output", str(folder), *options]) == 0
        sounds.append((folder / "a.wav").read_bytes())
    assert sounds[0] == sounds[3]
    assert len(set(sounds)) == 3


def test_the_synthesiser_reaches_the_sound(chorale, tmp_path):
    sounds = []
    for number, options in enumerate(([], ["soundfont"], ["additive"])):
        options = ["--synthesiser", *options] if options else []
        folder = tmp_path / str(number)
        assert main([str(chorale), "--format", "wav", "--output", str(folder), *options]) == 0
        sounds.append((folder / "a.wav").read_bytes())
    assert sounds[0] == sounds[1] != sounds[2]


def test_each_voice_keeps_its_instrument_and_its_name(tmp_path):
    named = replace(CHORALE, parts=[Part("violin"), Part("viola")])
    write_midi(named, tmp_path / "a.mid")
    file = mido.MidiFile(tmp_path / "a.mid")
    for track, program in zip(file.tracks[1:], (40, 41, 42)):
        track[1] = track[1].copy(program=program)
    file.tracks[4].pop(1)  # the bass asks for none
    file.save(tmp_path / "a.mid")
    parts = read(tmp_path / "a.mid").score.parts
    assert [part.name for part in parts] == ["violin", "viola", "voice 3", "voice 4"]
    assert [part.program for part in parts] == [40, 41, 42, 40]
    options = ["--format", "wav", "--output"]
    assert main([str(tmp_path / "a.mid"), *options, str(tmp_path / "1")]) == 0
    assert main([str(tmp_path / "a.mid"), *options, str(tmp_path / "2"), "--program", "40"]) == 0
    own, all_violin = ((tmp_path / folder / "a.wav").read_bytes() for folder in "12")
    assert own != all_violin
    write_wav(CHORALE, tmp_path / "b.wav", Rendition(tempo_qpm=90, programs=(40, 41, 42, 40)))
    assert own == (tmp_path / "b.wav").read_bytes()


def test_several_files_and_folders(chorale, tmp_path, capsys):
    folder = tmp_path / "pieces"
    folder.mkdir()
    write_grid_csv(folder / "c.csv", CHORALE.to_grid())
    write_midi(CHORALE, folder / "d.MID")
    (folder / "notes.txt").write_text("left alone")
    written = [tmp_path / "new" / f"{name}.musicxml" for name in "acd"]
    options = ["--format", "musicxml", "--output", str(tmp_path / "new")]
    assert main([str(chorale), str(folder), *options]) == 0
    assert capsys.readouterr().out.splitlines() == [str(path) for path in written]
    assert sorted((tmp_path / "new").iterdir()) == written


def test_files_that_would_overwrite_each_other(chorale, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    write_midi(CHORALE, tmp_path / "other" / "a.mid")
    options = ["--format", "wav", "--output", str(tmp_path / "new")]
    assert main([str(chorale), str(tmp_path / "other"), *options]) == 2
    assert "2 pieces would be written to" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_only_pictures_are_told_of_the_primer(tmp_path):
    for ending in WRITERS:
        write(CHORALE, tmp_path / f"a{ending}", Rendition(primer_steps=4, tempo_qpm=90, program=19))
        write(CHORALE, tmp_path / f"b{ending}", Rendition(tempo_qpm=90, program=19))
    changed = [
        ending
        for ending in WRITERS
        if (tmp_path / f"a{ending}").read_bytes() != (tmp_path / f"b{ending}").read_bytes()
    ]
    assert {".png"} <= set(changed) <= {".png", ".opus", ".ogg"}  # Ogg numbers its streams anew


def test_a_csv_grid_is_read(tmp_path):
    write_grid_csv(tmp_path / "b.csv", CHORALE.to_grid())
    assert main([str(tmp_path / "b.csv"), "--format", "mid"]) == 0
    np.testing.assert_array_equal(read_midi(tmp_path / "b.mid").to_grid(), CHORALE.to_grid())
    score = read(tmp_path / "b.csv").score
    assert [part.name for part in score.parts] == ["soprano", "alto", "tenor", "bass"]
    assert score.title == "b"


def midi_of(path, steps_per_quarter, onsets):
    count = len(onsets)
    score = Score(
        onset=onsets,
        duration=[1] * count,
        pitch=range(40, 40 + count),
        voice=[0] * count,
        velocity=[80] * count,
        length=max(onsets) + 1,
        steps_per_quarter=steps_per_quarter,
    )
    write_midi(score, path, Rendition(tempo_qpm=75))
    return path


@pytest.mark.parametrize(
    ("steps_per_quarter", "onsets", "grid"),
    [
        (4, [0, 1, 2, 3, 7], 4),
        (12, [0, 4, 8, 12], 12),
        (12, [0, 3, 6, 8], 12),
        (8, [0, 1, 3, 5], 8),  # thirty-seconds are no triplets
        (16, [0, 1, 3, 5], 16),
        (20, [0, 4, 8, 12, 16], 20),  # five in a quarter
        (48, [0, 1, 2, 4], 48),
        (48, [0, 48, 96, 99, 144, 145, 192, 216], 48),
    ],
)
def test_the_coarsest_grid_that_fits_is_taken(tmp_path, steps_per_quarter, onsets, grid):
    piece = read(midi_of(tmp_path / "a.mid", steps_per_quarter, onsets))
    _check_times(piece, steps_per_quarter, onsets, grid)


def test_what_is_on_no_grid_is_a_performance(tmp_path):
    onsets = [0, 13, 47, 51, 66, 78, 99, 141, 163]
    with pytest.warns(ReadingWarning, match="it is read as a performance"):
        piece = read(midi_of(tmp_path / "a.mid", 160, onsets))
    assert piece.score.timing == "seconds"
    _check_times(piece, 160, onsets, 100)


def _check_times(piece, steps_per_quarter, onsets, grid):
    assert piece.score.steps_per_quarter == grid
    assert piece.rendition.tempo_of(piece.score) == 75
    seconds = piece.score.onset / grid * 60 / 75
    expected = np.array(onsets) / steps_per_quarter * 60 / 75
    np.testing.assert_allclose(seconds, expected, atol=0.005)


def test_the_grid_can_be_chosen(tmp_path, capsys):
    path = midi_of(tmp_path / "a.mid", 12, [0, 4, 8, 12])
    assert main([str(path), "--format", "csv"]) == 2
    assert "Received: 12 steps per quarter. Choose another format." in capsys.readouterr().err
    assert main([str(path), "--format", "csv", "--grid", "sixteenths"]) == 0
    assert main([str(path), "--format", "csv", "--grid", "seconds"]) == 2
    assert "Received: 100 steps per quarter" in capsys.readouterr().err


def test_a_file_without_notes(tmp_path, capsys):
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(tmp_path / "empty.mid")
    assert main([str(tmp_path / "empty.mid"), "--format", "wav,musicxml,svg,png"]) == 2
    assert capsys.readouterr().err == "bach-tf render: empty.mid: expected notes, got none\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.mid", "--format", "wav"], "absent.mid does not exist. Expected a .csv, .mid, "),
        (
            ["a.sib", "--format", "wav"],
            "Unknown kind of piece '.sib'. Choose from: ",
        ),
        (["bad.mid", "--format", "wav"], "bad.mid: expected a MIDI file, got"),
        (["a.mid"], "No format. Choose some with --format, such as --format wav,pdf, or name"),
        (["a.mid", "--output", "new"], "No format. Choose some with --format"),
        (["a.mid", "--format", "doc"], "Unknown format '.doc'. Choose from: .csv, .mid, "),
        (["a.mid", "--format", "mid"], "a.mid is the input itself. Choose another --format, or"),
        (["a.mid", "--format", "wav", "--program", "kazoo"], "Unknown General MIDI program"),
        (["a.mid", "--format", "mid,png", "--tuning", "just"], "Unknown tuning 'just'. Choose"),
        (["a.mid", "--format", "wav", "--synthesiser", "fm"], "Unknown synthesiser 'fm'. Choose"),
        (
            ["a.mid", "--format", "ogg", "--synthesiser", "soundfont", "--reference", "415"],
            "The soundfont is in equal temperament at 440 Hz.",
        ),
        (["nowhere", "--format", "wav"], "nowhere does not exist. Expected a .csv, .mid, "),
        (["empty", "--format", "wav"], "empty: expected a folder with .csv, .mid, "),
        (["a.mid", "--format", "wav", "--grid", "bars"], "Unknown grid 'bars'. Choose from: auto"),
        (["a.mid", "--format", "wav", "--output", "a.sib"], "a.sib"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, chorale, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("bad.mid").write_text("no music")
    Path("empty").mkdir()
    Path("a.sib").touch()
    before = sorted(tmp_path.iterdir())
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("bach-tf render: ")
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--tempo", "0", "expected a number in 4..1000, got: 0"),
        ("--tempo", "nan", "expected a number in 4..1000, got: nan"),
        ("--reference", "4", "expected a number in 300..600, got: 4"),
        ("--reference", "nan", "expected a number in 300..600, got: nan"),
        ("--referense", "415", "Did you mean --reference?"),
    ],
)
def test_a_number_that_cannot_be_is_refused(option, value, message, chorale, capsys):
    with pytest.raises(SystemExit) as stop:
        main([str(chorale), "--format", "wav", option, value])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not chorale.with_suffix(".wav").exists()


def test_a_bad_piece_is_named_and_the_others_are_written(chorale, tmp_path, capsys):
    folder = tmp_path / "pieces"
    folder.mkdir()
    for name in "ad":
        shutil.copy(chorale, folder / f"{name}.mid")
    (folder / "b.mid").write_text("no music")
    slow = mido.MidiFile(chorale)
    slow.tracks[0].insert(2, mido.MetaMessage("set_tempo", tempo=0xFFFFFF))
    slow.save(folder / "c.mid")
    assert main([str(folder), "--format", "csv,png"]) == 2
    out, error = capsys.readouterr()
    written = [folder / f"{name}.{ending}" for name in "ad" for ending in ("csv", "png")]
    assert [Path(line) for line in out.splitlines()] == written
    bad, slow, last = error.splitlines()
    assert "b.mid: expected a MIDI file, got" in bad
    assert slow.endswith("c.mid: expected a tempo of 4..1000 quarter notes per minute, got 3.576. "
                         "Choose one with --tempo")  # fmt: skip
    assert last.endswith(": 2 of 4 pieces could not be written in every format.")
    assert not (folder / "c.png").exists()
    assert main([str(folder / "c.mid"), "--format", "csv", "--tempo", "60"]) == 0


def test_a_full_disk_is_said_with_the_name_of_the_file(chorale, tmp_path, monkeypatch, capsys):
    def fill(score, path, rendition):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, ".png", Writer(fill))
    assert main([chorale, "--format", "png", "--output", tmp_path / "new", "--json"]) == 2
    path = str(tmp_path / "new" / "a.png")
    said = f"bach-tf render: [Errno 28] No space left on device: {path!r}\n"
    assert capsys.readouterr() == ("", said)
    assert list((tmp_path / "new").iterdir()) == []


def test_programs_read_as_json_what_was_written_and_what_not(chorale, tmp_path, capsys):
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"RIFF")
    options = ["--format", "png", "--output", tmp_path / "new", "--json"]
    assert main([bad, chorale, *options]) == 2
    out, error = capsys.readouterr()
    record = json.loads(out)
    assert record["files"] == [str(tmp_path / "new" / "a.png")]
    (reason,) = record["errors"]
    assert error.startswith(f"bach-tf render: {reason}\n")
    assert "bad.mid: expected a MIDI file, got" in reason


def test_the_command_needs_no_tensorflow(chorale):
    code = (
        "import sys; from bach_tf.cli.main import main; main(['render', *sys.argv[1:]]); "
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(chorale), "--format", "csv,wav,musicxml,svg"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert done.stderr == ""


# The CSV grid.


def test_fewer_voices_are_filled_up_with_silence(tmp_path):
    write_chorale_csv(Score.from_grid([[67, 60], [67, 0]]), tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    assert text == "note0,note1,note2,note3\n67,60,0,0\n67,0,0,0\n"


def chord(**about):
    two = {"onset": [0, 0], "duration": [1, 1], "velocity": [80, 80], "length": 1}
    return Score(**{**two, "pitch": [60, 64], "voice": [0, 0], **about})


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score.from_grid([[60]], steps_per_quarter=12), r"4 steps per quarter. Received: 12 steps"),
        (
            Score.from_grid([[60] * 5]),
            r"No CSV grid can hold this score: Expected at most 4 voices",
        ),
        (chord(), r"No CSV grid can hold this score: A voice of a grid has one note at a time"),
        (Score.from_grid([[20]]), r"pitches of a CSV grid are in 21..108. Received: 20"),
        (Score.from_grid([[109]]), r"pitches of a CSV grid are in 21..108. Received: 109"),
        (Score.from_grid(np.zeros((0, 4), int)), r"at least one row. Received: a score of 0 steps"),
    ],
)
def test_what_a_csv_grid_cannot_hold(score, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_chorale_csv(score, tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
