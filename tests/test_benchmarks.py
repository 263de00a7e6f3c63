"""The benchmarks run and say what they measured; no time is asserted."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from bach_tf.corpora.prepared import is_intact, read_prepared
from bach_tf.presets import PRESETS
from benchmarks import machine, pipeline, quality, recipes, sampling, training


def test_the_pipeline_benchmark_prints_a_row_for_each_epoch(tiny_csvs, home, capsys):
    assert pipeline.main(["--corpus", "folder", "--data-dir", str(tiny_csvs), "--epochs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"3 pieces, \d+ tokens", lines[0])
    assert [line.split()[0] for line in lines[2:]] == ["1", "2"]
    assert all(float(line.split()[1]) >= 0 for line in lines[2:])


def test_the_pipeline_benchmark_says_what_is_wrong(home, capsys):
    assert pipeline.main(["--corpus", "folder"]) == 2
    assert "needs --data-dir" in capsys.readouterr().err


def test_the_recipes_are_rows_of_one_table(tiny_csvs, home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chosen = (
        recipes.Recipe("a", "gru", "0.58 / 0.58", ("window=8", "shift=8"), corpus="folder"),
        recipes.Recipe("b", "wavenet", "0.656", ("window=8", "shift=8"), corpus="jsb"),
    )
    monkeypatch.setattr(recipes, "RECIPES", chosen)
    assert recipes.main(["--quick", "--data-dir", str(tiny_csvs)]) == 0
    captured = capsys.readouterr()
    table = captured.out[captured.out.index("| recipe |") :].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert [len(row) for row in cells] == [len(recipes.HEADER)] * 4
    row = dict(zip(cells[0], cells[2]))
    assert (row["recipe"], row["reported"], row["epochs"]) == ("a", "0.58 / 0.58", "1")
    for name in ("valid nats", "test nats", "order-3 test"):
        assert 0 < float(row[name]) < 5
    assert int(row["weights"].replace(",", "")) > 100
    assert int(row["tokens/s"].replace(",", "")) > 0
    # The other corpus cannot be had from there.
    assert cells[3][:3] == ["b", "0.656", "not trained: see above"]
    assert "b: " in captured.err
    assert "expected the canonical 229 / 76 / 77 chorales" in captured.err
    # A run that is finished is not trained again.
    history = tmp_path / "tb_logs" / "quick-a" / "history.csv"
    before = pd.read_csv(history)
    assert recipes.main(["--quick", "--data-dir", str(tiny_csvs), "--only", "a"]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(history), before)


def test_every_recipe_has_settings_that_exist():
    for recipe in recipes.RECIPES:
        for quick in (False, True):
            assert recipes.make_preset(recipe, None, quick=quick).epochs >= 1


def cells_of(text):
    """Return the cells of the tables in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_corpus_is_repeated_under_other_names(tiny_folder, tmp_path):
    pipeline.repeat_corpus(tiny_folder, tmp_path / "larger", 3)
    assert is_intact(tmp_path / "larger")
    before, after = read_prepared(tiny_folder), read_prepared(tmp_path / "larger")
    assert [len(after[split]) for split in ("train", "valid", "test")] == [9, 2, 2]
    assert {score.title for score in after["train"]} == {score.title for score in before["train"]}


def test_the_memory_of_a_corpus_is_measured_apart(tiny_csvs, home, capsys):
    options = ["--corpus", "folder", "--data-dir", str(tiny_csvs), "--times", "4"]
    assert pipeline.main(options) == 0
    once, four_times, ratio = cells_of(capsys.readouterr().out)[2:]
    assert [int(row[1].replace(",", "")) for row in (once, four_times)] == [318, 1272]
    assert ratio[1] == "4.0"
    assert all(float(cell) > 100 for cell in (once[2], four_times[2]))
    assert 0.5 < float(ratio[2]) < 2


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"(?s)json.tool nowhere: .*No such file"):
        machine.measured_apart("json.tool", "nowhere")


