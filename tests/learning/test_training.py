import json
import math
from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bach_tf import learning
from bach_tf.codecs import SatbCodec
from bach_tf.composing import generation
from bach_tf.corpora.preparation.prepared import read_split, write_prepared
from bach_tf.formats.midi import read_midi, write_midi
from bach_tf.formats.rendition import Rendition
from bach_tf.learning import runs
from bach_tf.learning.callbacks import ReseedDropout, has_bfloat16
from bach_tf.learning.fitting import compile_model
from bach_tf.learning.outcome import DivergedError
from bach_tf.learning.rates import RateSchedule
from bach_tf.learning.windows import load_split
from bach_tf.measuring import evaluation
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS, changed, on_corpus, shrunk
from bach_tf.score import Score

CODEC = SatbCodec(lowest=31, highest=87)
HALF_ROOT = math.sqrt(0.5)


def small(name="gru", **changes):
    """Return a preset shrunk so that an epoch takes a moment."""
    preset = shrunk(PRESETS[name])
    period = MODELS[preset.model.architecture].period
    model = {**preset.model.settings, **({period: 4} if period else {})}
    return changed(
        preset,
        **{"model": model, "window": 8, "stride": 8, "batch_size": 4, "epochs": 2, **changes},
    )


def make_run(tmp_path, name="run", **changes):
    return runs.create_run(small(**changes), CODEC, name, runs=tmp_path)


def fit(run, tiny_folder):
    return learning.train(run, tiny_folder, verbose=0)


@contextmanager
def patched(name, replacement):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"bach_tf.learning.fitting.{name}", replacement)
        yield


def weights_of(run):
    return np.concatenate([weights.ravel() for weights in run.model.get_weights()])


def history(run):
    rows = pd.read_csv(run.folder / runs.HISTORY, float_precision="round_trip")
    return rows.drop(columns="seconds")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_folder):
    """Return a run trained for six epochs, and what training returned."""
    run = make_run(tmp_path_factory.mktemp("runs"), epochs=6)
    return run, fit(run, tiny_folder)


def test_the_run_folder_holds_what_later_commands_read(trained):
    run, _ = trained
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "preset.json", "codec.json", "model.weights.h5", "checksums.json", "corpus.json",
        "history.csv", "train", "validation", "checkpoint",
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


def test_the_rate_follows_the_cosine_schedule(trained):
    run, _ = trained
    expected = run.preset.training.learning_rate * (1 + np.cos(np.pi * np.arange(6) / 6)) / 2
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


def test_more_callbacks_see_what_each_epoch_has_come_to(tmp_path, tiny_folder):
    seen = []
    run = make_run(tmp_path)
    watching = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    learning.train(run, tiny_folder, verbose=0, callbacks=[watching])
    rows = history(run)
    for name in ("val_nll", "accuracy", "learning_rate"):
        assert [logs[name] for logs in seen] == pytest.approx(rows[name].tolist())


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

    class Killer(RateSchedule):
        def on_batch_begin(self, batch, logs=None):
            # In the middle of the fourth epoch.
            if int(self.model.optimizer.iterations) >= 3 * steps + 1:
                raise KeyboardInterrupt

    pieces = load_split(tiny_folder, "train", CODEC)
    steps = learning.make_batches(killed.preset, pieces, CODEC).steps_per_epoch
    assert steps > 1
    with patched("RateSchedule", Killer), pytest.raises(KeyboardInterrupt):
        fit(killed, tiny_folder)
    assert history(killed)["epoch"].tolist() == [0, 1, 2]

    # As another process finds it: the row of an epoch whose checkpoint was not written.
    with (killed.folder / runs.HISTORY).open("a") as file:
        file.write("3,9,9,9,9,9,9,9,9\n")
    again = runs.load_run(killed.folder)
    outcome = fit(again, tiny_folder)
    assert outcome.epochs == 5
    np.testing.assert_allclose(weights_of(again), weights_of(whole), atol=1e-6)
    pd.testing.assert_frame_equal(history(again), history(whole), atol=1e-5)


