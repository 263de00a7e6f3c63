import io
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bach_tf import learning
from bach_tf._basics import files
from bach_tf.codecs import CODECS, PAD, SatbCodec
from bach_tf.corpora.preparation.prepared import SPLITS, piece_paths, read_prepared, write_prepared
from bach_tf.formats.grid_csv import write_grid_csv
from bach_tf.learning.pipeline import (
    TrainingBatches,
    evaluation_batches,
    last_step_batches,
)
from bach_tf.learning.windows import (
    Pieces,
    Windowing,
    load_all,
    load_split,
    split_windows,
    window_starts,
)
from bach_tf.recipes import PRESETS, changed
from bach_tf.score import Score

CODEC = SatbCodec(lowest=31, highest=87)


def windowing(**changes):
    return Windowing(**{"window": 8, "stride": 4, "batch_size": 4, "transpose": (-5, 6)} | changes)


def epoch(batches, number=0):
    """Return inputs, targets and weights of a whole epoch, (W, T) each."""
    taken = batches.dataset(number).take(batches.steps_per_epoch)
    return [np.concatenate(part) for part in zip(*taken.as_numpy_iterator())]


@pytest.fixture
def pieces(tiny_folder):
    return load_split(tiny_folder, "train", CODEC)


@pytest.fixture
def arrays(pieces):
    return [pieces.ids[start:end] for start, end in zip(pieces.starts, pieces.ends)]


def test_pieces_are_encoded_as_the_codec_does(tiny_folder, arrays):
    scores = read_prepared(tiny_folder)["train"]
    assert len(arrays) == len(scores)
    for ids, score in zip(arrays, scores):
        np.testing.assert_array_equal(ids, CODEC.encode(score))


def test_a_file_is_parsed_once_to_fit_a_codec_and_to_train(tiny_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_folder, tmp_path / "made")
    opened = Counter()
    read = io.open

    def counting(file, *args, **kwargs):
        opened[Path(file)] += isinstance(file, str | os.PathLike)
        return read(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", counting)
    preset = PRESETS["gru"]
    codec = learning.make_codec(preset, folder)
    learning.training_batches(preset, codec, folder)
    assert {path: opened[path] for path in piece_paths(folder, "train")} == dict.fromkeys(
        piece_paths(folder, "train"), 1
    )


def test_a_first_run_reads_each_file_once(home, tmp_path, monkeypatch):
    """Those of the user to hash, validate and prepare them; the prepared ones to hash and parse."""
    monkeypatch.setattr(files, "SETTLED_NS", -1)
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    for number in range(6):
        steps = [[67 + number, 62, 59, 43]] * 16 + [[60 + number, 55, 52, 48]] * 16
        write_grid_csv(mine / f"chorale_{number}.csv", steps)
    reads = Counter()
    limited = files.read_limited

    def counting(path, limit):
        reads[path] += 1
        return limited(path, limit)

    monkeypatch.setattr(files, "read_limited", counting)
    sizes = {"window": 8, "stride": 8, "model": {"units": 4, "layers": 1}}
    preset = changed(PRESETS["gru"], corpus="folder", data_dir=str(mine), **sizes)
    run, corpus = learning.start_run(preset)
    learning.training_batches(run.preset, run.codec, corpus)
    pieces = [path for split in SPLITS for path in piece_paths(corpus, split)]
    assert {path: reads[path] for path in pieces} == dict.fromkeys(pieces, 1)
    assert {path: reads[path] for path in mine.iterdir()} == dict.fromkeys(mine.iterdir(), 1)


def test_a_file_that_has_changed_is_parsed_again(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "made")
    before = load_split(folder, "train", CODEC).ids.size
    path = piece_paths(folder, "train")[0]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1], ""]))
    assert load_split(folder, "train", CODEC).ids.size == before + 4


