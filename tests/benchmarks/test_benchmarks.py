"""The benchmarks run and say what they measured; no time is asserted."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bach_tf.corpora.preparation.prepared import is_intact, read_prepared
from bach_tf.recipes import PRESETS
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
        recipes.Recipe("a", "gru", "0.58 / 0.58", ("window=8", "stride=8"), corpus="folder"),
        recipes.Recipe("b", "wavenet", "0.656", ("window=8", "stride=8"), corpus="jsb"),
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
            assert recipes.make_preset(recipe, None, quick=quick).training.epochs >= 1


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


def test_the_peak_of_a_process_does_not_count_the_one_that_started_it():
    filled = np.ones(64 * 2**20)  # 512 MB
    code = "import json; from benchmarks.machine import *; print(json.dumps(peak_memory_mb()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5 < float(said.stdout) < 400
    assert machine.peak_memory_mb() > 512
    assert filled[-1] == 1


def test_macos_counts_the_peak_in_bytes(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda _: Path("nowhere"))
    usage = SimpleNamespace(ru_maxrss=512 * 2**20)
    monkeypatch.setattr("resource.getrusage", lambda _: usage)
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine.peak_memory_mb() == 512
    monkeypatch.setattr(machine.sys, "platform", "linux")
    assert machine.peak_memory_mb() == 512 * 1024


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"(?s)json.tool nowhere: .*No such file"):
        machine.measured_apart("json.tool", "nowhere")


def test_the_training_benchmark_prints_a_row_for_each_case(monkeypatch, capsys):
    small = {"units": 8, "layers": 1}
    cases = (training.Case("gru", 4, 8, 1.5, small), training.Case("folk", 2, 6, 0.8, small))
    monkeypatch.setattr(training, "CASES", cases)
    monkeypatch.setattr(training, "torch_training", lambda case: None)
    assert training.main(["--quick"]) == 0
    header, _, *rows = cells_of(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["gru", "4 x 8"], ["folk", "2 x 6"]]
    for row in rows:
        assert len(row) == len(header)
        assert float(row[2].replace(",", "")) > 0
    monkeypatch.setattr(training, "TURN_SECONDS", 0)
    monkeypatch.setattr("sys.stdin", io.StringIO("measure\nmeasure\n"))
    assert training.main(["--one", "0", "ours"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(answer) for answer in answers] == [{"rate", "megabytes"}] * 2


def test_the_turns_of_a_case_become_medians_and_a_ratio():
    turns = [(300, 100), (500, 50), (200, 200)]
    turns = [tuple({"rate": rate, "megabytes": rate + 7} for rate in turn) for turn in turns]
    row = training.row_of(training.CASES[0], turns)
    spread = "3.00 (1.00 to 10.00)"
    assert cells_of(row) == [["gru", "64 x 256", "300", "100", spread, "1.5", "507 / 207"]]
    without = [(ours, {"rate": None, "megabytes": 1}) for ours, _ in turns]
    cells = ["gru", "64 x 256", "300", "", "", "", "507"]
    assert cells_of(training.row_of(training.CASES[0], without)) == [cells]


def test_a_case_is_measured_in_two_processes_that_take_turns(monkeypatch):
    asked = []

    class Worker(contextlib.nullcontext):
        def __init__(self, *arguments):
            super().__init__(self)
            self.arguments = arguments

        def ask(self):
            asked.append(self.arguments)
            return {"rate": len(asked), "megabytes": 1}

    monkeypatch.setattr(training, "Worker", Worker)
    turns = training.measure_in_turns(3)
    assert len(turns) == training.TURNS
    assert [each["rate"] for turn in turns for each in turn] == list(range(1, len(asked) + 1))
    assert asked[0] == ("benchmarks.training", "--one", "3", "ours")
    assert asked[1::2] == [("benchmarks.training", "--one", "3", "torch")] * training.TURNS


def test_a_worker_measures_each_time_it_is_asked(tmp_path, monkeypatch):
    (tmp_path / "counting.py").write_text(
        "import sys\nfrom benchmarks.machine import answer_requests\n"
        "seen = []\nanswer_requests(lambda: {'n': seen.append(1) or len(seen), 'a': sys.argv[1]})\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    with machine.Worker("counting", "x") as worker:
        assert [worker.ask() for _ in range(3)] == [{"n": n, "a": "x"} for n in (1, 2, 3)]


def test_a_worker_that_fails_says_why():
    with (
        pytest.raises(RuntimeError, match=r"(?s)json.tool nowhere: .*No such file"),
        machine.Worker("json.tool", "nowhere") as worker,
    ):
        worker.ask()


def test_the_sampling_benchmark_says_ratio_and_target():
    rows = [sampling.Row.of_turns("a", ">= 4", [2.0, 1.0, 4.0], [9.0, 3.0, 20.0])]
    assert cells_of(sampling.format_table(rows))[2] == ["a", "2.000", "9.000", "4.50", ">= 4"]


def test_the_sampling_benchmark_has_all_rows(monkeypatch, capsys):
    processes = []
    seconds = lambda command: processes.append(command) or (6.0, 3.0)  # noqa: E731
    monkeypatch.setattr(sampling, "run_process", seconds)
    monkeypatch.setattr(sampling, "torch_seconds", lambda *_: 3.0)
    small = {"REPEATS": 1, "BATCH": 2, "QUICK_NOTES": 2, "MODELS": ("gru", "wavenet")}
    for name, value in small.items():
        monkeypatch.setattr(sampling, name, value)
    assert sampling.main(["--quick"]) == 0
    rows = cells_of(capsys.readouterr().out)[2:]
    names = [row[0] for row in rows]
    assert names[:2] == [
        "gru: predict on the growing piece",
        "wavenet: PyTorch on the growing piece",
    ]
    for model in sampling.MODELS:
        assert {f"{model}: twice the length", f"{model}: 2 pieces at once"} <= set(names)
    assert names[-2:] == [f"first music beside the imports{unit}" for unit in ("", ", CPU")]
    assert [row[1] for row in rows[-2:]] == ["6.000", "3.000"]
    assert all(float(cell) >= 0 for row in rows for cell in row[1:4])
    assert [command[1].endswith("generate.py") for command in processes] == [False, True] * 2
    assert processes[1][2:4] == ["--run", "pretrained"]


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
    own = {name for name, preset in PRESETS.items() if preset.music.codec == "satb"}
    assert set(rows) == own | {"gru, its recipe's settings"}
    recipe = rows["gru, its recipe's settings"]
    assert recipe.model.settings["units"] is None
    assert (recipe.training.learning_rate, recipe.training.decay_epochs) == (0.01, 40)
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
