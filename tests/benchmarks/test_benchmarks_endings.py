"""How likely an end is at the beginning of a piece."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from bach_tf.codecs import MelodyCodec, SatbCodec
from benchmarks import endings


class Even:
    """A model that finds every id as likely as another."""

    def __call__(self, ids, training):
        return tf.zeros([*ids.shape, 6])

    def initial_state(self, batch):
        return tf.zeros([batch])

    def step(self, ids, state):
        return tf.zeros([tf.size(ids), 6]), state


def test_an_end_comes_as_soon_as_it_is_likely():
    run = SimpleNamespace(model=Even(), codec=SatbCodec(60, 61), folder="a")
    chances = endings.measure(run, pieces=3)  # an end, two pitches or silence: one in four
    assert chances == pytest.approx([1 - 0.75**steps for steps in endings.STEPS])


def test_a_run_of_one_voice_is_refused():
    run = SimpleNamespace(model=Even(), codec=MelodyCodec(60, 61), folder="tb_logs/tune")
    with pytest.raises(ValueError, match=r"Expected a run of four voices\. Received: tb_logs"):
        endings.measure(run, pieces=1)


def test_the_command_prints_a_row_for_each_length(trained_run, monkeypatch, capsys):
    monkeypatch.setattr(endings, "PIECES", 2)
    assert endings.main(["--run", str(trained_run.folder)]) == 0
    printed = capsys.readouterr().out
    assert "2 new pieces" in printed
    assert [line.split()[1] for line in printed.splitlines()[-4:]] == ["8", "16", "32", "64"]
    assert endings.main(["--run", "absent"]) == 2
    assert "endings: Expected a run folder" in capsys.readouterr().err
