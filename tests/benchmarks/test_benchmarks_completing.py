"""Completed chorales beside Bach's."""

from types import SimpleNamespace

import numpy as np
import pytest

from bach_tf.formats.grid_csv import write_grid_csv
from benchmarks import completing
from benchmarks.completing import Written, format_rows, summary


def written(grid, own, free):
    return Written(np.array(grid), np.array(own), np.array(free), 1.0, 0.5)


def test_only_the_written_cells_are_compared():
    own = [[72, 67, 64, 48]] * 8
    grid = [[72, 67, 60, 48]] * 4 + [[72, 67, 64, 60]] * 4
    row = summary([written(grid, own, [[False, False, True, True]] * 8)])
    assert (row["equal"], row["on the beat"]) == (0.5, 0.5)
    assert (row["tenor"], row["bass"]) == (0.5, 0.5)
    assert np.isnan(row["soprano"])
    assert row["nats per token"] == pytest.approx(1 / 32)
    assert row["seconds a chorale"] == 0.5
    assert "soprano" in format_rows({"filter": row})


def test_parallels_and_the_ending_are_those_of_the_whole_piece():
    grid = [[72, 67, 60, 53]] * 4 + [[74, 69, 60, 48]] * 4
    row = summary([written(grid, grid, [[False, True, True, True]] * 8)])
    assert row["parallels per 1,000 notes"] == 0  # a fourth moves to a fourth
    grid = [[72, 65, 60, 53]] * 4 + [[74, 67, 60, 48]] * 4
    row = summary([written(grid, grid, [[False, True, True, True]] * 8)])
    assert row["parallels per 1,000 notes"] == pytest.approx(1000 / 7)  # a fifth
    grid = [[72, 65, 60, 53]] * 4 + [[74, 67, 60, 55]] * 4
    row = summary([written(grid, grid, [[False, True, True, True]] * 8)])
    assert row["parallels per 1,000 notes"] == pytest.approx(3000 / 7)  # two more with the bass


@pytest.fixture
def where(tmp_path, home):
    for split, low in (("train", 60), ("valid", 61), ("test", 62)):
        (tmp_path / split).mkdir()
        chord = np.array([low + 7, low + 4, low, low - 12])
        grid = np.repeat([chord + 2 * (n % 3) for n in range(13)], 4, axis=0)
        write_grid_csv(tmp_path / split / "a.csv", grid)
    return ["--corpus", "folder", "--data-dir", str(tmp_path), "--particles", "2"]


def test_a_run_is_measured_on_each_task(trained_run, where, capsys):
    run = ["--run", str(trained_run.folder)]
    tasks = ["--tasks", "outer,middle", "--ways", "likeliest,Bach"]
    assert completing.main([*run, *where, *tasks]) == 0
    said = capsys.readouterr().out
    assert "outer given" in said
    assert "2 bars in the middle written" in said
    equal = [line.split()[1:] for line in said.splitlines() if line.startswith("equal")]
    assert len(equal) == 2
    assert all(row[1] == "1.000" for row in equal)  # Bach is like himself
    soprano = next(line for line in said.splitlines() if line.startswith("soprano"))
    assert soprano.split()[1:] == ["-"] * 2  # given
    assert completing.main([*run, *where, "--likelihood", "--pieces", "1"]) == 0
    assert "nats per cell: all " in capsys.readouterr().out


def test_results_are_saved_and_continued(trained_run, where, tmp_path, capsys, monkeypatch):
    results = tmp_path / "results.json"
    command = ["--run", str(trained_run.folder), *where, "--results", str(results), "--pieces", "1"]
    assert completing.main([*command, "--ways", "filter,Bach"]) == 0
    first = capsys.readouterr().out
    assert completing.main([*command, "--ways", "lenient,Bach"]) == 0, capsys.readouterr().err
    second = capsys.readouterr().out
    assert "soprano, filter: equal 0." in first
    assert "soprano, lenient: equal 0." in second
    assert "soprano, Bach:" not in second  # it is in the file
    assert next(x for x in second.splitlines() if "lenient" in x and "Bach" in x).split() == [
        "lenient",
        "Bach",
    ]
    monkeypatch.setattr(completing, "complete", lambda *_: pytest.fail("computed again"))
    assert completing.main([*command, "--particles", "3"]) == 2
    assert "has results of" in capsys.readouterr().err


def test_the_lenient_way_has_no_rule_against_parallels(monkeypatch):
    used = []
    monkeypatch.setattr(completing, "ParticleSampler", lambda _, __, rules: used.append(rules))
    run = SimpleNamespace(model=None, codec=None)
    rules = {"rules": ["parallels", "cadence"]}
    for without in completing.FILTERS.values():
        completing._filtered(run, rules, without)
    assert used == [["parallels", "cadence"], ["cadence"]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--ways", "greedy"], "way"),
        (["--tasks", "alto"], "task"),
        (["--particles", "0"], "Expected 1 to 1024 particles, got: 0"),
        (["--run", "absent"], "Expected a run folder"),
    ],
)
def test_mistakes_are_reported(wrong, said, capsys):
    assert completing.main(wrong) == 2
    assert said in capsys.readouterr().err
