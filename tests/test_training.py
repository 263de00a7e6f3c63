import json
import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bach_tf import generation, runs, training
from bach_tf.codecs import SatbCodec
from bach_tf.pipeline import load_split
from bach_tf.presets import PRESETS

CODEC = SatbCodec(lowest=31, highest=87)
SMALL = {"gru": {"units": 8, "layers": 2}, "wavenet": {"units": 8, "filters": [6, 6]}}


def small(name="gru", **changes):
    """Return a preset shrunk so that an epoch takes a moment."""
    preset = PRESETS[name]
    model = {**preset.model, **SMALL[name]}
    return replace(
        preset, **{"model": model, "window": 8, "shift": 8, "batch_size": 4, "epochs": 2, **changes}
    )


def make_run(tmp_path, name="run", **changes):
    return runs.create_run(small(**changes), CODEC, name, runs=tmp_path)


def fit(run, tiny_folder):
    return training.fit(
        run,
        load_split(tiny_folder, "train", run.codec),
        load_split(tiny_folder, "valid", run.codec),
        verbose=0,
    )


@contextmanager
def patched(name, replacement):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, name, replacement)
        yield


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def history(run):
    return pd.read_csv(run.folder / runs.HISTORY)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_folder):
    """Return a run trained for six epochs, and what training returned."""
    run = make_run(tmp_path_factory.mktemp("runs"), epochs=6)
    return run, fit(run, tiny_folder)


def test_the_run_folder_holds_what_later_commands_read(trained):
    run, _ = trained
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "preset.json", "codec.json", "model.weights.h5", "history.csv",
        "train", "validation", "checkpoint",
    }  # fmt: skip
    again = runs.load_trained_run(run.folder)
    assert again.preset == run.preset
    assert again.codec.to_config() == run.codec.to_config()
    np.testing.assert_array_equal(weights_of(again), weights_of(run))


def test_the_loss_goes_down_and_the_outcome_is_the_best_epoch(trained):
    run, outcome = trained
    rows = history(run)
    assert rows["epoch"].tolist() == list(range(6))
    assert rows["val_nll"].iloc[-1] < rows["val_nll"].iloc[0] < math.log(CODEC.vocab_size) + 0.5
    assert outcome.epochs == 6
    assert outcome.best_nll == rows["val_nll"].min()
    assert outcome.best_epoch == rows["val_nll"].idxmin() + 1


def test_the_rate_follows_the_power_schedule(trained):
    run, _ = trained
    expected = run.preset.learning_rate / (1 + np.arange(6) / run.preset.decay_epochs)
    np.testing.assert_allclose(history(run)["learning_rate"], expected, rtol=1e-5)


def test_tensorboard_finds_losses_rate_and_histograms(trained):
    run, _ = trained
    events = {}
    for split in ("train", "validation"):
        events[split] = EventAccumulator(str(run.folder / split)).Reload().Tags()
    assert {"epoch_loss", "epoch_nll", "epoch_accuracy", "epoch_learning_rate"} <= set(
        events["train"]["tensors"]
    )
    assert {"epoch_loss", "epoch_nll"} <= set(events["validation"]["tensors"])
    assert any("kernel" in tag for tag in events["train"]["tensors"])


def test_the_same_seed_trains_the_same_weights(tmp_path, tiny_folder):
    one, two = (make_run(tmp_path, name) for name in ("one", "two"))
    fit(one, tiny_folder)
    fit(two, tiny_folder)
    np.testing.assert_array_equal(weights_of(one), weights_of(two))
    other = make_run(tmp_path, "other", seed=1)
    fit(other, tiny_folder)
    assert not np.allclose(weights_of(one), weights_of(other))


def test_a_training_killed_in_an_epoch_goes_on_as_if_it_had_not_been(tmp_path, tiny_folder):
    whole = make_run(tmp_path, "whole", epochs=5)
    fit(whole, tiny_folder)

    killed = make_run(tmp_path, "killed", epochs=5)

    class Killer(training.PowerSchedule):
        def on_batch_begin(self, batch, logs=None):
            # In the middle of the fourth epoch.
            if int(self.model.optimizer.iterations) >= 3 * steps + 1:
                raise KeyboardInterrupt

    pieces = load_split(tiny_folder, "train", CODEC)
    steps = training.make_batches(killed.preset, pieces, CODEC).steps_per_epoch
    assert steps > 1
    with patched("PowerSchedule", Killer), pytest.raises(KeyboardInterrupt):
        fit(killed, tiny_folder)
    assert history(killed)["epoch"].tolist() == [0, 1, 2]

    # As another process finds it: the row of an epoch whose checkpoint was not written.
    with (killed.folder / runs.HISTORY).open("a") as file:
        file.write("3,9,9,9,9,9,9,9\n")
    again = runs.load_run(killed.folder)
    outcome = fit(again, tiny_folder)
    assert outcome.epochs == 5
    np.testing.assert_allclose(weights_of(again), weights_of(whole), atol=1e-6)
    pd.testing.assert_frame_equal(history(again), history(whole), atol=1e-5)


