"""Runs that start from the weights of another."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import bach_tf as bt
from bach_tf import learning
from bach_tf.corpora.preparation import prepared
from bach_tf.formats import write
from bach_tf.learning import batches, runs
from bach_tf.learning.data import in_this_memory, make_memory
from bach_tf.learning.fine_tuning import check_vocabulary
from bach_tf.learning.runs import save_weights
from bach_tf.learning.windows import load_split
from bach_tf.recipes import PRESETS, changed, continued_preset, shrunk
from bach_tf.score import Score
from tests.commands import command

train = command("train")


@pytest.fixture
def here(tmp_path, home, monkeypatch, trained_run):
    """An empty folder to work in, with a copy of the trained run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run.folder, tmp_path / "tb_logs" / "first")
    return tmp_path


def start(here, tiny_csvs, **settings):
    former, _ = runs.load_trained_settings(Path("tb_logs/first"))
    preset = continued_preset(former, data_dir=tiny_csvs, epochs=1, **settings)
    return learning.start_from(Path("tb_logs/first"), preset, "second")


def test_a_run_starts_from_the_weights_the_codec_and_the_settings_of_another(
    here, tiny_csvs, trained_run
):
    run, corpus = start(here, tiny_csvs, learning_rate=1e-5)
    for ours, theirs in zip(run.model.get_weights(), trained_run.model.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    assert run.codec.to_config() == trained_run.codec.to_config()
    music, former = run.preset.music, trained_run.preset.music
    assert (music.corpus, music.data_dir) == ("folder", str(tiny_csvs))
    assert (music.window, run.preset.model) == (former.window, trained_run.preset.model)
    assert run.preset.training.learning_rate == 1e-5
    # Stopped in its first epoch, it begins with the same weights again.
    resumed, again = learning.resume_run(run.folder)
    assert again == corpus
    outcome = learning.train(resumed, corpus, verbose=0)
    moved = [
        np.abs(ours - theirs).max()
        for ours, theirs in zip(resumed.model.get_weights(), trained_run.model.get_weights())
    ]
    assert outcome.epochs == 1
    assert 0 < max(moved) < 1e-3


def test_a_program_and_python_start_from_a_run(here, tiny_csvs, capsys):
    arguments = ["--from", "first", "--data-dir", str(tiny_csvs), "--epochs", "1"]
    assert train([*arguments, "--run-name", "second"]) == 0
    assert ", from tb_logs/first, into tb_logs/second" in capsys.readouterr().out
    run = bt.train(from_run="second", data_dir=tiny_csvs, epochs=1, run_name="third", verbose=0)
    assert run.preset.recipe == "gru"
    piece = run.generate(length=16, seed=1)
    assert piece.score.length <= 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gru"], "--from keeps the model of its run"),
        (["--resume", "first"], "--resume keeps the settings of its run"),
        (["--corpus", "mozart"], "keep its codec, 'satb'. Received: the corpus 'mozart'"),
        (["--set", "codec=melody"], "keep its `codec`. Received: 'melody'"),
        (["--set", "model.units=3"], "keep the model's size"),
        (["--from", "absent"], "Expected a run folder, or the name of one in tb_logs, got absent"),
    ],
)
def test_what_a_run_that_is_started_from_settles(here, tiny_csvs, arguments, message, capsys):
    given = ["--from", "first", *arguments]
    if "--corpus" not in arguments:
        given += ["--data-dir", str(tiny_csvs)]
    try:
        status = train(given)
    except SystemExit as stop:  # of the parser
        status = stop.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert not Path("tb_logs/second").exists()


def test_python_says_so_too(here, tiny_csvs):
    with pytest.raises(ValueError, match="`from_run` keeps the model of its run"):
        bt.train("gru", from_run="first")
    Path("tb_logs/first/model.weights.h5").unlink()
    with pytest.raises(ValueError, match="first has no weights yet"):
        bt.train(from_run="first", data_dir=tiny_csvs)


def test_pitches_that_a_run_does_not_know_are_named(here, tiny_csvs, tmp_path):
    write(Score.from_grid([[96, 67, 60, 28]] * 4), tiny_csvs / "train" / "wide.csv")
    with pytest.raises(
        ValueError,
        match=r"Found 2 tokens of the corpus that tb_logs/first does not know \(E1, C7\), "
        r"in 1 of 8 pieces \(wide\)\. Transpose or remove these",
    ):
        start(here, tiny_csvs)
    assert not Path("tb_logs/second").exists()


