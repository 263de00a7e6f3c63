"""Training on shards: the windows of the same pieces in memory, in a stream."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bach_tf import learning
from bach_tf.codecs import PAD
from bach_tf.corpora.scale.shards import read_shards
from bach_tf.learning.batches import measured_batches, training_batches
from bach_tf.learning.pipeline import TrainingBatches, evaluation_batches
from bach_tf.learning.shard_batches import ShardBatches
from bach_tf.learning.shard_windows import ShardWindows
from bach_tf.learning.windows import Windowing, load_split
from bach_tf.measuring.evaluation import evaluate_run
from bach_tf.recipes import PRESETS, changed, make_preset

STILL = Windowing(window=8, stride=4, batch_size=4)
MOVED = Windowing(window=8, stride=4, batch_size=4, transpose=(-5, 6))


def windows_in(batches, epoch=0):
    """Return how often each window of an epoch occurs."""
    taken = batches.dataset(epoch).take(batches.steps_per_epoch).as_numpy_iterator()
    return Counter(
        (*inputs[:1].tolist(), *targets.tolist(), int(weights.sum()))
        for batch in taken
        for inputs, targets, weights in zip(*batch)
    )


def test_the_windows_are_those_of_the_pieces_in_memory(sharded):
    shards = read_shards(sharded)
    streamed = ShardBatches(shards, STILL, seed=0)
    pieces = load_split(sharded, "train", shards.codec)
    whole = TrainingBatches(pieces, shards.codec, STILL, seed=0)
    assert (streamed.windows, streamed.steps_per_epoch) == (whole.windows, whole.steps_per_epoch)
    assert windows_in(streamed) == windows_in(whole)


def test_an_epoch_is_a_function_of_seed_and_number(sharded):
    shards = read_shards(sharded)

    def ids_of(seed, first, epochs):
        batches = ShardBatches(shards, MOVED, seed=seed)
        taken = batches.dataset(first).take(epochs * batches.steps_per_epoch)
        return np.concatenate([inputs for inputs, _, _ in taken.as_numpy_iterator()])

    through, resumed = ids_of(3, 0, 3), ids_of(3, 2, 1)
    size = len(resumed)
    np.testing.assert_array_equal(through[-size:], resumed)
    assert not np.array_equal(through[:size], resumed)
    assert not np.array_equal(ids_of(4, 0, 1), through[:size])


@pytest.mark.parametrize("count", [1, 5, 40])
def test_epochs_of_some_batches_follow_each_other_through_all_shards(sharded, count):
    shards = read_shards(sharded)
    some = ShardBatches(shards, replace(MOVED, epoch_batches=count), seed=3)
    assert some.steps_per_epoch == count
    whole = ShardBatches(shards, MOVED, seed=3).dataset()
    stream = [ids for ids, _, _ in whole.take(4 * count).as_numpy_iterator()]
    for epoch in (0, 1, 3):
        started = [ids for ids, _, _ in some.dataset(epoch).take(count).as_numpy_iterator()]
        expected = stream[epoch * count : (epoch + 1) * count]
        np.testing.assert_array_equal(np.concatenate(started), np.concatenate(expected))


def test_pieces_move_within_the_vocabulary(sharded):
    stream = ShardWindows(read_shards(sharded), MOVED, seed=0)
    first = {window[1] for epoch in range(8) for window in stream.in_pass(epoch) if window[0] == 1}
    assert len(first) > 6
    assert PAD not in first


def test_workers_read_every_window_once_between_them_moved_as_one_would(sharded):
    shards, five = read_shards(sharded), replace(MOVED, batch_size=5)
    alone = ShardWindows(shards, five, seed=0)
    workers = [ShardWindows(shards, five, seed=0, worker=k, workers=2) for k in range(2)]
    assert 0 < workers[0].batches == workers[1].batches <= alone.batches
    found = Counter(window.tobytes() for each in workers for window in each.in_pass(0))
    assert found == Counter(window.tobytes() for window in alone.in_pass(0))
    for each, size in zip(workers, (2, 3)):
        assert [len(batch) for batch in each.batch_windows(0)] == [size] * each.batches


def test_more_workers_than_shards_with_pieces_are_refused(sharded):
    with pytest.raises(ValueError, match="Expected a shard of train for each of 5 workers, got 4"):
        ShardWindows(read_shards(sharded), STILL, seed=0, worker=0, workers=5)
    small = replace(STILL, batch_size=2)
    with pytest.raises(ValueError, match=r"at least 3, .* each of 3 workers .* Received: 2"):
        ShardWindows(read_shards(sharded), small, seed=0, worker=0, workers=3)


@pytest.mark.parametrize("context", [None, 8])
def test_evaluation_counts_the_same_tokens(sharded, context):
    preset = changed(PRESETS["gru"], context=context, evaluation_batch=3)
    codec = read_shards(sharded).codec
    streamed = measured_batches(preset, codec, sharded, "valid")
    whole = evaluation_batches(load_split(sharded, "valid", codec), codec, 3, context)
    assert len([*streamed]) == len(streamed)  # Keras relies on it
    counted = [
        Counter(
            (int(target), int(source))
            for inputs, targets, weights in batches.as_numpy_iterator()
            for source, target in zip(inputs[weights > 0], targets[weights > 0])
        )
        for batches in (streamed, whole)
    ]
    assert counted[0] == counted[1]


def small(folder, **settings):
    """Return a preset of a small model on a folder of shards."""
    given = {"units": 8, "layers": 1, "rules": False, "period": 16}
    values = {f"model.{name}": value for name, value in given.items()}
    values |= {"window": 8, "stride": 4, **settings}
    return make_preset("gru", None, folder, [f"{name}={value}" for name, value in values.items()])


@pytest.mark.parametrize("batches", [0, 7], ids=["whole passes", "7 batches"])
def test_a_run_trains_on_shards_and_resumes(sharded, tmp_path, monkeypatch, batches):
    monkeypatch.chdir(tmp_path)
    run, corpus = learning.start_run(small(sharded, epochs=1, epoch_batches=batches), "streamed")
    assert corpus == sharded
    assert learning.train(run, corpus, verbose=0).epochs == 1
    path = sharded / "train-00001-of-00004.npz"
    content = path.read_bytes()
    path.write_bytes(content[:80] + bytes([content[80] ^ 1]) + content[81:])  # within the tokens
    resumed, corpus = learning.resume_run(run.folder, 2)
    with pytest.raises(ValueError, match=r"train-00001-of-00004\.npz: the shard is damaged"):
        learning.train(resumed, corpus, verbose=0)
    path.write_bytes(content)
    resumed, corpus = learning.resume_run(run.folder, 2)
    outcome = learning.train(resumed, corpus, verbose=0)
    assert outcome.epochs == 2
    run, corpus = learning.start_run(small(sharded, epochs=2, epoch_batches=batches), "through")
    assert learning.train(run, corpus, verbose=0).best_nll == outcome.best_nll


@pytest.mark.parametrize("context", [None, 8], ids=["whole pieces", "windows"])
def test_damage_is_named_where_a_run_is_evaluated(sharded, tmp_path, monkeypatch, context):
    monkeypatch.chdir(tmp_path)
    run, corpus = learning.start_run(small(sharded, epochs=1, context=context), "measured")
    path = sharded / "test-00000-of-00001.npz"
    content = path.read_bytes()
    path.write_bytes(content[:80] + bytes([content[80] ^ 1]) + content[81:])
    with pytest.raises(ValueError, match=r"test-00000-of-00001\.npz: the shard is damaged"):
        evaluate_run(run, corpus, "test")
    path.unlink()
    with pytest.raises(ValueError, match=r"test-00000-.*: No such file or directory\. Copy the"):
        evaluate_run(run, corpus, "test")


def test_what_shards_cannot_do_is_refused(sharded):
    with pytest.raises(ValueError, match=r"Shards are split by pieces\. Received: split=windows"):
        learning.make_codec(small(sharded, split="windows"), sharded)
    preset = changed(PRESETS["chorale"], data_dir=str(sharded))
    with pytest.raises(ValueError, match=r"Add: --set model\.memory=False"):
        learning.data.make_memory(preset, read_shards(sharded).codec, sharded)
    other = changed(PRESETS["gru"], data_dir=str(sharded))
    codec = type(read_shards(sharded).codec)(40, 80)
    with pytest.raises(ValueError, match="prepared with another vocabulary"):
        training_batches(other, codec, sharded)
