"""The weights that come with the package."""

import json
from pathlib import Path

import pandas as pd
import pytest
from commands import command

from bach_tf import formats
from bach_tf.corpora import CORPORA
from bach_tf.formats.midi import read_midi
from bach_tf.learning import runs
from bach_tf.measuring import evaluation

MOST_BYTES = 30_000_000


@pytest.fixture(scope="module")
def shipped():
    return runs.load_trained_run(runs.find_run(runs.SHIPPED))


def test_they_are_a_small_run_folder_without_the_makers_paths(shipped):
    files = {path.name: path.stat().st_size for path in shipped.folder.iterdir()}
    names = {"preset.json", "codec.json", "checksums.json", "history.csv"}
    assert names | {"model.weights.h5", "memory.npz"} == set(files)
    assert sum(files.values()) <= MOST_BYTES
    assert (shipped.preset.music.corpus, shipped.preset.recipe) == ("jsb", "chorale")
    assert shipped.preset.music.data_dir is None


def test_their_history_says_what_they_came_to(shipped):
    history = pd.read_csv(shipped.folder / runs.HISTORY)
    assert history["epoch"].iloc[-1] + 1 == shipped.preset.training.epochs
    assert history["val_nll"].min() <= 0.332


def test_a_fresh_installation_writes_a_chorale_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (
        command("generate")(
            ["--temperature", "1.2", "--seed", "1", "--bars", "4", "--min-bars", "2"]
        )
        == 0
    )
    assert "seed 1, from pretrained" in capsys.readouterr().out
    (path,) = Path("generated").glob("*.mid")
    score = read_midi(path)
    assert score.voices == 4
    assert len(score) >= 8


def test_they_reach_what_the_documentation_says(shipped, real_data, home):
    corpus = CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz")
    measures = evaluation.evaluate_run(shipped, corpus, "valid")
    history = pd.read_csv(shipped.folder / runs.HISTORY)
    # In half precision; what the training kept was in float32.
    assert measures["nll"] == pytest.approx(history["val_nll"].min(), abs=5e-4)
    assert measures["nll"] <= 0.332
    assert measures["tokens"] == 73_632


TUNES = {
    "new_britain.abc": (
        "X:1\nM:3/4\nL:1/4\nK:G\nD | G2 B/G/ | B2 A | G2 E | D2 D | G2 B/G/ | B2 A | d3- | d2 |]\n",
        None,
    ),
    "joy.abc": ("X:1\nM:4/4\nL:1/4\nK:D\nF F G A | A G F E | D D E F | E> D D2 |]\n", 2),
    "minor.krn": (
        "**kern\n*M3/4\n*k[f#]\n=1\n4e\n4g\n4b\n=2\n4a\n4f#\n4d#\n"
        "=3\n4e\n4g\n4f#\n=4\n2.e\n==\n*-\n",
        4,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TUNES)
def test_tunes_that_bach_never_set_are_harmonised(name, tmp_path, capsys):
    text, tonic = TUNES[name]
    (tmp_path / name).write_text(text)
    output = tmp_path / "hymn.musicxml"
    options = ["--run", "pretrained", "--seed", "1", "--particles", "16", "--output", str(output)]
    assert command("harmonize")([str(tmp_path / name), *options, "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["pieces"]
    tune, hymn = (formats.read(path).score for path in (tmp_path / name, output))
    assert hymn.voices == 4
    own = hymn.voice == 0
    for column in ("onset", "duration", "pitch"):
        assert getattr(hymn, column)[own].tolist() == getattr(tune, column).tolist()
    assert record["faults"]["out_of_range"] == 0
    assert record["faults"]["parallel_fifths"] + record["faults"]["parallel_octaves"] <= 1
    if tonic is not None:
        assert record["faults"]["no_cadence"] == 0
        assert int(hymn.pitch[hymn.voice == 3][-1]) % 12 == tonic
