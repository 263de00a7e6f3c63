"""The particle filter, against exact enumeration and with real models."""

from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bach_tf.codecs import MelodyCodec, SatbCodec
from bach_tf.composing import particles
from bach_tf.composing.given import Given
from bach_tf.composing.given_tokens import ANY, BEGINS, FREE, HOLDS, GivenTokens
from bach_tf.composing.particle_loop import effective_share, systematic
from bach_tf.composing.particles import ParticleSampler
from bach_tf.composing.sampling import Sampler
from bach_tf.learning.runs import build_model
from bach_tf.measuring.likelihood import Scorer
from bach_tf.models import MODELS
from bach_tf.models.cpu import caches
from bach_tf.models.memory import Memory
from bach_tf.recipes import PRESETS, changed
from bach_tf.score import Score

CODEC = SatbCodec(60, 61, order=[0, 3, 1, 2])  # pad, start, end, silence, and two pitches
MUSIC = [CODEC.SILENT, CODEC.FIRST_PITCH, CODEC.FIRST_PITCH + 1]


class Markov:
    """A model whose logits are those of a table, by the last id and the voice."""

    def __init__(self, codec, seed=0, scale=1.5):
        self.table = np.random.default_rng(seed).normal(
            scale=scale, size=(codec.vocab_size, len(codec.may_follow), codec.vocab_size)
        )
        self.tensor = tf.constant(self.table, tf.float32)

    def initial_state(self, batch):
        # What has no row of its own for each piece is no state of particles.
        return {"read": tf.zeros([batch], tf.int32), "table": self.tensor}

    def step(self, ids, state):
        voice = state["read"] % self.table.shape[1]
        logits = tf.gather_nd(state["table"], tf.stack([ids, voice], axis=1))
        return logits, {**state, "read": state["read"] + 1}


MODEL = Markov(CODEC)
PLAIN = ParticleSampler(MODEL, CODEC)


def enumerated(given, temperature=1.0):
    """Return all pieces that keep to what is given, their probabilities, and the sum of them."""
    constraints = given.constraints(CODEC)
    found, chances = [], []
    for piece in product(MUSIC, repeat=4 * given.length):
        last = [0] * 4 + list(piece)
        linked = all(
            {BEGINS: token != before, HOLDS: token == before}.get(link, True)
            for token, before, link in zip(piece, last, constraints.links)
        )
        if not linked or not constraints.allowed[np.arange(len(piece)), list(piece)].all():
            continue
        tokens = [*piece, CODEC.END] if given.ends else piece
        chance, before = 1.0, CODEC.START
        for place, token in enumerate(tokens):
            base = CODEC.may_follow[place % 4].copy()
            base[CODEC.END] &= given.ends and place > 0
            weights = np.where(base, np.exp(MODEL.table[before, place % 4] / temperature), 0)
            chance *= weights[token] / weights.sum()
            before = token
        found.append(piece)
        chances.append(chance)
    total = sum(chances)
    return np.array(found), np.array(chances) / total, total


def cells(rows, onsets=ANY, ends=False):
    return Given.from_grid(rows, onsets=onsets, ends=ends)


ALTO_AND_BASS = cells([[None, 60, None, None], [None, None, None, 61]])
MELODY_AND_END = cells([[60, None, None, None], [61, None, None, None]], ends=True)
ONSETS = cells(
    [[None, None, 0, None], [None, 61, None, None]],
    onsets=[[BEGINS, 0, 0, 0], [BEGINS, BEGINS, 0, HOLDS]],
    ends=True,
)
NOTHING = Given.nothing(2)
MASKS = {"alto and bass": ALTO_AND_BASS, "melody": MELODY_AND_END, "onsets": ONSETS}


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(particles, "ROWS_AT_ONCE", 1 << 20)


