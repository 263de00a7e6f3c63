"""Run folders through what happens to them: kills, full disks, flipped bytes, two trainings."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY_SPLITS, score_of

from bach_tf import learning
from bach_tf._basics.replacing import replaced
from bach_tf.codecs import SatbCodec
from bach_tf.corpora.preparation.prepared import write_prepared
from bach_tf.learning import fitting, runs
from bach_tf.learning.corpus_record import CORPUS
from bach_tf.learning.fitting import compile_model
from bach_tf.learning.locks import locked
from bach_tf.learning.rates import Plateau
from bach_tf.models import MODELS, NextTokenModel
from bach_tf.recipes import PRESETS, changed

CODEC = SatbCodec(lowest=31, highest=87)
PRESET = changed(
    PRESETS["gru"],
    model={**PRESETS["gru"].model.settings, "units": 4},
    window=8,
    stride=8,
    batch_size=64,  # an epoch is one batch
)


class Bigram(NextTokenModel):
    """The next id after the last one alone: the smallest model that learns, in the place of gru."""

    def __init__(self, vocab_size, units, **_):
        super().__init__()
        self.embedding = keras.layers.Embedding(vocab_size, units)
        self.dense = keras.layers.Dense(vocab_size)

    def call(self, ids, training=False):
        return self.dense(self.embedding(ids))

    def initial_state(self, batch_size):
        return ()

    def step(self, ids, state):
        return self.call(ids), state


@pytest.fixture(scope="module", autouse=True)
def bigram():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "gru", replace(MODELS["gru"], home=f"{__name__}:Bigram"))
        yield


def make_run(tmp_path, name="run", **changes):
    return runs.create_run(changed(PRESET, **changes), CODEC, name, runs=tmp_path)


def go_on(run, corpus, *, epochs=None, callbacks=()):
    """Train a run as another process would that finds its folder."""
    preset, codec = runs.load_settings(run.folder)
    again = runs.Run(run.folder, preset, codec, runs.build_model(preset, codec))
    if epochs:
        again = runs.replace_preset(again, changed(preset, epochs=epochs))
    return learning.train(again, corpus, verbose=0, callbacks=callbacks)


def bytes_of(run, *names):
    return [(run.folder / name).read_bytes() for name in names]


def rows_of(run, column):
    lines = (run.folder / runs.HISTORY).read_text().splitlines()
    place = lines[0].split(",").index(column)
    return [line.split(",")[place] for line in lines[1:]]


def weights_in(run):
    loaded = runs.load_trained_run(run.folder)
    return np.concatenate([weights.ravel() for weights in loaded.model.get_weights()])


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory, tiny_folder):
    """A run trained for three of five epochs. Copy it to change it."""
    run = make_run(tmp_path_factory.mktemp("runs"), epochs=5)

    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learning.train(run, tiny_folder, verbose=0, callbacks=[Killed()])
    return run


@pytest.fixture(scope="module")
def five_epochs(tmp_path_factory, tiny_folder):
    """The same run, never stopped."""
    run = make_run(tmp_path_factory.mktemp("runs"), epochs=5)
    learning.train(run, tiny_folder, verbose=0)
    return run


@pytest.fixture
def stopped(three_epochs, tmp_path):
    """A copy of the run that was stopped after three of five epochs."""
    folder = tmp_path / "run"
    shutil.copytree(three_epochs.folder, folder)
    return replace(three_epochs, folder=folder)


def flip(path, place=-40):
    """Flip bits of a byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)


# The rate.


def test_a_finished_cosine_that_goes_on_has_the_rates_of_the_new_total(tmp_path, tiny_folder):
    settings = {"schedule": "cosine", "warmup_epochs": 1, "learning_rate": 0.002}
    run = make_run(tmp_path, epochs=3, **settings)
    learning.train(run, tiny_folder, verbose=0)
    go_on(run, tiny_folder, epochs=6)
    rates = [float(rate) for rate in rows_of(run, "learning_rate")]
    due = [0.002 * (1 + np.cos(np.pi * epoch / 6)) / 2 for epoch in (3, 4, 5)]
    np.testing.assert_allclose(rates[3:], due, rtol=1e-6)
    first = [0.001, *(0.002 * (1 + np.cos(np.pi * epoch / 3)) / 2 for epoch in (1, 2))]
    np.testing.assert_allclose(rates[:3], first, rtol=1e-6)