def test_a_training_stopped_before_its_first_epoch_can_go_on(tmp_path, tiny_folder):
    run = make_run(tmp_path)

    class Killer(ReseedDropout):
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
    resumed = runs.replace_preset(resumed, changed(resumed.preset, epochs=50))
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
        make_run(tmp_path, f"w{window}", model=model, window=window, stride=window, epochs=1)
        for window in (60, 200)
    )
    for run in (short, long):
        fit(run, tiny_folder)
    np.testing.assert_allclose(weights_of(short), weights_of(long), atol=1e-5)


def test_validation_is_a_mean_over_tokens_however_pieces_fall_into_batches(tmp_path, tiny_folder):
    # Two batches of one piece each, of 12 and of 40 steps.
    run = make_run(tmp_path, evaluation_batch=1)
    fit(run, tiny_folder)
    measures = evaluation.evaluate_run(run, tiny_folder, "valid")
    rows = history(run)
    best = rows["val_nll"].idxmin()
    assert rows["val_nll"][best] == pytest.approx(measures["nll"], abs=1e-5)
    assert rows["val_accuracy"][best] == pytest.approx(measures["accuracy"], abs=1e-5)


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path, tiny_folder):
    run = make_run(tmp_path)
    run.model.set_weights([np.full_like(weights, np.nan) for weights in run.model.get_weights()])
    with pytest.raises(DivergedError, match=r"became NaN in the first epoch.*=0.0006"):
        fit(run, tiny_folder)


def test_nothing_to_validate_with(tmp_path, tiny_folder):
    folder = tmp_path / "corpus"
    pieces = {"train": {"a": Score.from_grid([[60] * 4] * 9)}, "valid": {}, "test": {}}
    write_prepared(folder, pieces)
    with pytest.raises(ValueError, match="at least one piece in the split 'valid'"):
        learning.train(make_run(tmp_path), folder, verbose=0)


@pytest.fixture(scope="session")
def midi_files(tmp_path_factory):
    """Return a folder of twelve short MIDI files: scales over held fifths."""
    folder = tmp_path_factory.mktemp("midi")
    for number in range(12):
        scale = [48 + number + step for step in (0, 2, 4, 5, 7, 9, 11, 12)] * 2
        rows = [[pitch, 55 - number % 5] for pitch in scale for _ in range(1 + number % 2)]
        write_midi(Score.from_grid(rows), folder / f"piece_{number}.mid", Rendition(program=0))
    return folder