def chi_squared(pieces, mask, temperature=1.0):
    """Return how far the pieces are from the exact distribution, and degrees of freedom."""
    exact, chances, _ = enumerated(mask, temperature)
    numbers = {tuple(piece): number for number, piece in enumerate(exact)}
    counts = np.zeros(len(exact))
    for piece in pieces:
        counts[numbers[tuple(piece)]] += 1
    # Pieces that are too rare to be counted are counted together.
    wanted = len(pieces) * chances
    often = wanted >= 8
    counts = np.append(counts[often], counts[~often].sum())
    wanted = np.append(wanted[often], max(wanted[~often].sum(), 1e-9))
    return ((counts - wanted) ** 2 / wanted).sum(), often.sum()


@pytest.mark.parametrize("temperature", [0.7, 1.0])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_pieces_follow_the_model_given_what_is_given(mask, temperature, at_once):
    found = PLAIN.sample(mask, seed=1, particles=64, num_outputs=3000, temperature=temperature)
    pieces = found.pieces(found.drawn)[:, 1 : 1 + 4 * mask.length]
    value, freedom = chi_squared(pieces, mask, temperature)
    # Its mean is `freedom`, its deviation the root of twice that.
    assert freedom > 5
    assert value < freedom + 5 * np.sqrt(2 * freedom)


def test_the_test_would_find_greedy_forcing(at_once):
    # One particle writes forward and knows nothing of the notes to come.
    found = PLAIN.sample(ALTO_AND_BASS, seed=1, particles=1, num_outputs=3000)
    value, freedom = chi_squared(found.ids[:, 0, 1:9], ALTO_AND_BASS)
    assert value > freedom + 20 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_the_estimate_of_the_likelihood_is_unbiased(mask, at_once):
    _, _, exact = enumerated(mask)
    found = PLAIN.sample(mask, seed=2, particles=5, num_outputs=4000)
    estimates = np.exp(found.log_likelihood_given.astype(float))
    error = estimates.std() / np.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error
    assert error < 0.05 * exact


def test_with_nothing_given_pieces_are_those_of_the_plain_sampler(at_once):
    found = PLAIN.sample(NOTHING, seed=3, particles=2, num_outputs=3000)
    plain = Sampler(MODEL, CODEC).sample(
        [CODEC.START], length=8, temperature=1.0, seed=3, num_outputs=3000, min_length=8
    )
    for pieces in (found.pieces(found.drawn)[:, 1:], plain[:, 1:]):
        value, freedom = chi_squared(pieces, NOTHING)
        assert value < freedom + 5 * np.sqrt(2 * freedom)
    np.testing.assert_allclose(np.exp(found.log_weights), 0.5, atol=1e-6)
    np.testing.assert_allclose(found.log_likelihood_given, 0.0, atol=1e-5)


WIDE = SatbCodec(57, 64)
SAMPLER = ParticleSampler(Markov(WIDE, seed=4), WIDE, ["parallels", "crossing", "dissonance"])


@settings(max_examples=30)
@given(data=st.data())
def test_what_is_given_is_kept_to_the_note(data):
    steps = data.draw(st.integers(1, 6))
    pitches = st.sampled_from([0, *range(57, 65)])
    grid = np.array(data.draw(st.lists(pitches, min_size=4 * steps, max_size=4 * steps)))
    grid = grid.reshape(steps, 4)
    numbers = np.random.default_rng(data.draw(st.integers(0, 999)))
    kept, told = numbers.random((2, *grid.shape)) < data.draw(st.sampled_from([0.1, 0.5, 0.9]))
    held = grid == np.vstack([grid[:1] + 1, grid[:-1]])
    onsets = np.where(told, np.where(held, HOLDS, np.where(grid > 0, BEGINS, 0)), 0)
    mask = Given(np.where(kept, grid, FREE), onsets, ends=data.draw(st.booleans()))
    found = SAMPLER.sample(
        mask,
        seed=data.draw(st.integers(0, 99)),
        particles=data.draw(st.integers(1, 5)),
        temperature=data.draw(st.sampled_from([0.0, 1e-30, 0.3, 1.0, 2.0])),
    )
    assert np.isfinite(found.log_likelihood_given).all()
    for ids in found.ids[0]:
        piece = WIDE.decode(ids[1:]).to_grid(4)
        assert len(piece) == steps
        assert (ids[-1] == WIDE.END) == mask.ends
        assert (piece[kept] == grid[kept]).all()
        same = piece == np.vstack([piece[:1] + 1, piece[:-1]])
        assert same[onsets == HOLDS].all()
        assert not same[onsets == BEGINS].any()
        assert (piece[onsets == BEGINS] > 0).all()


