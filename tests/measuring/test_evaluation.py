import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from commands import command

from bach_tf.codecs import CODECS, MelodyCodec, SatbCodec
from bach_tf.corpora import read_split
from bach_tf.learning import runs
from bach_tf.learning.pipeline import (
    evaluation_batches,
    last_step_batches,
)
from bach_tf.learning.windows import (
    Pieces,
    Windowing,
    load_split,
    split_windows,
)
from bach_tf.measuring import evaluation
from bach_tf.measuring.bars import bars_of, steps_of_bars
from bach_tf.models.memory import Memory
from bach_tf.score import Score

main = command("evaluate")

CODEC = SatbCodec(lowest=31, highest=87)


class Fixed:
    """Logits that depend on nothing but the last id."""

    def __init__(self, table):
        self.table = tf.constant(table, tf.float32)

    def __call__(self, ids, training=False):
        return tf.gather(self.table, ids)


@pytest.fixture
def pieces(tiny_folder):
    return load_split(tiny_folder, "test", CODEC)


def evaluate(model, codec, pieces, **options):
    measures = evaluation.evaluate(model, codec, evaluation_batches(pieces, codec, **options))
    assert (
        sum(part["tokens"] for part in measures["breakdowns"]["voice"].values())
        == (measures["tokens"])
    )
    return {name: value for name, value in measures.items() if name != "breakdowns"}


def by_hand(table, pieces):
    """Return the nats of each counted token and its voice, one piece after another."""
    nats, voices = [], []
    for start, end in zip(pieces.starts, pieces.ends):
        ids = pieces.ids[start:end]
        for position in range(1, ids.size - 1):  # neither the start nor the end
            logits = table[ids[position - 1]]
            nats.append(np.log(np.exp(logits).sum()) - logits[ids[position]])
            voices.append((position - 1) % 4)
    return np.array(nats), np.array(voices)


def test_a_model_that_knows_nothing_needs_the_log_of_the_vocabulary(pieces):
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    measures = evaluate(Fixed(table), CODEC, pieces)
    assert measures["nll"] == pytest.approx(math.log(CODEC.vocab_size), abs=1e-6)
    assert measures["perplexity"] == pytest.approx(CODEC.vocab_size, rel=1e-5)
    assert measures["accuracy"] == 0.0
    assert measures["tokens"] == sum(pieces.ends - pieces.starts) - 2 * len(pieces)


def test_the_likelihood_is_what_the_formula_gives(pieces):
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    measures = evaluate(Fixed(table), CODEC, pieces)
    nats, voices = by_hand(table, pieces)
    assert measures["nll"] == pytest.approx(nats.mean(), rel=1e-5)
    assert measures["perplexity"] == pytest.approx(math.exp(nats.mean()), rel=1e-4)
    for number, name in enumerate(("soprano", "alto", "tenor", "bass")):
        assert measures[f"nll_{name}"] == pytest.approx(nats[voices == number].mean(), rel=1e-5)


