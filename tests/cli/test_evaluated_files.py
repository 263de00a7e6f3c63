import json

import pytest
from commands import command

from bach_tf.cli.inputs import read_chorales
from bach_tf.formats import write
from bach_tf.formats.reading import ReadingWarning
from bach_tf.score import Score

main = command("evaluate")


@pytest.fixture
def folder(tiny_pieces, tmp_path):
    """Three pieces, two of them in two formats."""
    folder = tmp_path / "pieces"
    folder.mkdir()
    for number, score in enumerate(tiny_pieces[:3]):
        write(score, folder / f"{number}.mid")
        if number:
            write(score, folder / f"{number}.csv")
    return folder


def test_pieces_in_files_stand_beside_a_corpus(folder, tiny_pieces, tiny_csvs, home, capsys):
    arguments = ["--run", "pretrained", "--corpus", "folder", "--data-dir", str(tiny_csvs)]
    assert main([*arguments, "--pieces", str(folder), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["corpus", "columns", "telling"]
    assert list(record["columns"]) == ["pieces", "train", "valid", "test"]
    found = record["columns"]["pieces"]
    assert found["pieces"] == 3
    assert found["steps"] == sum(score.length for score in tiny_pieces[:3])
    assert main([*arguments, "--pieces", str(folder / "0.mid"), str(folder / "1.csv")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["pieces", "train", "valid", "test"]
    assert out[1].split()[:2] == ["pieces", "2"]


def test_a_piece_in_several_formats_is_read_once(folder, tiny_pieces):
    grids = [score.to_grid(4).tolist() for score in read_chorales([folder])]
    assert grids == [score.to_grid(4).tolist() for score in tiny_pieces[:3]]
    assert len(read_chorales([folder / "1.csv", folder / "1.mid", folder])) == 3


def test_what_cannot_be_compared_is_named(folder, tmp_path, home, capsys):
    five = tmp_path / "five.mid"
    write(Score.from_grid([[72, 67, 64, 60, 48]] * 4), five)
    assert main(["--run", "pretrained", "--pieces", str(five)]) == 2
    assert f"{five}: Expected at most 4 voices. Received: 5" in capsys.readouterr().err
    assert main(["--run", "pretrained", "--pieces", str(tmp_path / "absent")]) == 2
    assert "absent does not exist. Expected a .csv, .mid" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--generated", "2", "--pieces", str(folder)])
    assert stop.value.code == 2
    assert "--pieces: not allowed with argument --generated" in capsys.readouterr().err


def test_pieces_with_faults_are_refused_if_asked(folder, capsys):
    damaged = folder / "0.mid"
    damaged.write_bytes(damaged.read_bytes()[:-4])  # the end of the last track
    assert main(["--run", "pretrained", "--pieces", str(damaged), "--strict"]) == 2
    said = capsys.readouterr().err
    assert "0.mid: track 5, byte" in said
    assert "the file ends in the middle of a track" in said
    with pytest.warns(ReadingWarning, match="the file ends in the middle of a track"):
        assert read_chorales([damaged])[0].voices == 4
