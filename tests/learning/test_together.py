"""Training on two workers: the same as on one."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from commands import command
from shared_training import assert_same, small, train
from started import PATIENCE, end_of, ends_of, shared, train_program
from test_workers import met

from bach_tf.corpora.scale.shards import read_shards
from bach_tf.learning.outcome import DivergedError
from bach_tf.learning.workers import joining
from bach_tf.learning.workers.group import Group
from benchmarks.workers import free_addresses


def test_two_workers_train_like_one_until_one_dies(tiny_folder, tmp_path):
    addresses = ",".join(free_addresses(2))
    names = "gru", "chorale"
    both = [shared("worker", addresses, n, tiny_folder, tmp_path, *names) for n in (0, 1)]
    alone = {name: train(small(name), tiny_folder, tmp_path / f"{name}-alone") for name in names}
    (chief_status, said, errors), (status, other, _) = ends_of(both)

    together, theirs = json.loads(said), json.loads(other)
    for name in names:
        assert_same(name, alone[name], together[name])
        digests = together[name]["digests"]
        assert digests[1:] == theirs[name]["digests"][1:], "the same weights after each epoch"
        assert len(set(digests)) == len(digests)
    assert status == -signal.SIGKILL
    assert chief_status == 1
    address = addresses.split(",")[1]
    assert errors.strip().splitlines()[-1] == (
        f"ConnectionError: Worker 1 ({address}) has stopped: it was killed, or its machine or "
        f"network failed. Start all workers again, each with --resume {tmp_path / 'dies'}."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*names, *(f"{name}-alone" for name in names), "dies"]
    )


def rows_of(history):
    """Return the validation of each epoch in a history that may not be there yet."""
    lines = history.read_text().splitlines() if history.exists() else [""]
    column = lines[0].split(",").index("val_nll") if lines[0] else 0
    return [float(line.split(",")[column]) for line in lines[1:]]


def test_each_worker_reads_its_own_shards(sharded, home, tmp_path):
    workers = ",".join(free_addresses(2))
    settings = ("model.units=8", "model.layers=2", "batch_size=4", "window=8", "stride=8")
    options = ["--model", "gru", "--epochs", 3, "--run-name", "run"]
    options += [each for setting in settings for each in ("--set", setting)]
    started = []
    for number in range(2):
        mine = shutil.copytree(sharded, tmp_path / f"{number}" / "prepared")
        for shard in read_shards(mine).of_worker("train", 1 - number, 2):
            with (mine / shard.file).open("ab") as file:
                file.write(b"damage, which would be noticed by whoever reads all of the shard")
        about = ("--workers", workers, "--worker", number, "--data-dir", mine)
        started.append(train_program(*options, *about, cwd=mine.parent))
    for status, _, errors in ends_of(started):
        assert status == 0, errors
    first, *_, last = rows_of(tmp_path / "0" / "tb_logs" / "run" / "history.csv")
    assert last < first < 4.0
    assert not (tmp_path / "1" / "tb_logs").exists()


@pytest.mark.slow
def test_a_training_whose_worker_was_killed_goes_on_on_both(tiny_csvs, home, tmp_path, monkeypatch):
    for name in ("chief", "other"):  # what is resumed lies with worker 0 alone
        (tmp_path / name).mkdir()
    workers = ",".join(free_addresses(2))
    settings = ("model.units=8", "model.layers=2", "model.dropout=0", "model.input_dropout=0")
    # A cosine schedule would be stretched over 9000 epochs first, then over the few of the rest.
    settings += ("schedule=power",)
    fresh = ["--model", "gru", "--data-dir", tiny_csvs, "--run-name", "run"]
    fresh += [
        each for setting in (*settings, "window=8", "stride=8") for each in ("--set", setting)
    ]

    def pair(*options):
        for number, name in enumerate(("chief", "other")):
            about = ("--workers", workers, "--worker", number)
            yield train_program(*options, *about, cwd=tmp_path / name)

    chief, other = pair(*fresh, "--epochs", 9000)
    history = tmp_path / "chief" / "tb_logs" / "run" / "history.csv"
    until = time.monotonic() + PATIENCE
    while len(rows_of(history)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    other.kill()
    status, _, errors = end_of(chief)
    assert status == 2
    assert errors.strip().splitlines() == [
        f"train.py: Worker 1 ({workers.split(',')[1]}) has stopped: it was killed, or its machine "
        "or network failed. Start all workers again, each with --resume tb_logs/run."
    ]
    end_of(other)

    done = len(rows_of(history))
    resumed = list(pair("--resume", "tb_logs/run", "--epochs", done + 3))
    for status, _, errors in ends_of(resumed):
        assert status == 0, errors
    assert len(rows_of(history)) == done + 3
    assert not (tmp_path / "other" / "tb_logs").exists()
    monkeypatch.chdir(tmp_path)
    assert command("train")([*fresh, "--epochs", done + 3]) == 0
    alone = rows_of(tmp_path / "tb_logs" / "run" / "history.csv")
    np.testing.assert_allclose(rows_of(history), alone, atol=1e-3)


def test_after_a_loss_of_nan_nobody_is_told_to_resume(monkeypatch):
    with met(2) as (chief, other):
        monkeypatch.setattr(joining, "meet", lambda *_: chief)
        monkeypatch.setattr(joining, "connected", lambda lines, gpus: Group(None, lines))
        with pytest.raises(DivergedError), joining.joined(chief.roster, "cpu"):
            raise DivergedError("The loss became NaN. Retrain.")
        group = Group(None, other)
        group.folder = Path("tb_logs/a")
        expected = (
            r"Worker 0 .* has stopped: The loss became NaN. Retrain. Start .* without --resume\.$"
        )
        with pytest.raises(ConnectionError, match=expected), group.explaining():
            other.hear()
