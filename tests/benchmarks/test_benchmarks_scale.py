"""The files that `benchmarks.scale` makes, and what it says of its figures."""

import os
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from bach_tf.corpora.preparation.copies import content_of
from bach_tf.formats import write
from bach_tf.score import Score
from benchmarks.scale import Measured, family_of, fill, megabytes_of, passages, table_of
from benchmarks.scale import content_of as bytes_of


@pytest.fixture
def data(tmp_path):
    """Return a folder with a MIDI file of three minutes."""
    random = np.random.default_rng(0)
    write(Score.from_grid(random.integers(50, 70, (4 * 75 * 3, 2))), tmp_path / "data" / "a.mid")
    return tmp_path / "data"


def test_files_are_passages_of_which_some_are_copies(data, tmp_path):
    made = list(islice(passages(data), 24))
    assert {score.length for score in made} == {300}  # a minute of sixteenths
    different = {content_of(score).notes for score in made}
    assert 12 < len(different) < len(made)
    fill(tmp_path / "files", data, 5)
    assert len(list((tmp_path / "files" / "000").iterdir())) == 5
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"Expected MIDI files in .*none or in its archives"):
        next(passages(tmp_path / "none"))


def test_rates_are_those_of_the_files_beyond_the_size_before():
    sizes = [Measured(1_000, 40, 500, 1), Measured(10_000, 130, 600, 1)]
    table = table_of([*sizes, Measured(50_000, 530, 900, 1)])
    assert "| 10,000 | 130 | 76.9 | 100.0 | 600 |" in table
    assert table.endswith("linear: the rates differ by 0.0%, of at most 10%")
    assert "NOT linear" in table_of([*sizes, Measured(50_000, 730, 900, 1)])


def test_processes_of_a_process_are_found():
    if not os.path.exists("/proc/self/smaps_rollup"):  # noqa: PTH110
        pytest.skip("needs /proc")
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        while not (found := family_of(process.pid)):
            pass
        assert megabytes_of([process.pid, *found]) > 5
        process.communicate(b"\n")
    assert megabytes_of(found) == 0


def test_statistics_are_not_compared(tmp_path):
    for name in ("shards.json", "statistics.pb"):
        (tmp_path / name).write_text(name)
    assert list(bytes_of(tmp_path)) == ["shards.json"]
