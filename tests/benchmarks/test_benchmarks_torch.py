"""The models in PyTorch are the same as ours: with the same weights they give the same logits."""

import keras
import numpy as np
import pytest

from bach_tf.codecs import SatbCodec
from bach_tf.models import Chorale, ConvLSTM
from bach_tf.recipes import PRESETS

torch = pytest.importorskip("torch")

from benchmarks import torch_chorale, torch_models  # noqa: E402 - they need PyTorch

CODEC = SatbCodec(lowest=55, highest=70)
CHORALE = {
    "layers": 2,
    "units": 16,
    "heads": 2,
    "feed_forward": 24,
    "context": 64,
    "decoder": 16,
    "embedding": 8,
    "period": 24,
    "lags": 6,
}


def filled(model, seed=0):
    """Return the model with random weights: some begin as zeros, which would test nothing."""
    model(np.zeros((1, 8), np.int32))
    numbers = np.random.default_rng(seed)
    for variable in model.weights:
        if not np.issubdtype(variable.dtype, np.floating):
            continue
        low = 0.1 if "variance" in variable.name else -0.5
        variable.assign(numbers.uniform(low, 0.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def chorale():
    model = filled(Chorale(CODEC.vocab_size, **CHORALE))
    return model, torch_chorale.chorale_of(model)


def random_ids(batch, length, lowest=1, highest=CODEC.vocab_size):
    return np.random.default_rng(length).integers(lowest, highest, (batch, length), np.int32)


def repeating_ids():
    """Return two windows with held notes, a passage that comes again, a start and padding."""
    steps = np.repeat(random_ids(2, 48).reshape(2, 12, 4), 2, axis=1)  # (2, 24, 4)
    steps[:, 12:18] = steps[:, 4:10]  # all voices as two beats before
    steps[:, 20:24, 1:] = steps[:, 4:8, 1:]  # all but the soprano as four beats before
    ids = np.concatenate([np.full((2, 1), CODEC.START, np.int32), steps.reshape(2, -1)], axis=1)
    ids[1, -10:] = 0
    return ids


def both_logits(model, twin, ids):
    with torch.inference_mode():
        theirs = twin(torch.from_numpy(ids).long()).numpy()
    return keras.ops.convert_to_numpy(model(ids, training=False)), theirs


@pytest.mark.parametrize("length", [1, 2, 4, 7, 32, 61, 256])
def test_the_chorale_model_in_pytorch_is_the_same(chorale, length):
    ours, theirs = both_logits(*chorale, random_ids(3, length))
    assert ours.shape == theirs.shape == (3, length, CODEC.vocab_size)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_the_chorale_model_in_pytorch_counts_the_same_repeats(chorale):
    ids = repeating_ids()
    ours, theirs = both_logits(*chorale, ids)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    chords = torch.from_numpy(ids[:, 1:]).long().unflatten(1, (-1, 4))
    proposed, lengths, lags = torch_chorale.propose(chords, CHORALE["lags"])
    # Five steps have been as two beats before; the sixth is proposed to all voices.
    assert lengths[0, 17].tolist() == [[5, 5]] * 4
    assert lags[0, 17].tolist() == [[1, 1]] * 4
    assert proposed[0, 17].tolist() == [[note, note] for note in chords[0, 9].tolist()]


def test_long_holds_count_the_same(chorale):
    ids = np.repeat(random_ids(2, 4, lowest=CODEC.FIRST_PITCH)[:, None], 40, axis=1).reshape(2, -1)
    ours, theirs = both_logits(*chorale, ids)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_the_chorale_model_in_pytorch_multiplies_in_bfloat16_where_it_is_told_to(chorale):
    ids = torch.from_numpy(repeating_ids()).long()
    _, twin = chorale
    with torch.inference_mode():
        expected = twin(ids)
        with torch.autocast("cpu", torch.bfloat16):
            logits = twin(ids)
    assert logits.dtype == torch.float32
    assert 0 < (logits - expected).abs().max() < 0.2


def test_the_wavenet_in_pytorch_is_the_same():
    model = filled(ConvLSTM(CODEC.vocab_size, embedding=5, filters=[8, 6], units=12))
    ours, theirs = both_logits(model, torch_models.conv_lstm_of(model), random_ids(3, 21))
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


@pytest.mark.parametrize("name", ["chorale", "folk", "gru", "transformer", "wavenet"])
def test_a_twin_learns(name):
    preset = PRESETS[name]
    twin = torch_models.twin_of(preset.model.architecture, CODEC.vocab_size, preset.model.settings)
    before = [weight.detach().clone() for weight in twin.parameters()]
    torch_models.make_training(twin, random_ids(1, 13))(1)
    changed = [not torch.equal(*pair) for pair in zip(before, twin.parameters())]
    assert all(changed)


def test_an_architecture_without_a_twin():
    with pytest.raises(
        ValueError, match=r"Unknown architecture 'gird'\. Choose from: chorale, gru, lstm"
    ):
        torch_models.twin_of("gird", CODEC.vocab_size, {})