def test_no_iterator_waits_for_a_thread_that_tunes_it(pieces):
    batches = TrainingBatches(pieces, CODEC, windowing(), seed=0)
    for dataset in (batches.dataset(), evaluation_batches(pieces, CODEC)):
        assert dataset.options().autotune.enabled is False


def test_a_pitch_without_an_id_names_the_file(tiny_folder):
    paths = piece_paths(tiny_folder, "train")
    with pytest.raises(ValueError, match=rf"{paths[0].name}: Pitches must be in 60..61"):
        load_split(tiny_folder, "train", SatbCodec(lowest=60, highest=61))


def test_every_training_token_is_seen_and_none_twice_when_windows_do_not_overlap(arrays):
    batches = TrainingBatches(
        Pieces.from_arrays(arrays), CODEC, windowing(stride=8, transpose=(0, 0)), seed=0
    )
    _, targets, weights = epoch(batches)
    seen = np.sort(targets[weights > 0])
    np.testing.assert_array_equal(seen, np.sort(np.concatenate([ids[1:] for ids in arrays])))
    np.testing.assert_array_equal(weights > 0, targets != PAD)


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_overlapping_windows_reach_every_target(arrays, stride):
    # Ids that name their own position show which targets have been seen.
    numbered = [np.arange(1, ids.size + 1) for ids in arrays]
    codec = SatbCodec()
    batches = TrainingBatches(
        Pieces.from_arrays([ids % (codec.vocab_size - 1) + 1 for ids in numbered]),
        codec,
        windowing(stride=stride, transpose=(0, 0)),
        seed=0,
    )
    _, targets, weights = epoch(batches)
    assert weights.sum() >= sum(ids.size - 1 for ids in numbered)
    for ids in numbered:
        assert set((ids % (codec.vocab_size - 1) + 1)[1:]) <= set(targets[weights > 0])


def test_windows_stay_within_one_piece():
    # Each piece is one pitch throughout: a window with two of them would cross.
    pieces = [np.full(steps * 4 + 2, 10 + number) for number, steps in enumerate([3, 8, 9, 30])]
    batches = TrainingBatches(
        Pieces.from_arrays(pieces), CODEC, windowing(transpose=(0, 0)), seed=0
    )
    inputs, targets, _ = epoch(batches)
    for row in np.concatenate([inputs, targets], axis=1):
        assert len(set(row) - {PAD}) == 1


def test_windows_begin_at_steps_and_targets_are_one_token_on(arrays):
    batches = TrainingBatches(
        Pieces.from_arrays(arrays), CODEC, windowing(transpose=(0, 0)), seed=0
    )
    inputs, targets, _ = epoch(batches)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
    flat = {tuple(ids[at : at + 5]) for ids in arrays for at in range(0, ids.size, 4)}
    assert all((*row[:4], target[3]) in flat for row, target in zip(inputs, targets))


def test_a_piece_shorter_than_a_window_is_kept_and_padded():
    ids = np.array([1, 20, 15, 10, 5, 2])
    batches = TrainingBatches(Pieces.from_arrays([ids]), CODEC, windowing(transpose=(0, 0)), seed=0)
    inputs, targets, weights = epoch(batches)
    assert inputs.shape == targets.shape == weights.shape == (1, 32)
    np.testing.assert_array_equal(targets[0, :6], [20, 15, 10, 5, 2, PAD])
    assert weights.sum() == 5


def test_two_epochs_differ_and_the_same_seed_repeats(pieces):
    first = TrainingBatches(pieces, CODEC, windowing(), seed=3)
    again = TrainingBatches(pieces, CODEC, windowing(), seed=3)
    other = TrainingBatches(pieces, CODEC, windowing(), seed=4)
    np.testing.assert_array_equal(epoch(first)[1], epoch(again)[1])
    assert not np.array_equal(epoch(first)[1], epoch(other)[1])
    assert not np.array_equal(epoch(first, 0)[1], epoch(first, 1)[1])


