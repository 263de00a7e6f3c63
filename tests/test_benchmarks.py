"""The benchmarks run and say what they measured; no time is asserted."""

import re

from benchmarks import pipeline


def test_the_pipeline_benchmark_prints_a_row_for_each_epoch(tiny_csvs, home, capsys):
    assert pipeline.main(["--corpus", "folder", "--data-dir", str(tiny_csvs), "--epochs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"3 pieces, \d+ tokens", lines[0])
    assert [line.split()[0] for line in lines[2:]] == ["1", "2"]
    assert all(float(line.split()[1]) > 0 for line in lines[2:])


def test_the_pipeline_benchmark_says_what_is_wrong(home, capsys):
    assert pipeline.main(["--corpus", "folder"]) == 2
    assert "needs --data-dir" in capsys.readouterr().err