def test_the_training_benchmark_prints_a_row_for_each_case(monkeypatch, capsys):
    small = {"units": 8, "layers": 1}
    cases = (training.Case("gru", 4, 8, 1.5, small), training.Case("folk", 2, 6, 0.8, small))
    monkeypatch.setattr(training, "CASES", cases)
    monkeypatch.setattr(training, "torch_rate", lambda case, steps: None)
    assert training.main(["--quick"]) == 0
    header, _, *rows = cells_of(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["gru", "4 x 8"], ["folk", "2 x 6"]]
    for row in rows:
        assert len(row) == len(header)
        assert float(row[2].replace(",", "")) > 0
    assert training.main(["--one", "0", "ours"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"rate", "megabytes"}


def test_the_turns_of_a_case_become_medians_and_a_ratio(monkeypatch):
    rates = iter([300, 100, 500, 50, 200, 200])
    measured = lambda *_: {"rate": next(rates), "megabytes": 7}  # noqa: E731
    monkeypatch.setattr(training, "measured_apart", measured)
    ours, theirs = training.measure_in_turns(0)
    row = training.row_of(training.CASES[0], ours, theirs)
    assert cells_of(row) == [["gru", "64 x 256", "300", "100", "3.00", "1.5", "7 / 7"]]
    without = training.row_of(training.CASES[0], ours, {"rate": None, "megabytes": 1})
    assert len(cells_of(without)[0]) == 7


def test_the_sampling_benchmark_says_ratio_and_target():
    rows = [sampling.Row("a", 2.0, 9.0, ">= 4")]
    assert cells_of(sampling.format_table(rows))[2] == ["a", "2.000", "9.000", "4.50", ">= 4"]
    sampler = sampling.make_sampler("gru")
    assert sampling.sample_seconds(sampler, 4, 2) > 0
    assert sampling.predict_seconds(sampler, 2) > 0


def test_the_sampling_benchmark_measures_the_memory_of_one_model(capsys):
    assert sampling.main(["--memory-of", "wavenet", "2", "4"]) == 0
    assert json.loads(capsys.readouterr().out)["megabytes"] > 100


def test_the_minutes_to_a_quality_are_rows_of_one_table(tiny_csvs, home, monkeypatch, capsys):
    monkeypatch.setattr(quality, "QUALITY", 100.0)  # reached at once
    options = ["--quick", "--corpus", "folder", "--data-dir", str(tiny_csvs)]
    assert quality.main([*options, "--only", "gru", "wavenet"]) == 0
    rows = cells_of(capsys.readouterr().out)[2:]
    assert [row[0] for row in rows] == ["gru", "wavenet"]
    for row in rows:
        assert row[2] == "1"
        assert float(row[1]) >= 0
    monkeypatch.setattr(quality, "QUALITY", 0.0)  # never
    assert quality.main([*options, "--only", "wavenet"]) == 0
    assert re.match(r"not in \d+\.\d: \d\.\d{3}$", cells_of(capsys.readouterr().out)[2][1])


def test_every_preset_of_four_voices_and_the_recipe_have_a_row(capsys):
    rows = quality.presets_of_four_voices("jsb", None)
    own = {name for name, preset in PRESETS.items() if preset.codec == "satb"}
    assert set(rows) == own | {"gru, its recipe's settings"}
    recipe = rows["gru, its recipe's settings"]
    assert (recipe.model["units"], recipe.learning_rate, recipe.decay_epochs) == (None, 0.01, 40)
    assert quality.main(["--only", "gruu"]) == 2
    assert "no preset 'gruu'. Choose from: gru, " in capsys.readouterr().err


def test_a_training_stops_when_it_is_good_enough_or_late(monkeypatch):
    clock = iter([0.0, 30.0, 61.0])
    monkeypatch.setattr(quality.time, "monotonic", lambda: next(clock))

    class Model:
        stop_training = False

    until = quality.Until(0.6, minutes=1)
    until.set_model(Model())
    until.on_train_begin()
    until.on_epoch_end(0, {"val_nll": 0.7})
    assert not until.model.stop_training
    until.on_epoch_end(1, {"val_nll": np.float32(0.65)})
    assert (until.model.stop_training, bool(until.reached)) == (True, False)