def test_sixty_more_epochs_begin_at_half_the_rate():
    preset = changed(PRESET, schedule="cosine", learning_rate=0.002, epochs=120)
    rate = preset.training.learning_rate * learning.rate_of_epoch(preset, 61)
    assert rate == pytest.approx(9.7e-4, abs=1e-5)


def test_the_factor_of_plateaus_is_kept_apart_from_the_schedule():
    preset = changed(PRESET, schedule="cosine", epochs=4, plateau_patience=2, plateau_factor=0.5)
    plateau = Plateau(preset)
    for loss in (1.0, 0.9, 0.89995, 0.9, 0.9, 0.9):  # too small a gain is none
        plateau.on_epoch_end(0, {"val_nll": loss})
    assert plateau.factor == 0.25
    assert learning.rate_of_epoch(preset, 2, plateau.factor) == pytest.approx(0.5 * 0.25)
    assert learning.rate_of_epoch(preset, 4, plateau.factor) == preset.training.floor
    plateau.factor = preset.training.floor
    assert learning.rate_of_epoch(changed(preset, epochs=8), 4, 1.0) == pytest.approx(0.5)


def test_a_plateau_is_remembered_when_a_training_goes_on(tmp_path, tiny_folder):
    # A rate so small that nothing changes: each epoch but the first is a plateau.
    settings = {"schedule": "constant", "learning_rate": 1e-12, "plateau_patience": 1}
    whole, parts = (make_run(tmp_path, name, epochs=4, **settings) for name in ("one", "two"))
    learning.train(whole, tiny_folder, verbose=0)
    learning.train(
        runs.replace_preset(parts, changed(parts.preset, epochs=2)), tiny_folder, verbose=0
    )
    go_on(parts, tiny_folder, epochs=4)
    assert rows_of(parts, "learning_rate") == rows_of(whole, "learning_rate")
    assert float(rows_of(whole, "learning_rate")[3]) == pytest.approx(1e-12 * 0.3**2, rel=1e-5)


def test_a_plateau_of_an_older_version_is_found_in_the_rate(tmp_path, tiny_folder):
    settings = {"schedule": "power", "decay_epochs": 2.0, "floor": 0.0}
    run = make_run(tmp_path, epochs=2, **settings)
    learning.train(run, tiny_folder, verbose=0)
    # Older versions lowered the optimiser's rate itself, after the epoch.
    due = run.preset.training.learning_rate * learning.rate_of_epoch(run.preset, 2)
    state = json.loads((run.folder / "checkpoint" / "state.json").read_text())
    del state["counters"]["plateau"]["factor"], state["best_epoch"]
    (run.folder / "checkpoint" / "state.json").write_text(json.dumps(state))
    model = runs.load_run(run.folder).model
    compile_model(model, run.preset)
    weights = run.folder / "checkpoint" / state["weights"]
    model.load_weights(weights)
    model.optimizer.learning_rate = 0.3 * due
    model.save_weights(weights)
    (run.folder / "checkpoint" / "checksums.json").unlink()
    assert go_on(run, tiny_folder, epochs=3).epochs == 3
    assert float(rows_of(run, "learning_rate")[2]) == pytest.approx(0.3 * due, rel=1e-6)


# The corpus and the lock.


def corpus_of(folder, **changed):
    """Write a prepared corpus of the tiny pieces, some of them others; return its folder."""
    pieces = {
        split: {name: score_of(changed.get(name, name)) for name in names}
        for split, names in TINY_SPLITS.items()
    }
    write_prepared(folder, pieces)
    return folder


def test_a_corpus_that_was_prepared_anew_is_the_same(stopped, tmp_path):
    assert go_on(stopped, corpus_of(tmp_path / "again"), epochs=4).epochs == 4


def test_a_corpus_that_was_changed_is_refused_with_what_changed(stopped, tmp_path):
    before = bytes_of(stopped, runs.HISTORY, "preset.json", CORPUS)
    corpus = corpus_of(tmp_path / "changed", rests="cadence", two_lines="minor")
    with pytest.raises(ValueError, match=r"run has changed since .*: changed pieces: 2 \(train/"):
        go_on(stopped, corpus)
    assert bytes_of(stopped, runs.HISTORY, "preset.json", CORPUS) == before


