"""The command that times pieces written around given notes."""

import re

from bach_tf.codecs import SatbCodec
from benchmarks import harmonizing


def test_each_case_is_timed(trained_run, capsys):
    assert harmonizing.main(["--speed", "--quick", "--run", str(trained_run.folder)]) == 0
    rows = re.findall(
        r"^\| (\d+) \| (\d+) \| (\d+) \| [0-9.]+ \| \d+ \|$", capsys.readouterr().out, re.M
    )
    assert rows == [("1", "2", "1"), ("2", "2", "1")]


def test_the_melody_stays_in_the_range_of_its_voice():
    codec = SatbCodec(40, 80, ranges=[[60, 67], [50, 60], [45, 60], [40, 50]])
    melody = harmonizing.soprano(codec, 4).cells[:, 0]
    assert melody[::4].tolist() == [60, 62, 64, 65, 67, 65, 64, 62, 60, 62, 64, 65, 67, 65, 64, 62]


def test_a_run_that_is_none_is_refused(capsys):
    assert harmonizing.main(["--speed", "--run", "absent"]) == 2
    assert "Expected a run folder" in capsys.readouterr().err
