import fcntl
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from sharded import fill

from bach_tf.codecs import SatbCodec
from bach_tf.corpora import chorales, jsb
from bach_tf.corpora.preparation import prepared
from bach_tf.recipes import PRESETS, changed
from bach_tf.score import Score

pytest.register_assert_rewrite("shared_training")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as the programs do

# A shell starts what runs in its background without Ctrl-C, and the programs that the tests start
# would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    """Say when the tests begin: a server's log then shows how long installing took."""
    return f"begun at {time.strftime('%H:%M:%S', time.gmtime())} UTC"


# The same examples in every run, and no time limit for one: a busy machine is no failure.
settings.register_profile("bach_tf", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("bach_tf")

# Soprano, alto, tenor, bass, and for how many steps.
TINY = {
    "half_bar": ({}, [((67, 62, 59, 43), 4), ((67, 64, 60, 48), 2)]),
    "cadence": (
        {"key_signature": 0, "metres": ((0, 4, 4),)},
        [((72, 65, 57, 53), 4), ((71, 67, 62, 43), 2), ((72, 67, 64, 48), 2)],
    ),
    "upbeat": (
        {"key_signature": 1, "metres": ((0, 3, 4),), "upbeat": 4},
        [((67, 62, 59, 55), 4), ((69, 66, 62, 50), 4), ((71, 67, 62, 43), 4)],
    ),
    "minor": (
        {"key_signature": 0, "metres": ((0, 4, 4),), "fermatas": (12,)},
        [
            ((69, 64, 60, 45), 4), ((71, 64, 56, 52), 4),
            ((72, 64, 57, 57), 4), ((71, 64, 56, 40), 4),
        ],
    ),
    "passing": (
        {"title": "A bass in eighths", "key_signature": -1, "metres": ((0, 4, 4),)},
        [
            ((65, 60, 57, 53), 2), ((65, 60, 57, 52), 2), ((65, 62, 57, 50), 4),
            ((64, 60, 55, 48), 2), ((64, 60, 55, 46), 2), ((65, 60, 57, 45), 4),
            ((67, 64, 58, 36), 4), ((65, 60, 57, 41), 4),
        ],
    ),
    "rests": (
        {"metres": ((0, 4, 4),)},
        [
            ((72, 0, 0, 0), 4), ((74, 67, 0, 0), 4), ((76, 67, 60, 0), 4), ((77, 69, 62, 50), 4),
            ((76, 67, 60, 48), 8), ((0, 0, 0, 48), 4), ((0, 0, 0, 0), 4),
        ],
    ),
    "two_lines": (
        {"key_signature": -3, "metres": ((0, 4, 4),), "upbeat": 4, "fermatas": (16, 32)},
        [
            ((67, 63, 60, 48), 4), ((72, 63, 60, 45), 4), ((71, 67, 62, 43), 4),
            ((72, 67, 63, 48), 4), ((74, 67, 59, 43), 4), ((75, 67, 60, 48), 2),
            ((77, 68, 60, 53), 2), ((74, 65, 58, 46), 4), ((79, 70, 58, 51), 4),
            ((77, 68, 62, 44), 4), ((75, 67, 58, 39), 4),
        ],
    ),
}  # fmt: skip
TINY_SPLITS = {
    "train": ("half_bar", "rests", "two_lines"),
    "valid": ("cadence", "passing"),
    "test": ("minor", "upbeat"),
}


def score_of(name):
    about, chords = TINY[name]
    rows = np.repeat([chord for chord, _ in chords], [steps for _, steps in chords], axis=0)
    return Score.from_grid(rows, **{"title": name, **about})


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The empty folder that caches go to."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BACH_TF_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_data():
    """The folder of downloaded corpora, where there is one."""
    folder = os.environ.get("BACH_TF_TEST_DATA")
    if not folder:
        pytest.skip("BACH_TF_TEST_DATA names no folder with jsb_chorales.tgz")
    return Path(folder)


@pytest.fixture(scope="session")
def tiny_pieces():
    """Seven scores of four voices, 6 to 40 steps long."""
    return [score_of(name) for name in TINY]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A prepared corpus of the tiny pieces: 3 train, 2 valid, 2 test. Copy it to change it."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    pieces = {
        split: {name: score_of(name) for name in names} for split, names in TINY_SPLITS.items()
    }
    prepared.write_prepared(folder, pieces)
    return folder


@pytest.fixture(scope="session")
def chorales_folder(tmp_path_factory):
    """The prepared folder of the real corpus, built once for all workers of the run."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    with pytest.MonkeyPatch.context() as patch, (run / "chorales.lock").open("w") as lock:
        patch.setenv("BACH_TF_HOME", str(run / "chorales_home"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        return chorales.prepare()


@pytest.fixture(scope="session")
def chorale_pieces(chorales_folder):
    """The scores of the real corpus: `{split: [Score]}`."""
    return prepared.read_prepared(chorales_folder)


@pytest.fixture(scope="session")
def canonical_pieces(real_data, tmp_path_factory):
    """The scores of the canonical chorales: `{split: [Score]}`. Skips without `real_data`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACH_TF_HOME", str(tmp_path_factory.mktemp("home")))
        return prepared.read_prepared(jsb.prepare(real_data / "jsb_chorales.tgz"))


@pytest.fixture
def tiny_csvs(tiny_folder, tmp_path):
    """Return a user's own folder of the tiny pieces: `train/ valid/ test/` of CSV files."""
    folder = tmp_path / "mine"
    shutil.copytree(tiny_folder, folder)
    (folder / prepared.MANIFEST).unlink()
    return folder


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, tiny_folder):
    """Return a small run, trained for a moment. Read it, do not change it."""
    from bach_tf import learning  # import TensorFlow
    from bach_tf.learning import runs

    preset = changed(
        PRESETS["gru"],
        model={**PRESETS["gru"].model.settings, "units": 12, "layers": 2},
        window=8,
        stride=8,
        batch_size=4,
        epochs=4,
    )
    run = runs.create_run(preset, SatbCodec(31, 87), "a", runs=tmp_path_factory.mktemp("runs"))
    learning.train(run, tiny_folder, verbose=0)
    return run


@pytest.fixture
def sharded(tmp_path):
    """Return a small folder of shards, of pieces in four voices."""
    folder = tmp_path / "sharded"
    folder.mkdir()
    return fill(folder)