def test_a_resumed_run_looks_at_its_corpus_before_it_changes_anything(tmp_path, tiny_csvs, home):
    run = make_run(tmp_path, corpus="folder", data_dir=str(tiny_csvs), epochs=1)
    learning.train(run, learning.prepare_corpus(run.preset), verbose=0)
    (tiny_csvs / "train" / "rests.csv").unlink()
    shutil.copy(tiny_csvs / "valid" / "cadence.csv", tiny_csvs / "train" / "added.csv")
    message = r"run has changed .*missing pieces: 1 \(train/rests\); new pieces: 1 \(train/added\)"
    with pytest.raises(ValueError, match=message):
        learning.resume_run(run.folder, epochs=9)
    assert runs.load_run(run.folder).preset.training.epochs == 1


def test_a_run_of_an_older_version_keeps_the_corpus_it_goes_on_with(stopped, tiny_folder):
    kept = (stopped.folder / CORPUS).read_text()
    (stopped.folder / CORPUS).unlink()
    go_on(stopped, tiny_folder, epochs=4)
    assert (stopped.folder / CORPUS).read_text() == kept
    (stopped.folder / CORPUS).write_text("{}")
    with pytest.raises(ValueError, match=r"corpus.json: expected the hashes"):
        go_on(stopped, tiny_folder)