def test_workers_share_each_batch_among_them(pieces):
    whole = TrainingBatches(pieces, CODEC, windowing(), seed=0)
    parts = [TrainingBatches(pieces, CODEC, windowing(), seed=0, part=(n, 3)) for n in range(3)]
    streams = [
        each.dataset().take(whole.steps_per_epoch).as_numpy_iterator() for each in (whole, *parts)
    ]
    sizes = []
    for batch, *shares in zip(*streams):
        # A worker for which no window is left gets one that does not count.
        counting = [share for share in shares if share[2].any()]
        sizes.append([len(share[0]) for share in counting])
        for one, several in zip(batch, zip(*counting)):
            np.testing.assert_array_equal(one, np.concatenate(several))
    assert sizes[0] == [1, 1, 2]
    assert sum(sizes[-1]) == (whole.windows - 1) % 4 + 1
    assert {len(share[0]) for share in shares} <= {1, 2}


def test_an_epoch_is_the_same_whether_it_is_reached_or_started_from(pieces):
    batches = TrainingBatches(pieces, CODEC, windowing(), seed=3)
    steps = batches.steps_per_epoch
    reached = [y for _, y, _ in batches.dataset().take(3 * steps).as_numpy_iterator()][-steps:]
    np.testing.assert_array_equal(np.concatenate(reached), epoch(batches, 2)[1])


@pytest.mark.parametrize("count", [1, 3, 11])
def test_epochs_of_some_batches_follow_each_other_through_all_windows(pieces, count):
    whole = TrainingBatches(pieces, CODEC, windowing(), seed=3)
    some = TrainingBatches(pieces, CODEC, windowing(epoch_batches=count), seed=3)
    assert some.steps_per_epoch == count
    stream = [y for _, y, _ in whole.dataset().take(6 * count).as_numpy_iterator()]
    for epoch in (0, 1, 5):
        started = [y for _, y, _ in some.dataset(epoch).take(count).as_numpy_iterator()]
        expected = stream[epoch * count : (epoch + 1) * count]
        np.testing.assert_array_equal(np.concatenate(started), np.concatenate(expected))


def test_transposition_moves_a_whole_piece_and_draws_every_shift():
    ids = np.array([1, *([40, 33, 28, 20] * 12), 2])
    batches = TrainingBatches(
        Pieces.from_arrays([ids]), CODEC, windowing(window=13, stride=13), seed=0
    )
    shifts = []
    for _, targets, _ in batches.dataset().take(120).as_numpy_iterator():
        moved = targets[0, :48] - ids[1:49]
        assert len(set(moved)) == 1
        assert targets[0, 48] == CODEC.END
        shifts.append(int(moved[0]))
    assert set(shifts) == set(range(-5, 7))
    assert max(np.bincount(np.array(shifts) + 5)) < 30  # of 120 draws of 12 shifts: uniform


def test_transposition_keeps_each_piece_in_range():
    codec = SatbCodec(lowest=60, highest=66)
    top = np.array([1, *([codec.vocab_size - 1, 4, 3, 3] * 2), 2])  # from 60 to 66: no room
    middle = np.array([1, *([6, 5, 3, 3] * 2), 2])  # 62 and 61: from -1 to +4
    batches = TrainingBatches(Pieces.from_arrays([top, middle]), codec, windowing(), seed=0)
    highest = set()
    for _, targets, weights in batches.dataset().take(60).as_numpy_iterator():
        assert (weights > 0).sum() == 18  # an id that left the vocabulary would be padding
        for row in targets:
            if row[0] != codec.vocab_size - 1 or row[1] != 4:
                highest.add(int(row[0]))
    assert highest == {5, 6, 7, 8, 9, 10}


def test_evaluation_reads_whole_pieces_as_they_are(pieces, arrays):
    rows = []
    for inputs, targets, weights in evaluation_batches(pieces, CODEC, 2).as_numpy_iterator():
        np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
        np.testing.assert_array_equal(weights > 0, CODEC.counted[targets])
        rows += [np.concatenate([x[:1], y[y != PAD]]) for x, y in zip(inputs, targets)]
    for row, ids in zip(rows, sorted(arrays, key=len), strict=True):
        np.testing.assert_array_equal(row, ids)


