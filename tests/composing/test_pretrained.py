"""The weights that come with the package."""

from pathlib import Path

import pandas as pd
import pytest
from commands import command

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