def test_positions_in_a_bar_are_told_apart(pieces):
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    batches = evaluation_batches(pieces, CODEC)
    measures = evaluation.evaluate(Fixed(table), CODEC, batches, positions=16)
    places = np.concatenate([np.arange(n - 2) // 4 % 16 for n in pieces.ends - pieces.starts])
    nats, _ = by_hand(table, pieces)
    expected = [nats[places == place].mean() for place in range(16)]
    np.testing.assert_allclose(measures["nll_by_position"], expected, rtol=1e-5)
    assert measures["bits_per_step"] == pytest.approx(4 * nats.mean() / math.log(2), rel=1e-5)
    lines = evaluation.format_measures(measures).splitlines()
    first, *_, last = (line.split() for line in lines if line.endswith("each step"))
    assert first[:3] == ["quarter", "1", f"{expected[0]:.4f}"]
    assert last[5] == f"{expected[15]:.4f}"


def test_positions_follow_the_metre_and_the_upbeat(tiny_folder, pieces):
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    scores = read_split(tiny_folder, "test")
    assert [(score.time_signature, score.upbeat) for score in scores] == [((4, 4), 0), ((3, 4), 4)]
    measures = evaluation.evaluate(
        Fixed(table), CODEC, evaluation_batches(pieces, CODEC), 16, bars=bars_of(CODEC, scores)
    )
    places = np.concatenate([np.arange(64) // 4, (np.arange(48) // 4 - 4) % 12])
    nats, _ = by_hand(table, pieces)
    expected = [nats[places == place].mean() for place in range(16)]
    np.testing.assert_allclose(measures["nll_by_position"], expected, rtol=1e-5)


def test_bars_are_found_where_none_are_said():
    chords = [(71, 67, 62, 43), *[(72, 64, 60, 48), (72, 69, 65, 41), (71, 67, 62, 43)] * 8]
    score = Score.from_grid(np.repeat(chords, [4, *[8, 4, 12] * 8], axis=0))
    assert list(bars_of(CODEC, [score]).values()) == [(12, 4)]
    melody = MelodyCodec(60, 72, metres=[(3, 4)], upbeats=[0])
    tune = Score.from_grid(score.to_grid()[:, :1])
    assert list(bars_of(melody, [tune]).values()) == [(16, 0)]
    waltz = replace(tune, metres=((0, 3, 4),), upbeat=4)
    inputs = melody.encode(waltz)[None, :-1]
    steps = steps_of_bars(melody, inputs, 16, bars_of(melody, [waltz]))
    assert steps[0, 2:10].tolist() == [8, 9, 10, 11, 0, 1, 2, 3]  # behind the header


def test_the_nats_are_broken_down(pieces):
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    batches = evaluation_batches(pieces, CODEC)
    found = evaluation.evaluate(Fixed(table), CODEC, batches, positions=16)["breakdowns"]
    assert list(found) == ["voice", "step of the bar", "quarter of the bar", "step of the quarter"]
    nats, voices = by_hand(table, pieces)
    steps = np.concatenate([np.arange(n - 2) // 4 for n in pieces.ends - pieces.starts])
    groups = {"voice": voices == 1, "quarter of the bar": steps % 16 // 4 == 1}
    groups |= {"step of the quarter": steps % 4 == 1, "step of the bar": steps % 16 == 1}
    for title, here in groups.items():
        second = list(found[title].values())[1]
        assert second["tokens"] == here.sum()
        assert second["nll"] == pytest.approx(nats[here].mean(), rel=1e-5)
        assert second["share"] == pytest.approx(nats[here].sum() / nats.sum(), rel=1e-5)


def test_tokens_are_grouped_by_any_label(pieces):
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    high = evaluation.Labels("after", ("a low note", "a high note"), lambda ids: ids > 30)
    batches = evaluation_batches(pieces, CODEC)
    tokens = evaluation.measure_tokens(Fixed(table), CODEC, batches, [high])
    nats, _ = by_hand(table, pieces)
    before = np.concatenate(
        [pieces.ids[start : end - 2] for start, end in zip(pieces.starts, pieces.ends)]
    )
    part = tokens.breakdowns()["after"]["a high note"]
    measures = evaluation.evaluate(Fixed(table), CODEC, batches, labels=[high])
    assert measures["breakdowns"]["after"]["a high note"] == part
    assert 0 < part["tokens"] == (before > 30).sum() < len(nats)
    assert part["nll"] == pytest.approx(nats[before > 30].mean(), rel=1e-5)


def test_a_place_where_nothing_stands_has_no_likelihood():
    piece = CODEC.encode(Score.from_grid([[67, 62, 59, 43]]))
    batches = evaluation_batches(Pieces.from_arrays([piece]), CODEC)
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    places = evaluation.evaluate(Fixed(table), CODEC, batches, positions=2)["nll_by_position"]
    np.testing.assert_allclose(places, [math.log(CODEC.vocab_size), np.nan], rtol=1e-6)


def test_split_windows_measure_every_voice(tiny_folder):
    pieces = load_split(tiny_folder, "train", CODEC)
    windowing = Windowing(window=4, stride=4, batch_size=2)
    numbers = split_windows(pieces, CODEC, windowing, seed=0)["train"]
    batches = last_step_batches(pieces, CODEC, windowing, numbers)
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    measures = evaluation.evaluate(Fixed(table), CODEC, batches)
    for name in ("soprano", "alto", "tenor", "bass"):
        assert measures[f"nll_{name}"] == pytest.approx(math.log(CODEC.vocab_size), rel=1e-5)
    assert measures["tokens"] % 4 == 0


def test_a_voice_of_which_nothing_is_measured_has_no_likelihood_and_no_warning(pieces):
    inputs, targets, weights = next(iter(evaluation_batches(pieces, CODEC)))
    only_bass = weights.numpy() * (np.arange(weights.shape[1]) % 4 == 3)
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    batch = (inputs, targets, tf.constant(only_bass, tf.float32))
    measures = evaluation.evaluate(Fixed(table), CODEC, [batch])
    assert math.isnan(measures["nll_soprano"])
    assert measures["nll_bass"] == pytest.approx(math.log(CODEC.vocab_size), rel=1e-5)


def test_accuracy_counts_the_most_probable_id(pieces):
    # After each id this model expects the one that follows it first in the pieces.
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    expected, hits = {}, 0
    for start, end in zip(pieces.starts, pieces.ends):
        ids = pieces.ids[start:end].tolist()
        for before, after in itertools.pairwise(ids[:-1]):
            hits += expected.setdefault(before, after) == after
    for before, after in expected.items():
        table[before, after] = 5
    measures = evaluate(Fixed(table), CODEC, pieces)
    assert measures["accuracy"] == pytest.approx(hits / measures["tokens"])


def test_it_agrees_with_the_validation_of_training(trained_run, tiny_folder):
    measures = evaluate(
        trained_run.model, trained_run.codec, load_split(tiny_folder, "valid", trained_run.codec)
    )
    history = (trained_run.folder / runs.HISTORY).read_text().splitlines()
    best = min(float(row.split(",")[-1]) for row in history[1:])
    assert measures["nll"] == pytest.approx(best, abs=1e-5)


def test_padding_does_not_change_the_likelihood(trained_run, tiny_folder):
    pieces = load_split(tiny_folder, "train", trained_run.codec)
    together = evaluate(trained_run.model, trained_run.codec, pieces)
    alone = [
        evaluate(trained_run.model, trained_run.codec, Pieces.from_arrays([pieces.ids[start:end]]))
        for start, end in zip(pieces.starts, pieces.ends)
    ]
    nats = sum(each["nll"] * each["tokens"] for each in alone)
    assert together["nll"] == pytest.approx(nats / together["tokens"], rel=1e-5)


@pytest.mark.parametrize("context", [2, 3, 6, 40])
def test_windows_count_each_token_once(pieces, context):
    # This model sees one id, so that the context makes no difference to it.
    table = np.random.default_rng(0).normal(size=(CODEC.vocab_size, CODEC.vocab_size))
    whole = evaluate(Fixed(table), CODEC, pieces)
    windowed = evaluate(Fixed(table), CODEC, pieces, context=context, batch_size=3)
    assert windowed == pytest.approx(whole, rel=1e-5)


def test_windows_leave_half_the_context_before_each_token(pieces):
    for inputs, _, weights in evaluation_batches(pieces, CODEC, 64, context=4):
        assert inputs.shape[1] <= 4 * 4
        for ids, counted in zip(inputs.numpy(), weights.numpy() > 0):
            if ids[0] != CODEC.START:
                assert not counted[: 2 * 4].any()


def test_the_ngrams_beside_are_measured_on_the_same_tokens(trained_run, tiny_folder):
    ngrams = evaluation.evaluate_ngrams(trained_run, tiny_folder, "valid")
    assert set(ngrams) == set(evaluation.ORDERS)
    measures = evaluation.evaluate_run(trained_run, tiny_folder, "valid")
    for each in ngrams.values():
        assert each["tokens"] == measures["tokens"]
        assert 0 < each["nll"] < math.log(CODEC.vocab_size) + 1


def test_nothing_to_measure():
    ids = np.array([CODEC.START, CODEC.END])
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    with pytest.raises(ValueError, match="at least one note or silence"):
        evaluate(Fixed(table), CODEC, Pieces.from_arrays([ids]))


def test_the_canonical_test_split_has_75600_tokens(real_data, home, tmp_path):
    from bach_tf.corpora import CORPORA

    folder = CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz")
    table = np.zeros((CODEC.vocab_size, CODEC.vocab_size))
    sizes = {}
    for split in ("train", "valid", "test"):
        measures = evaluate(Fixed(table), CODEC, load_split(folder, split, CODEC))
        sizes[split] = measures["tokens"]
    assert sizes == {"train": 220_912, "valid": 73_632, "test": 75_600}


def test_the_command_prints_the_measures(trained_run, tiny_csvs, home, capsys):
    arguments = ["--run", str(trained_run.folder), "--corpus", "folder"]
    assert main([*arguments, "--data-dir", str(tiny_csvs), "--split", "valid"]) == 0
    out = capsys.readouterr().out
    assert "valid split, whole pieces, not transposed" in out
    names = ("nll ", "perplexity", "accuracy", "tokens", "soprano", "bass", "quarter of the bar")
    for name in (*names, "order-0 n-gram", "order-3 n-gram"):
        assert f"\n{name}" in out


def test_programs_read_the_measures_as_json(trained_run, tiny_csvs, home, capsys):
    arguments = ["--run", trained_run.folder, "--corpus", "folder", "--data-dir", tiny_csvs]
    assert main([*arguments, "--split", "valid", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == [
        "run", "recipe", "corpus", "split", "measured", "measures", "ngrams"
    ]  # fmt: skip
    assert (record["run"], record["split"]) == (str(trained_run.folder), "valid")
    assert record["measures"]["nll"] > 0
    assert list(record["ngrams"]) == ["0", "3", "7"]
    assert main([*arguments, "--generated", "2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record["columns"]) == ["generated", "train", "valid", "test"]
    assert record["columns"]["generated"]["pieces"] == 2
    assert record["columns"]["generated"]["grade_median"] > 0
    assert record["telling"] == {}  # of two pieces nothing can be said


def test_the_command_says_what_is_wrong(trained_run, tmp_path, capsys):
    assert main(["--run", str(tmp_path)]) == 2
    assert "Expected a run folder" in capsys.readouterr().err
    assert main(["--run", str(trained_run.folder), "--corpus", "jbs"]) == 2
    assert "Unknown corpus 'jbs'. Choose from: cello, chorales" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--generated", "-1", "expected a whole number in 1..10000, got: -1"),
        ("--generated", "99999999", "expected a whole number in 1..10000, got: 99999999"),
        ("--temperature", "nan", "expected a number in 0..100, got: nan"),
        ("--seed", "-1", "expected a whole number in 0..2147483647, got: -1"),
        ("--split", "foo", "invalid choice: 'foo' (choose from 'train', 'valid', 'test')"),
    ],
)
def test_a_value_that_cannot_be_is_refused(option, value, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main([option, value])
    assert stop.value.code == 2
    assert f"argument {option}: {message}\n" in capsys.readouterr().err


def test_new_pieces_stand_beside_those_of_the_corpus(trained_run, tiny_csvs, home, capsys):
    arguments = ["--run", str(trained_run.folder), "--corpus", "folder"]
    arguments += ["--data-dir", str(tiny_csvs), "--generated", "3", "--temperature", "2"]
    assert main(arguments) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[-4:] == ["generated", "train", "valid", "test"]
    assert any("fifths" in row for row in rows)
    (pieces,) = (row.split() for row in rows if row.startswith("pieces"))
    assert pieces[-4:] == ["3", "3", "2", "2"]


def test_only_four_voices_are_compared(trained_run, tiny_folder):
    other = replace(trained_run, codec=CODECS["melody"].fit([Score.from_grid([[60]])]))
    with pytest.raises(ValueError, match="Expected a run that writes four voices"):
        evaluation.compare_generated(other, tiny_folder, 2)


def test_tokens_are_grouped_by_what_a_memory_knows_of_them():
    numbers = np.random.default_rng(0)
    pieces = [numbers.integers(4, 40, (12, 4)).astype(np.int32) for _ in range(2)]
    labels = evaluation.memory_labels(Memory(pieces).to_text())
    assert labels.names == ("0", "1 to 3", "4 to 7", "8 or more")
    other = numbers.integers(4, 40, (12, 4)).astype(np.int32)
    ids = np.stack([np.append([SatbCodec.START], steps) for steps in (pieces[0], other)])
    groups = labels.of(ids)
    assert groups.shape == ids.shape  # of the targets, the last of which is the end
    assert groups[0, :4].max() <= 1  # of a first step nothing is known but that it is one
    assert (groups[0, 40:48] == 3).all()
    assert groups[1, 8:48].max() <= 1