def test_the_end_of_a_piece_is_learned_but_not_measured(pieces):
    _, targets, weights = epoch(TrainingBatches(pieces, CODEC, windowing(), seed=0))
    assert weights[targets == CODEC.END].all()
    for _, targets, weights in evaluation_batches(pieces, CODEC):
        assert not weights.numpy()[targets.numpy() == CODEC.END].any()


def test_the_ids_of_a_file(tmp_path):
    score = Score.from_grid([[60, 0, 50, 40], [61, 57, 50, 40]])
    write_prepared(tmp_path / "made", {"train": {"a": score}, "valid": {}, "test": {}})
    ids = load_split(tmp_path / "made", "train", CODEC).ids
    assert ids.tolist() == [1, 33, 3, 23, 13, 34, 30, 23, 13, 2]


def test_batches_have_static_window_length(pieces):
    spec = TrainingBatches(pieces, CODEC, windowing(), seed=0).dataset().element_spec
    assert [part.shape.as_list() for part in spec] == [[None, 32]] * 3
    assert [part.dtype for part in spec] == [tf.int32, tf.int32, tf.float32]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 0}, "`window` must be at least 1. Received: 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"stride": 0}, "`stride` must be at least 1"),
        ({"stride": 9}, "`stride` must be at most `window`"),
        ({"transpose": (1, 6)}, "`transpose` must be"),
    ],
)
def test_windowing_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        windowing(**changes)


def test_no_piece_to_train_on():
    with pytest.raises(ValueError, match="at least one piece to train on"):
        TrainingBatches(Pieces.from_arrays([]), CODEC, windowing(), seed=0)


# What an evaluation measures.


def measured(batches):
    """Return the targets that count, sorted."""
    counted = [targets[weights > 0] for _, targets, weights in batches.as_numpy_iterator()]
    return np.sort(np.concatenate(counted))


@pytest.mark.parametrize("context", [None, 2, 5, 8])
def test_each_token_is_measured_once_whatever_the_context(arrays, context):
    music = np.concatenate([ids[1:-1] for ids in arrays])
    batches = evaluation_batches(Pieces.from_arrays(arrays), CODEC, 3, context)
    np.testing.assert_array_equal(measured(batches), np.sort(music))


def test_an_epochs_tokens_are_those_that_count(pieces):
    batches = TrainingBatches(pieces, CODEC, windowing(), seed=0)
    _, _, weights = epoch(batches)
    assert batches.tokens == weights.sum()


def test_split_windows_are_dealt_out_once(pieces):
    parts = split_windows(pieces, CODEC, windowing(stride=1), seed=0)
    windows = np.concatenate(list(parts.values()))
    total = TrainingBatches(pieces, CODEC, windowing(stride=1), seed=0).windows
    np.testing.assert_array_equal(np.sort(windows), np.arange(total))
    assert [len(part) / total for part in parts.values()] == pytest.approx(
        [0.7, 0.15, 0.15], abs=0.03
    )
    other = split_windows(pieces, CODEC, windowing(stride=1), seed=1)
    assert not np.array_equal(parts["valid"], other["valid"])


def test_kept_windows_are_all_that_an_epoch_has(arrays):
    pieces, keep = Pieces.from_arrays([max(arrays, key=len)]), np.array([0, 3])
    batches = TrainingBatches(
        pieces, CODEC, windowing(stride=1, transpose=(0, 0)), seed=0, keep=keep
    )
    inputs, _, _ = epoch(batches)
    starts = sorted(row.tolist() for row in inputs)
    assert starts == sorted(pieces.ids[4 * n :][:32].tolist() for n in keep)


