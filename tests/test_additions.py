"""A corpus, a codec, a model, a preset and a format are one file and one entry each."""

from pathlib import Path

import pytest

from bach_tf import learning
from bach_tf.cli.main import main
from bach_tf.codecs import CODECS
from bach_tf.composing import generation
from bach_tf.corpora import CORPORA
from bach_tf.export.exporting import export_run
from bach_tf.formats import WRITERS
from bach_tf.learning import runs
from bach_tf.measuring.evaluation import evaluate_run
from bach_tf.measuring.inspection import write_embedding
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS, on_corpus, override, shrunk


@pytest.fixture(autouse=True)
def entries(monkeypatch, tmp_path):
    """Add one of each, in the order of the rooms: what stands later may name what is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path / "home"))
    from toys import codec, format

    monkeypatch.setitem(WRITERS, ".pitches", format.WRITER)
    monkeypatch.setitem(CODECS, "steps", codec.StepCodec)
    from toys import corpus, model

    monkeypatch.setitem(CORPORA, "scales", corpus.CORPUS)
    monkeypatch.setitem(MODELS, "bigram", model.ARCHITECTURE)
    from toys import preset

    monkeypatch.setitem(PRESETS, "toy", preset.PRESET)


def test_additions_train_generate_evaluate_export_and_render():
    assert main(["train", "--model", "toy", "--run-name", "a", "--set", "epochs=3", "--quiet"]) == 0
    arguments = ["--run", "a", "--seed", "1", "--length", "8", "--format", "pitches,mid"]
    assert main(["generate", *arguments, "--output", "out"]) == 0
    assert {path.suffix for path in Path("out").iterdir()} == {".pitches", ".mid"}
    run = runs.load_trained_run(Path("tb_logs/a"))
    assert (run.preset.training.epochs, run.preset.music.tempo_qpm) == (3, 144)
    corpus = learning.prepare_corpus(run.preset)
    assert 0 < evaluate_run(run, corpus, "test")["nll"] < 5
    export_run(run, ["keras"], output=Path("exported"))
    assert Path("exported/a/model.keras").is_file()
    (score,) = generation.generate(run, length=4, temperature=0, seed=1)
    assert score.steps_per_quarter == 4
    write_embedding(run)
    assert len((run.folder / "embedding.tsv").read_text().splitlines()) == run.codec.vocab_size


def test_additions_go_with_what_is_there():
    gru = on_corpus(PRESETS["gru"], "scales")
    assert (gru.music.codec, gru.music.tempo_qpm) == ("steps", 144)
    assert on_corpus(PRESETS["toy"], "folk").music.codec == "melody"
    assert shrunk(PRESETS["toy"]).model.settings == {"units": 4}
    with pytest.raises(ValueError, match=r"`model.units` must be a whole number in 1\.\.512"):
        override(PRESETS["toy"], ["model.units=1000"])
