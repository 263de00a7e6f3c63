"""The benchmarks run and say what they measured; no time is asserted."""

import re

import pandas as pd

from benchmarks import pipeline, recipes


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