def test_a_training_stopped_before_its_first_epoch_can_go_on(tmp_path, tiny_folder):
    run = make_run(tmp_path)

    class Killer(training.ReseedDropout):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    with patched("ReseedDropout", Killer), pytest.raises(KeyboardInterrupt):
        fit(run, tiny_folder)
    with pytest.raises(ValueError, match=r"has no weights yet.*--resume"):
        runs.load_trained_run(run.folder)
    assert fit(runs.load_run(run.folder), tiny_folder).epochs == 2


def test_a_finished_training_that_is_resumed_does_nothing_more(trained, tiny_folder):
    run, outcome = trained
    before = weights_of(run)
    again = fit(runs.load_run(run.folder), tiny_folder)
    assert again.epochs == outcome.epochs
    np.testing.assert_array_equal(weights_of(runs.load_run(run.folder)), before)


def test_early_stopping_and_plateau_wait_and_remember_when_resumed(tmp_path, tiny_folder):
    # A rate so small that nothing changes: validation is best in the first epoch.
    preset = {
        "learning_rate": 1e-12, "floor": 0.1, "decay_epochs": 1e9,
        "patience": 6, "plateau_patience": 2, "epochs": 4,
    }  # fmt: skip
    run = make_run(tmp_path, **preset)
    fit(run, tiny_folder)
    state = json.loads((run.folder / "checkpoint" / "state.json").read_text())
    assert not state["stopped"]
    resumed = runs.load_run(run.folder)
    resumed = runs.replace_preset(resumed, replace(resumed.preset, epochs=50))
    outcome = fit(resumed, tiny_folder)
    rows = history(resumed)
    waited = len(rows) - outcome.best_epoch
    assert outcome.epochs < 50
    assert waited == 6
    np.testing.assert_allclose(rows["learning_rate"].iloc[-1], 1e-13, rtol=1e-4)
    finished = fit(runs.load_run(run.folder), tiny_folder)
    assert finished.epochs == outcome.epochs


def test_the_loss_does_not_count_padding(tmp_path, tiny_folder):
    # A window far longer than the pieces adds padding and nothing else.
    model = {"units": 8, "input_dropout": 0.0, "dropout": 0.0}
    short, long = (
        make_run(tmp_path, f"w{window}", model=model, window=window, shift=window, epochs=1)
        for window in (60, 200)
    )
    for run in (short, long):
        fit(run, tiny_folder)
    np.testing.assert_allclose(weights_of(short), weights_of(long), atol=1e-5)


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path, tiny_folder):
    run = make_run(tmp_path)
    run.model.set_weights([np.full_like(weights, np.nan) for weights in run.model.get_weights()])
    with pytest.raises(ValueError, match=r"not a number .*--set learning_rate=0.0006"):
        fit(run, tiny_folder)


def test_nothing_to_validate_with(tmp_path, tiny_folder):
    run = make_run(tmp_path)
    pieces = load_split(tiny_folder, "train", CODEC)
    with pytest.raises(ValueError, match="at least one piece to validate"):
        training.fit(run, pieces, training.Pieces.from_arrays([]), verbose=0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains_and_generates_from_its_names(
    name, tmp_path, tiny_csvs, home, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    preset = small(name, corpus="folder", data_dir=str(tiny_csvs))
    run, corpus = training.start_run(preset, "mine")
    assert run.folder == runs.RUNS / "mine"
    # The pitches of the corpus, and as far as transposition goes.
    assert (run.codec.lowest, run.codec.highest) == (36 - 5, 79 + 6)
    assert training.train(run, corpus, verbose=0).epochs == 2
    resumed, again = training.resume_run(run.folder, epochs=3)
    assert again == corpus
    assert training.train(resumed, again, verbose=0).epochs == 3
    assert runs.load_run(run.folder).preset.epochs == 3
    (score,) = generation.generate(resumed, length_steps=12, temperature=1.0, seed=0)
    assert 0 < score.length <= 12


def test_a_users_folder_is_validated_before_training(tmp_path, tiny_csvs, home):
    bad = next((tiny_csvs / "valid").glob("*.csv"))
    bad.write_text(bad.read_text().replace("\n", "\n109,0,0,0\n", 1))
    with pytest.raises(ValueError, match=rf"valid/{bad.name}:2: expected 4 pitches .*got '109'"):
        training.start_run(small(corpus="folder", data_dir=str(tiny_csvs)))
