"""Killing programs: the kill comes when it should, and what was killed goes on."""

from collections import Counter

import pytest

from bach_tf.corpora.preparation.prepared import MANIFEST, is_intact
from benchmarks.faults.training import Facts, differences
from benchmarks.faults.victims import Moment, run


@pytest.fixture
def data(tiny_csvs):
    return tiny_csvs


def test_a_program_is_killed_before_an_operation_and_goes_on(tmp_path, data):
    cache = tmp_path / "cache"
    cache.mkdir()
    work = ("prepare", str(data))
    moment = Moment("corpus", lambda report: report.endswith(MANIFEST))
    end = run(work, cache, tmp_path, moment)
    assert end.killed
    assert end.reports[-1].startswith("open .folder-")  # in a scratch folder
    assert [path.name for path in cache.iterdir() if path.name[0] != "."] == []
    again = run(work, cache, tmp_path)
    assert (again.status, again.errors) == (0, "")
    (corpus,) = (path for path in cache.iterdir() if path.name[0] != ".")
    assert is_intact(corpus)


def test_differences_are_named():
    event = ("train", "loss", 3, b"1")
    one = Facts({"a": b"1"}, {"a": b"1"}, [["epoch"]], Counter({event: 1}), {"history.csv"})
    assert differences(one, one) == []
    other = one._replace(weights={"a": b"2"}, events=Counter({event: 2}))
    assert differences(other, one) == [
        "weights",
        "1 events doubled or other, such as [('train', 'loss', 3)]",
    ]