def tunes(*pitches):
    return {
        split: {"a": Score.from_grid([[pitch] for pitch in pitches])} for split in prepared.SPLITS
    }


def test_a_few_unknown_notes_are_said_and_many_refused(tmp_path, capsys):
    preset = PRESETS["folk"]
    codec = learning.make_codec(preset, _folder(tmp_path / "known", tunes(*range(60, 72))))
    few = _folder(tmp_path / "few", tunes(*[60, 62] * 30, 95))
    check_vocabulary(preset, codec, few, "first")
    said = capsys.readouterr().err
    assert said.startswith("1.6 % of the tokens are unknown: ")
    assert "in 1 of 1 pieces (a)" in said
    check_vocabulary(preset, codec, _folder(tmp_path / "known2", tunes(60, 64)), "first")
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match=r"1 tokens .* that first does not know \(B6\)"):
        check_vocabulary(preset, codec, _folder(tmp_path / "many", tunes(95, 95, 60)), "first")


def _folder(path, pieces):
    prepared.write_prepared(path, pieces, layout="notes")
    return path


def test_the_memory_of_the_former_run_is_kept(here, tiny_csvs, monkeypatch):
    preset = changed(
        shrunk(PRESETS["chorale"]), window=8, stride=8, batch_size=2, epochs=1, corpus="folder"
    )
    model = {**preset.model.settings, "period": 32}
    preset = changed(preset, model=model, data_dir=str(tiny_csvs))
    first, _ = learning.start_run(preset, "memory")
    save_weights(first)
    (tiny_csvs / "train" / "rests.csv").rename(tiny_csvs / "test" / "rests.csv")
    second, other = learning.start_from(first.folder, preset, "second")
    assert first.memory
    assert second.memory == first.memory != make_memory(preset, second.codec, other)
    monkeypatch.setattr(batches, "make_batches", lambda *_, beside, **how: beside)
    beside = batches.training_batches(preset, second.codec, other, second.memory)
    pieces = load_split(other, "train", second.codec)
    expected = in_this_memory(first.memory, pieces, 4)
    np.testing.assert_array_equal(np.concatenate(beside), np.concatenate(expected))


def hymn(number):
    chords = [[72, 67, 60, 48], [71, 67, 62, 43], [72 - number, 67, 64, 48], [72, 67, 64, 48]]
    return Score.from_grid(np.repeat(chords, 4, axis=0))


def test_a_run_on_ones_own_files_goes_on_from_another_folder(here, tmp_path, monkeypatch, capsys):
    for number in range(1, 6):
        write(hymn(number), here / "mine" / f"{number}.{'mid' if number % 2 else 'musicxml'}")
    (here / "mine" / "broken.mid").write_text("no music")
    small = [
        f"--set={name}" for name in ("model.units=6", "model.layers=1", "window=8", "stride=8")
    ]
    arguments = ["--data-dir", "mine", "--epochs", "1", "--run-name", "own", *small]
    assert train(arguments) == 0
    assert "1 of 6 pieces left out:\n  broken.mid: expected a MIDI" in capsys.readouterr().err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    own = str(here / "tb_logs" / "own")
    assert train(["--resume", own, "--epochs", "2"]) == 0
    shutil.copytree(here / "mine", "copy")
    assert train(["--resume", own, "--epochs", "2", "--data-dir", "copy"]) == 0
    assert runs.load_settings(Path(own))[0].music.data_dir == str(Path("copy").absolute())
    shutil.rmtree("copy")
    shutil.move(here / "mine", "copy")
    capsys.readouterr()
    write(hymn(7), Path("copy/3.mid"))
    assert train(["--resume", own, "--epochs", "3"]) == 2
    said = capsys.readouterr().err
    assert "has changed since its training began: changed pieces: 1 (" in said
    assert "Restore the original files to continue or train a new run" in said
    shutil.rmtree("copy")
    assert train(["--resume", own, "--epochs", "3"]) == 2
    assert "copy does not exist. Expected a folder of pieces of four voices" in (
        capsys.readouterr().err
    )