def test_seeds_repeat_and_versions_depend_on_seed_and_number_alone():
    mask = Given.from_grid([[60, None, None, None], [62, None, None, 57]] * 5, ends=True)
    three, same, other = (
        SAMPLER.sample(mask, seed=seed, particles=8, num_outputs=3) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(three.ids, same.ids)
    np.testing.assert_array_equal(three.log_weights, same.log_weights)
    assert not np.array_equal(three.ids, other.ids)
    for number in range(3):
        one = SAMPLER.sample(mask, seed=5, particles=8, first=number)
        np.testing.assert_array_equal(one.ids[0], three.ids[number])
        assert one.drawn[0] == three.drawn[number]
    assert len({piece.tobytes() for piece in three.pieces(three.drawn)}) == 3


def test_many_versions_are_written_some_at_a_time(monkeypatch):
    mask = Given.from_grid([[60, None, None, None]] * 4)
    whole = SAMPLER.sample(mask, seed=5, particles=4, num_outputs=5)
    monkeypatch.setattr(particles, "ROWS_AT_ONCE", 8)
    np.testing.assert_array_equal(
        SAMPLER.sample(mask, seed=5, particles=4, num_outputs=5).ids, whole.ids
    )


def test_it_is_compiled_once_for_one_version():
    traces = []

    class Counted(Markov):
        def step(self, ids, state):
            traces.append(1)
            return super().step(ids, state)

    sampler = ParticleSampler(Counted(WIDE), WIDE)
    for steps, number in ((3, 2), (5, 7)):
        sampler.sample(Given.nothing(steps, ends=True), seed=number, particles=number)
    assert len(traces) == 1


def test_systematic_resampling_takes_each_particle_as_often_as_it_weighs():
    weights = tf.constant([[0.1, 0.4, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]])
    for chance in (0.0, 0.3, 0.999999):
        drawn = systematic(weights, tf.fill([2], chance)).numpy()
        counts = np.stack([np.bincount(row, minlength=4) for row in drawn])
        assert (np.abs(counts - 4 * weights.numpy()) < 1).all()
    assert effective_share(tf.math.log(weights)).numpy() == pytest.approx([1 / 1.18, 0.25], 1e-5)


TINY = changed(
    PRESETS["chorale"],
    model={**PRESETS["chorale"].model.settings, **MODELS["chorale"].tiny, "lags": 2, "context": 8},
)
CHORALE_CODEC = SatbCodec(40, 79, order=[0, 3, 1, 2])
PIECE = [[67, 62, 59, 43]] * 4 + [[69, 62, 57, 50]] * 2 + [[71, 62, 55, 55]] * 6


@pytest.fixture(scope="module")
def chorale():
    piece = CHORALE_CODEC.encode(Score.from_grid(PIECE))[1:-1].reshape(-1, 4)
    memory = Memory([piece]).to_text()
    return build_model(changed(TINY, seed=1), CHORALE_CODEC, memory)


@pytest.fixture(scope="module")
def harmoniser(chorale):
    rules = ["parallels", "crossing", "spacing", "range", "cadence"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caches, "ROOM", 3)  # they grow, and a piece is longer than the context
        yield ParticleSampler(chorale, CHORALE_CODEC, rules)


def test_a_chorale_is_harmonised_and_measured(chorale, harmoniser):
    found = harmoniser.sample(Given.of(Score.from_grid(PIECE), ["soprano"]), seed=1, particles=6)
    assert found.ids.shape == (1, 6, 1 + 4 * 12 + 1)
    assert found.interventions.any()
    scorer = Scorer(chorale, CHORALE_CODEC)
    for ids, nats in zip(found.ids[0], found.log_likelihoods[0]):
        piece = CHORALE_CODEC.decode(ids[1:])
        assert piece.to_grid(4)[:, 0].tolist() == [row[0] for row in PIECE]
        assert scorer.score(piece).total == pytest.approx(nats, abs=2e-3)


def test_what_stands_behind_a_gap_weighs(harmoniser):
    given = Given.rewrite(Score.from_grid(PIECE), 2, 5)
    found = harmoniser.sample(given, seed=1, particles=16)
    grids = [CHORALE_CODEC.decode(ids[1:]).to_grid(4) for ids in found.ids[0]]
    for grid in grids:
        assert grid[:2].tolist() == PIECE[:2]
        assert grid[5:].tolist() == PIECE[5:]
    assert found.log_weights.std() > 0.01
    assert len({grid.tobytes() for grid in grids}) > 1


@pytest.mark.parametrize("name", ["lstm", "transformer", "wavenet"])
def test_any_model_takes_given_notes(name):
    preset = changed(PRESETS["gru"], architecture=name, model=MODELS[name].tiny)
    model = build_model(changed(preset, seed=1), CHORALE_CODEC)
    found = ParticleSampler(model, CHORALE_CODEC).sample(
        Given.rewrite(Score.from_grid(PIECE), 2, 9), seed=1, particles=12
    )
    scorer = Scorer(model, CHORALE_CODEC)
    for ids, nats in zip(found.ids[0], found.log_likelihoods[0]):
        piece = CHORALE_CODEC.decode(ids[1:])
        grid = piece.to_grid(4).tolist()
        assert grid[:2] + grid[9:] == PIECE[:2] + PIECE[9:]
        assert scorer.score(piece).total == pytest.approx(nats, abs=2e-3)
    assert np.ptp(found.log_weights) > 1e-4  # fresh weights: all notes are nearly alike


def test_a_melody_keeps_its_tokens():
    codec = MelodyCodec(60, 67, metres=[(4, 4), (3, 4)], upbeats=[0, 4])
    tune = Score.from_grid([[60], [60], [62], [64], [65], [64]], metres=[(0, 3, 4)])
    given = GivenTokens.rewrite(codec, tune, 2, 5)
    found = ParticleSampler(Markov(codec), codec).sample(given, seed=1, particles=8)
    for ids in found.ids[0]:
        ids = ids[1:]
        kept = given.ids != FREE
        assert (ids[:-1][kept] == given.ids[kept]).all()
        assert ids[-1] == codec.END
        assert codec.may_follow[0, ids[:-1][~kept]].all()
    assert found.log_weights.std() > 0.01


def test_free_notes_keep_to_ranges_and_given_ones_need_not():
    mask = Given.from_grid([[57, None, None, None]] * 12)
    found = ParticleSampler(Markov(WIDE), WIDE).sample(
        mask, seed=1, particles=4, ranges={"alto": (60, 61), "soprano": (63, 64)}
    )
    for ids in found.ids[0]:
        grid = WIDE.decode(ids[1:]).to_grid(4)
        assert (grid[:, 0] == 57).all()
        assert set(grid[:, 1]) <= {0, 60, 61}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "`temperature` must be a number"),
        ({"particles": 0}, "at least one version of 1..1024 particles.*`particles` 0"),
        ({"particles": 2000}, "`particles` 2000"),
        ({"num_outputs": 0}, "`num_outputs` 0"),
        ({"key": 12}, "`key` must be a pitch class in 0..11. Received: 12"),
        ({"ranges": {"alto": (70, 60)}}, "a range with notes of the run, 57..64.*70..60 .alto."),
        ({"ranges": {"altus": (50, 60)}}, "Unknown voice 'altus'"),
    ],
)
def test_sampling_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        SAMPLER.sample(Given.nothing(2), **{"seed": 0, **options})


def test_ranges_are_those_of_four_voices():
    codec = MelodyCodec(60, 67)
    with pytest.raises(ValueError, match="Ranges are those of four voices"):
        ParticleSampler(Markov(codec), codec).sample(
            GivenTokens([FREE, FREE]), seed=0, ranges={"alto": (60, 61)}
        )