def test_two_trainings_of_one_run_at_once_are_refused(stopped, tiny_folder):
    before = bytes_of(stopped, runs.HISTORY, "preset.json", "model.weights.h5")
    code = (
        "import sys; from pathlib import Path; from bach_tf.learning.locks import locked\n"
        "with locked(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(stopped.folder / "checkpoint")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        message = rf"run is being trained by process {other.pid} on .*Wait until that ends"
        with pytest.raises(ValueError, match=message):
            go_on(stopped, tiny_folder)
        with pytest.raises(ValueError, match=message):
            learning.resume_run(stopped.folder, epochs=50)
        runs.load_trained_run(stopped.folder)  # who reads is not locked out
        other.kill()  # the lock dies with its process
    assert bytes_of(stopped, runs.HISTORY, "preset.json", "model.weights.h5") == before
    assert go_on(stopped, tiny_folder, epochs=4).epochs == 4


def test_a_run_is_locked_in_its_own_process_too(tmp_path):
    with (
        locked(tmp_path / "checkpoint"),
        pytest.raises(ValueError, match=f"process {os.getpid()}"),
        locked(tmp_path / "checkpoint"),
    ):
        pass
    with locked(tmp_path / "checkpoint"):
        pass


def test_a_disk_without_locks_is_said_and_used(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.warns(UserWarning, match="cannot be locked: .*No locks"), locked(tmp_path / "a"):
        pass


def test_of_two_trainings_of_the_same_new_name_one_is_refused(tmp_path, monkeypatch):
    build = runs.build_model

    def slower(*arguments):  # the other process makes the folder meanwhile
        (tmp_path / "run").mkdir()
        return build(*arguments)

    monkeypatch.setattr(runs, "build_model", slower)
    with pytest.raises(ValueError, match=r"run exists already.*delete it: it has no preset.json"):
        make_run(tmp_path)
    assert list((tmp_path / "run").iterdir()) == []


def test_a_run_is_none_before_everything_is_in_its_folder(tmp_path, tiny_folder):
    """Else training killed then would go on without its corpus or the weights it starts from."""
    seen = []

    def complete(folder):
        seen.extend(path.name for path in folder.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.create_run(PRESET, CODEC, "run", runs=tmp_path, complete=complete)
    assert seen == ["codec.json"]
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()  # as a kill leaves it
    with pytest.raises(ValueError, match=r"Expected a run folder with preset.json"):
        runs.load_run(tmp_path / "run")


# NaN.


class Poison(keras.callbacks.Callback):
    """Make the weights NaN at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.set_weights([np.full_like(w, np.nan) for w in self.model.get_weights()])


def test_a_loss_that_becomes_nan_is_said_and_the_best_weights_are_kept(
    stopped, tiny_folder, capsys
):
    outcome = go_on(stopped, tiny_folder, callbacks=[Poison(3)])
    assert outcome.stopped == "NaN in epoch 4"
    assert (outcome.epochs, outcome.best_epoch) == (4, 3)
    assert np.isfinite(weights_in(stopped)).all()
    assert go_on(stopped, tiny_folder).stopped == "NaN in epoch 4"
    assert capsys.readouterr() == ("", "")  # Keras does not print into it


def test_the_outcome_says_why_a_training_has_stopped(stopped, five_epochs, tmp_path, tiny_folder):
    assert learning.read_outcome(stopped).stopped == "interrupted"
    assert learning.read_outcome(five_epochs).stopped == "finished"
    tired = make_run(tmp_path, "tired", learning_rate=1e-12, patience=1, epochs=9)
    outcome = learning.train(tired, tiny_folder, verbose=0)
    assert (outcome.stopped, outcome.epochs) == ("patience", 2)


# Event files.


def epochs_in(run, part):
    """Return the steps of the epochs' losses in the event files of a part, in order."""
    found = []
    for path in sorted((run.folder / part).glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            found += [event.step for value in event.summary.value if value.tag == "epoch_loss"]
    return sorted(found)


class Abandoned(keras.callbacks.Callback):
    """Leave a run folder as a kill would that comes after the events of an epoch are written."""

    def __init__(self, run, epoch, folder):
        super().__init__()
        self.run, self.epoch, self.folder = run, epoch, folder

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            shutil.copytree(self.run.folder, self.folder)


def test_event_files_go_on_without_a_gap_or_an_epoch_twice(tmp_path, tiny_folder):
    run = make_run(tmp_path, epochs=3)
    killed = replace(run, folder=tmp_path / "killed")
    learning.train(run, tiny_folder, verbose=0, callbacks=[Abandoned(run, 2, killed.folder)])
    assert epochs_in(killed, "train") == epochs_in(killed, "validation") == [0, 1]
    # The third epoch was written, all but its last bytes, and was not yet in a checkpoint.
    for part in ("train", "validation"):
        (path,) = (run.folder / part).glob("events.out.tfevents.*")
        (killed.folder / part / path.name).write_bytes(path.read_bytes()[:-5])
        (killed.folder / part / f"{path.name}.later").write_bytes(path.read_bytes())
    go_on(killed, tiny_folder)
    assert epochs_in(killed, "train") == epochs_in(killed, "validation") == [0, 1, 2]
    assert weights_in(killed).tobytes() == weights_in(run).tobytes()


def test_what_is_written_once_is_written_where_training_was_killed_before_it(tmp_path, tiny_folder):
    run = make_run(tmp_path, epochs=1)
    (run.folder / "events.out.tfevents.1.killed").write_bytes(b"half a header")
    learning.train(run, tiny_folder, verbose=0)
    assert not list(run.folder.glob("events.out.tfevents.*.killed"))


# What is damaged or lost.


def test_rows_of_the_history_stay_as_they_were_written(stopped, five_epochs, tiny_folder):
    path = stopped.folder / runs.HISTORY
    rows = path.read_text()
    long = rows.replace("\n0,", "\n0,0.10000000000000000555", 1)  # pandas would round it
    with path.open("w") as file:
        file.write(long + "3,9,9,9,9\n4,")  # after the checkpoint, and half a row
    go_on(stopped, tiny_folder)
    assert path.read_text().startswith(long)
    assert rows_of(stopped, "epoch") == ["0", "1", "2", "3", "4"]


def test_damaged_weights_beside_a_good_checkpoint(stopped, five_epochs, tiny_folder, capsys):
    flip(stopped.folder / "model.weights.h5")
    with pytest.raises(ValueError, match="damaged"):
        runs.load_run(stopped.folder)
    outcome = go_on(stopped, tiny_folder, epochs=3)  # no epoch more: the best was the last
    assert (outcome.epochs, outcome.best_epoch) == (3, 3)
    message = capsys.readouterr().err
    assert "run/model.weights.h5: " in message
    assert message.endswith("Using the weights of epoch 3 instead.\n")
    assert go_on(stopped, tiny_folder, epochs=5).best_epoch == 5
    np.testing.assert_array_equal(weights_in(stopped), weights_in(five_epochs))


def test_the_best_weights_are_lost_where_they_are_not_the_last(tmp_path, tiny_folder, capsys):
    run = make_run(tmp_path, learning_rate=1e-12, epochs=3)  # the first epoch stays the best
    assert learning.train(run, tiny_folder, verbose=0).best_epoch == 1
    (run.folder / "model.weights.h5").unlink()
    outcome = go_on(run, tiny_folder)
    assert "Those of epoch 1, the best, are lost." in capsys.readouterr().err
    assert (outcome.epochs, outcome.best_epoch) == (3, 3)
    assert go_on(run, tiny_folder).best_epoch == 3
    assert capsys.readouterr().err == ""


def test_averages_take_the_place_of_damaged_weights(tmp_path, tiny_folder, capsys):
    run = make_run(tmp_path, average=0.5, epochs=2)
    learning.train(run, tiny_folder, verbose=0)
    best = weights_in(run)
    flip(run.folder / "model.weights.h5")
    go_on(run, tiny_folder)
    np.testing.assert_allclose(weights_in(run), best, atol=1e-6)
    capsys.readouterr()


@pytest.mark.parametrize("name", ["epoch_0003.weights.h5", "state.json"])
def test_of_two_checkpoints_the_older_is_used_where_the_newer_is_damaged(
    name, stopped, five_epochs, tiny_folder, capsys
):
    flip(stopped.folder / "checkpoint" / name)
    assert go_on(stopped, tiny_folder).epochs == 5
    message = capsys.readouterr().err
    assert f"checkpoint/{name}: expected" in message
    assert "Resuming from the checkpoint after epoch 2." in message
    assert rows_of(stopped, "val_nll") == rows_of(five_epochs, "val_nll")
    np.testing.assert_array_equal(weights_in(stopped), weights_in(five_epochs))


def test_damaged_checkpoints_are_named_with_what_can_be_done(stopped, tiny_folder):
    kept = sorted(path.name for path in (stopped.folder / "checkpoint").glob("*.h5"))
    assert kept == ["epoch_0002.weights.h5", "epoch_0003.weights.h5"]
    for name in kept:
        flip(stopped.folder / "checkpoint" / name)
    before = bytes_of(stopped, runs.HISTORY, "model.weights.h5")
    with pytest.raises(
        ValueError, match=r"epoch_0003.weights.h5: .*Restore a copy .*still be used"
    ):
        go_on(stopped, tiny_folder)
    assert bytes_of(stopped, runs.HISTORY, "model.weights.h5") == before
    shutil.rmtree(stopped.folder / "checkpoint")
    with pytest.raises(ValueError, match=r"has trained weights but no checkpoint .*a new run"):
        go_on(stopped, tiny_folder)


# A full disk.


class SmallDisk(keras.callbacks.Callback):
    """Let no file grow beyond 3,000 bytes from an epoch on."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))


def test_a_full_disk_is_said_in_one_line_and_the_run_goes_on(stopped, five_epochs, tiny_folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=r"run cannot be written: .*--resume \S*run$") as stop:
            go_on(stopped, tiny_folder, callbacks=[SmallDisk()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(stop.value)
    assert not list(stopped.folder.rglob("new-*"))
    assert go_on(stopped, tiny_folder).epochs == 5
    np.testing.assert_array_equal(weights_in(stopped), weights_in(five_epochs))
    assert rows_of(stopped, "epoch") == ["0", "1", "2", "3", "4"]


def test_tensorflow_says_a_full_disk_in_its_own_words(stopped, tiny_folder):
    from tensorflow import errors

    class Full(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            message = "tb_logs/a/train/events.v2; No space left on device\nFailed to flush"
            raise errors.ResourceExhaustedError(None, None, message)

    with pytest.raises(OSError, match="run cannot be written: No space left on device"):
        go_on(stopped, tiny_folder, callbacks=[Full()])
    memory = errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    class OutOfMemory(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise memory

    with pytest.raises(errors.ResourceExhaustedError, match="OOM"):
        go_on(stopped, tiny_folder, callbacks=[OutOfMemory()])


def test_a_full_disk_leaves_no_half_of_a_new_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "replace_json", full)
    with pytest.raises(OSError, match="No space left"):
        make_run(tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_when_a_run_is_resumed_names_the_run(stopped, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bach_tf.learning.fitting.prepare_corpus", full)
    with pytest.raises(OSError, match=r"run cannot be written: .*--resume \S*run$"):
        fitting.resume_run(stopped.folder)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with (
        pytest.raises(OSError, match=r"No space left on device: '\S*settings.json'"),
        replaced(tmp_path / "settings.json"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_another_last_epoch_is_written_by_the_training_that_has_the_lock(
    stopped, tiny_folder, monkeypatch
):
    """Else a second process could change it after the first has begun."""
    monkeypatch.setattr("bach_tf.learning.fitting.prepare_corpus", lambda preset: tiny_folder)
    before = bytes_of(stopped, "preset.json")
    run, corpus = fitting.resume_run(stopped.folder, epochs=4)
    assert bytes_of(stopped, "preset.json") == before
    assert fitting.train(run, corpus, verbose=0).epochs == 4
    assert runs.load_run(stopped.folder).preset.training.epochs == 4