def test_of_split_windows_the_last_step_counts(arrays):
    pieces, windows = Pieces.from_arrays([max(arrays, key=len)]), np.array([0, 2])
    batches = last_step_batches(pieces, CODEC, windowing(stride=1), windows)
    expected = [pieces.ids[4 * n :][29:33] for n in windows]
    np.testing.assert_array_equal(measured(batches), np.sort(expected, axis=None))


def test_the_end_of_a_piece_is_a_last_step_that_does_not_count():
    codec = CODECS["melody"].fit([Score.from_grid([[60]])])
    ids = codec.encode(Score.from_grid([[60]] * 6))
    pieces = Pieces.from_arrays([ids])
    batches = last_step_batches(pieces, codec, windowing(window=4, stride=1), np.array([0, 3]))
    np.testing.assert_array_equal(measured(batches), [ids[4]])
    whole = Pieces.from_arrays([CODEC.encode(Score.from_grid([[67, 62, 59, 43]] * 8))])
    assert whole.ids.size == 34  # a start, four voices at 8 steps, an end
    assert measured(last_step_batches(whole, CODEC, windowing(stride=1), np.array([1]))).size == 0


def test_all_splits_together(tiny_folder):
    together = load_all(tiny_folder, CODEC)
    parts = [load_split(tiny_folder, split, CODEC).ids for split in ("train", "valid", "test")]
    np.testing.assert_array_equal(together.ids, np.concatenate(parts))
    assert len(together) == 7


def test_lists_of_notes_are_encoded_too(tmp_path):
    scores = {f"p{n}": Score.from_grid([[60 + n], [60 + n], [64]]) for n in range(3)}
    pieces = {"train": scores, "valid": {}, "test": {}}
    write_prepared(tmp_path / "notes", pieces, layout="notes")
    codec = CODECS["melody"].fit(list(scores.values()))
    loaded = load_split(tmp_path / "notes", "train", codec).arrays()
    for ids, score in zip(loaded, scores.values(), strict=True):
        np.testing.assert_array_equal(ids, codec.encode(score))


def test_a_grid_whose_name_is_no_text_is_read(tmp_path):
    name = os.fsdecode(b"Pr\xe9lude")
    pieces = {"train": {name: Score.from_grid([[67, 62, 59, 43]] * 2)}, "valid": {}, "test": {}}
    write_prepared(tmp_path / "made", pieces)
    assert load_split(tmp_path / "made", "train", CODEC).ids.size == 10


def test_each_step_comes_with_what_stands_beside_it(pieces, arrays):
    # Beside each step stand its four ids themselves, 0 beside the step behind the piece.
    beside = [np.append(ids[1:-1], [0] * 4).reshape(-1, 4) for ids in arrays]
    batches = TrainingBatches(pieces, CODEC, windowing(transpose=(0, 0)), seed=0, beside=beside)
    taken = batches.dataset().take(batches.steps_per_epoch).as_numpy_iterator()
    for (_, rows), targets, _ in taken:
        steps = targets.reshape(*rows.shape)
        np.testing.assert_array_equal(rows, np.where(steps > CODEC.END, steps, 0))


def test_a_row_for_each_step_is_expected(pieces, arrays):
    beside = [np.zeros((len(ids) // 4, 4), np.int32) for ids in arrays]
    with pytest.raises(ValueError, match=r"Expected a row for each step of the training split"):
        TrainingBatches(pieces, CODEC, windowing(), seed=0, beside=beside)


@pytest.mark.parametrize("name", ["gru", "wavenet", "transformer", "chorale"])
def test_no_window_of_four_voices_begins_shortly_before_the_end_of_a_piece(name):
    music = PRESETS[name].music
    steps = np.arange(1, 6 * music.window, 5)
    pieces = Pieces.from_arrays([np.ones(4 * length + 2, np.int32) for length in steps])
    starts, piece = window_starts(pieces, 4 * music.window, 4 * music.stride)
    inside = starts > pieces.starts[piece]
    left = (pieces.ends[piece] - starts - 2) // 4  # steps to the end
    assert inside.any()
    assert left[inside].min() >= music.window - music.stride