@pytest.fixture(scope="session")
def kern_files(tmp_path_factory):
    """Return a folder of twelve tunes in Humdrum kern, no two of them variants."""
    folder = tmp_path_factory.mktemp("kern")
    numbers = np.random.default_rng(0)
    for number in range(12):
        notes = [f"8{numbers.choice(list('cdefgab'))}" for _ in range(32)]
        bars = [line for bar in range(4) for line in (f"={bar + 1}", *notes[8 * bar :][:8])]
        text = "\n".join(["**kern", "*M4/4", "*k[]", *bars, "==", "*-"])
        (folder / f"tune{number}.krn").write_text(text + "\n")
    return folder


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains_measures_and_generates(
    name, tmp_path, tiny_csvs, midi_files, kern_files, home, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    corpus = PRESETS[name].music.corpus
    data = {"chorales": tiny_csvs, "folk": kern_files}.get(corpus, midi_files)
    preset = small(
        name,
        corpus="folder" if corpus == "chorales" else corpus,
        data_dir=str(data),
        context=PRESETS[name].music.context and 8,
        evaluation_batch=4,
    )
    run, folder = learning.start_run(preset, "mine")
    assert run.folder == runs.RUNS / "mine"
    assert learning.train(run, folder, verbose=0).epochs == 2
    resumed, again = learning.resume_run(run.folder, epochs=3)
    assert again == folder
    outcome = learning.train(resumed, again, verbose=0)
    assert outcome.epochs == 3
    assert runs.load_run(run.folder).preset.training.epochs == 3
    measures = evaluation.evaluate_run(resumed, folder, "valid")
    assert measures["nll"] == pytest.approx(outcome.best_nll, abs=1e-4)
    prompt = generation.make_prompt(resumed, "corpus", 0)
    score = Score.from_grid(np.zeros((0, 1), int))
    for seed in range(9):  # a model that has learned for a moment may write nothing but rests
        (score,) = generation.generate(
            resumed, length=24, temperature=1.0, seed=seed, prompt=prompt
        )
        if len(score):
            break
    write_midi(score, tmp_path / "a.mid", Rendition(program=preset.music.program))
    assert sorted(read_midi(tmp_path / "a.mid", score.steps_per_quarter).pitch) == sorted(
        score.pitch
    )


@pytest.mark.parametrize("corpus", ["mozart", "performance"])
def test_the_transformer_trains_on_midi_files(corpus, tmp_path, midi_files, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = on_corpus(PRESETS["transformer"], corpus)
    model = {
        **preset.model.settings,
        **MODELS["transformer"].tiny,
        "period": preset.model.settings["period"],
    }
    preset = changed(preset, model=model, window=9, stride=9, context=9, epochs=1)
    run, folder = learning.start_run(changed(preset, data_dir=str(midi_files)), "mine")
    assert learning.train(run, folder, verbose=0).epochs == 1
    (score,) = generation.generate(run, length=30, temperature=1.0, seed=0, min_length=30)
    assert score.steps_per_quarter == run.codec.steps_per_quarter


def test_a_preset_fits_its_codec_to_the_training_split(tmp_path, tiny_csvs, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = small(corpus="folder", data_dir=str(tiny_csvs), transpose=(-2, 3))
    run, folder = learning.start_run(preset)
    pitches = np.concatenate([score.pitch for score in read_split(folder, "train")])
    assert (run.codec.lowest, run.codec.highest) == (pitches.min() - 2, pitches.max() + 3)


def test_windows_can_be_split_as_some_recipes_do(tmp_path, tiny_csvs, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = small(corpus="folder", data_dir=str(tiny_csvs), split="windows", stride=1)
    run, folder = learning.start_run(preset, "leaky")
    windows = learning.training_batches(preset, run.codec, folder).windows
    held_out = learning.measured_batches(preset, run.codec, folder, "valid")
    weights = np.concatenate([weights.numpy() for _, _, weights in held_out])
    # The four voices of the last step of a window alone, unless that is the end of the piece.
    assert set(weights.sum(axis=1)) <= {0, 4}
    assert weights.sum() > 0
    assert not weights[:, :-4].any()
    assert len(weights) / windows == pytest.approx(0.15 / 0.7, abs=0.05)
    learning.train(run, folder, verbose=0)
    assert "split at random" in evaluation.describe(run)


def test_places_must_be_the_same_in_every_window(tmp_path, tiny_csvs, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = small("transformer", corpus="folder", data_dir=str(tiny_csvs))
    preset = changed(preset, model={**preset.model.settings, "period": 24})
    with pytest.raises(ValueError, match=r"multiple of `model.period`.*stride=8 \(32 tokens\)"):
        learning.start_run(preset)


def test_a_model_of_four_voices_refuses_other_music(tmp_path, midi_files, home, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = changed(on_corpus(PRESETS["chorale"], "mozart"), data_dir=str(midi_files))
    message = r"'chorale' expects 4 tokens per step.*the codec 'chords' with 3"
    with pytest.raises(ValueError, match=message):
        learning.start_run(preset)


def test_the_average_of_the_weights_is_measured_and_kept(tmp_path, tiny_folder):
    run = make_run(tmp_path, average=0.9, epochs=3)
    fit(run, tiny_folder)
    rows = history(run)
    kept = evaluation.evaluate_run(run, tiny_folder, "valid")["nll"]
    assert kept == pytest.approx(rows["val_nll"].min(), abs=1e-5)
    # The checkpoint holds the weights that are trained, and the averages beside them.
    trained = runs.load_run(run.folder)
    compile_model(trained.model, trained.preset)
    trained.model.load_weights(max((run.folder / "checkpoint").glob("*.h5")))
    assert rows["val_nll"].idxmin() == 2
    assert not np.allclose(weights_of(trained), weights_of(run), atol=1e-4)
    averages = trained.model.optimizer._model_variables_moving_average
    averages = np.concatenate([np.ravel(average) for average in averages])
    np.testing.assert_allclose(averages, weights_of(run), atol=1e-6)


def test_validation_is_measured_in_float32(tmp_path, tiny_folder, monkeypatch):
    run = make_run(tmp_path, bfloat16=True)
    monkeypatch.setattr("bach_tf.learning.callbacks.has_bfloat16", lambda: True)
    fit(run, tiny_folder)
    measures = evaluation.evaluate_run(run, tiny_folder, "valid")
    assert history(run)["val_nll"].min() == pytest.approx(measures["nll"], abs=1e-6)
    left = tf.config.optimizer.get_experimental_options()
    assert not left["auto_mixed_precision_onednn_bfloat16"]


@pytest.mark.parametrize(
    ("flags", "has"), [("fma avx2 avx512_bf16", True), ("fma amx_bf16", True), ("fma", False)]
)
def test_whether_a_processor_has_bfloat16_is_read_from_its_flags(flags, has, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    assert not has_bfloat16(cpuinfo)
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    assert has_bfloat16(cpuinfo) == has


def test_averages_go_on_as_if_a_training_had_not_been_stopped(tmp_path, tiny_folder):
    settings = {"average": 0.9, "epochs": 4, "schedule": "power"}  # which no number of epochs ends
    whole, parts = (make_run(tmp_path, name, **settings) for name in ("one", "two"))
    fit(whole, tiny_folder)
    fit(runs.replace_preset(parts, changed(parts.preset, epochs=2)), tiny_folder)
    again = runs.load_run(parts.folder)
    again = runs.replace_preset(again, changed(again.preset, epochs=4))
    fit(again, tiny_folder)
    np.testing.assert_allclose(weights_of(again), weights_of(whole), atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1 / 3, 2 / 3, 1, 1]),
        ("power", [1 / 3, 2 / 3 / 1.5, 1 / 2, 1 / 2.5]),
        # A quarter of the way down is (1 + cos(45 degrees)) / 2.
        ("cosine", [1 / 3, 2 / 3 * (1 + HALF_ROOT) / 2, 1 / 2, (1 - HALF_ROOT) / 2]),
    ],
)
def test_the_rate_of_each_epoch(schedule, rates):
    preset = small(schedule=schedule, warmup_epochs=2, decay_epochs=2.0, epochs=4)
    measured = [learning.rate_of_epoch(preset, epoch) for epoch in range(4)]
    assert measured == pytest.approx(rates)


def test_a_training_follows_warm_up_and_cosine(tmp_path, tiny_folder):
    run = make_run(tmp_path, schedule="cosine", warmup_epochs=1, epochs=4, weight_decay=0.01)
    fit(run, tiny_folder)
    preset = run.preset
    expected = [
        preset.training.learning_rate * learning.rate_of_epoch(preset, epoch) for epoch in range(4)
    ]
    np.testing.assert_allclose(history(run)["learning_rate"], expected, rtol=1e-5)


def test_an_unknown_schedule_is_named(tmp_path, tiny_csvs, home):
    with pytest.raises(ValueError, match="Unknown schedule 'linear'"):
        learning.start_run(small(corpus="folder", data_dir=str(tiny_csvs), schedule="linear"))


def test_a_users_folder_is_validated_before_training(tmp_path, tiny_csvs, home):
    bad = next((tiny_csvs / "valid").glob("*.csv"))
    bad.write_text(bad.read_text().replace("\n", "\n109,0,0,0\n", 1))
    with pytest.raises(ValueError, match=rf"valid/{bad.name}:2: expected 4 pitches .*got '109'"):
        learning.start_run(small(corpus="folder", data_dir=str(tiny_csvs)))
