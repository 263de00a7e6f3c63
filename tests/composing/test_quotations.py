"""Long passages out of the training split are drawn again."""

from types import SimpleNamespace

import numpy as np
import pytest

from bach_tf.codecs import SatbCodec
from bach_tf.composing.generation import generate_batches
from bach_tf.composing.options import OPTIONS, check_quotation, harmonizing_options
from bach_tf.composing.quotations import LONGEST, Quotations
from bach_tf.measuring.counterpoint.copies import find_copies
from bach_tf.recipes import PRESETS

CODEC = SatbCodec(48, 76)
RULES = ["quotation"]


def random_steps(seed, steps):
    """Return ids `(T, 4)` that move at every second step."""
    ids = np.random.default_rng(seed).integers(CODEC.FIRST_PITCH, CODEC.vocab_size - 4, (steps, 4))
    return np.repeat(ids, 2, axis=0)[:steps]


@pytest.mark.parametrize(("steps", "expected"), [(LONGEST, False), (LONGEST + 1, True)])
@pytest.mark.parametrize("shift", [0, 3])
def test_a_passage_of_over_two_bars_is_found_in_any_key(steps, expected, shift):
    training = [random_steps(1, 50), random_steps(2, 80)]
    piece = random_steps(3, 100)
    piece[20 : 20 + steps] = training[1][31 : 31 + steps] + shift
    assert Quotations(training).found_in(piece) is expected
    copied = find_copies([piece], training)
    assert (copied.steps[0] > LONGEST) is np.bool_(expected)


def test_three_of_the_voices_are_no_quotation():
    training = random_steps(1, 80)
    piece = training.copy()
    piece[:, 2] = random_steps(2, 80)[:, 2]
    assert not Quotations([training]).found_in(piece)


def test_a_rest_is_quoted_as_a_rest():
    training = random_steps(1, 60)
    training[28:32, 0] = CODEC.SILENT
    assert Quotations([training]).found_in(training + np.where(training > CODEC.SILENT, 2, 0))
    assert not Quotations([training]).found_in(np.where(training > CODEC.SILENT, training, 9))


class Repeats:
    """In place of a sampler: one piece for each seed."""

    def __init__(self, pieces):
        self.pieces, self.seeds = pieces, []

    def sample(self, prompt, *, seed, num_outputs, first, **_):
        self.seeds.append(seed)
        chosen = self.pieces[min(len(self.seeds), len(self.pieces)) - 1]
        ids = np.concatenate([[CODEC.START], chosen.reshape(-1), [CODEC.END]])
        return np.repeat(ids[None], num_outputs, axis=0).astype(np.int32)


def written(memory, pieces, *, num_outputs=1, **how):
    sampler = Repeats(pieces)
    model = SimpleNamespace(memory=SimpleNamespace(pieces=memory))
    batches = generate_batches(
        SimpleNamespace(codec=CODEC, model=model), length=60, seed=5, num_outputs=num_outputs,
        sampler=sampler, **{"temperature": 1.0, "rules": RULES, **how},
    )  # fmt: skip
    (batch,) = batches
    return batch[:, 1:241].reshape(len(batch), -1, 4), sampler.seeds


def test_a_piece_that_quotes_is_drawn_again():
    known, new = random_steps(1, 60), random_steps(2, 60)
    batch, seeds = written([known], [known, known, new], num_outputs=2)
    assert (batch == new).all()
    assert len(set(seeds)) >= 3


def test_one_that_always_quotes_stays_as_it_was():
    known = random_steps(1, 60)
    batch, seeds = written([known], [known])
    assert (batch[0] == known).all()
    assert 1 < len(seeds) < 20


@pytest.mark.parametrize(
    "how", [{"rules": []}, {"temperature": 0.0}, {"prompt": "all"}], ids=["off", "greedy", "primer"]
)
def test_pieces_are_left_alone_without_the_rule_greedily_and_where_the_primer_quotes(how):
    known = random_steps(1, 60)
    if how.get("prompt"):
        how = {"prompt": np.concatenate([[CODEC.START], known[:40].reshape(-1)])}
    _, seeds = written([known], [known], **how)
    assert seeds == [5]


def test_the_rule_is_refused_where_it_would_do_nothing():
    with pytest.raises(ValueError, match=r"The rule quotation compares .* without a memory"):
        check_quotation(PRESETS["gru"], "parallels, quotation")
    for asked in (None, "none", "parallels"):  # a preset's own rule is ignored
        check_quotation(PRESETS["gru"], asked)
    check_quotation(PRESETS["chorale"], "quotation")
    asked = dict.fromkeys(OPTIONS) | {"rules": "quotation", "range": None}
    with pytest.raises(ValueError, match="The rule quotation applies to new pieces only"):
        harmonizing_options(PRESETS["chorale"].music, CODEC, asked)
    options = harmonizing_options(PRESETS["chorale"].music, CODEC, {**asked, "rules": None})
    assert "quotation" not in options["rules"]
