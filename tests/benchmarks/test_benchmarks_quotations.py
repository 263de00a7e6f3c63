"""How many new pieces would be sampled again because of a quotation."""

from types import SimpleNamespace

import numpy as np
import pytest

from bach_tf.codecs import SatbCodec
from bach_tf.recipes import PRESETS
from benchmarks import quotations


@pytest.fixture
def run(monkeypatch):
    """A run that quotes in one of three pieces."""
    training = np.random.default_rng(1).integers(4, 20, (40, 4))
    start = np.full((3, 1), SatbCodec.START)
    pieces = np.random.default_rng(2).integers(4, 20, (3, 60, 4))
    pieces[1, 10:45] = training[:35] + 2
    asked = []

    def generate(run, **options):
        asked.append(options)
        yield np.concatenate([start, pieces.reshape(3, -1)], axis=1)

    monkeypatch.setattr(quotations, "generate_batches", generate)
    model = SimpleNamespace(memory=SimpleNamespace(pieces=[training]))
    codec = SatbCodec(36, 81)
    return SimpleNamespace(preset=PRESETS["chorale"], codec=codec, model=model, asked=asked)


def test_pieces_that_quote_are_counted_before_the_rule_applies(run, monkeypatch, capsys):
    assert quotations.quoting(run, pieces=3, bars=4) == 1
    assert "quotation" not in run.asked[0]["rules"]
    assert "parallels" in run.asked[0]["rules"]
    monkeypatch.setattr(quotations, "find_run", lambda name: name)
    monkeypatch.setattr(quotations, "load_trained_run", lambda name: run)
    assert quotations.main(["--pieces", "3", "--bars", "4"]) == 0
    assert "1 of 3 pieces of 4 bars (33.3 %) quote" in capsys.readouterr().out


def test_a_run_without_a_memory_is_refused(trained_run, capsys):
    assert quotations.main(["--run", str(trained_run.folder)]) == 2
    assert "without a memory" in capsys.readouterr().err
