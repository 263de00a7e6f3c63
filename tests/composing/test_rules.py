"""Rules of four-part writing in sampling."""

import numpy as np
import pytest
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.composing import rules as rules_of_writing
from bach_tf.composing.options import OPTIONS, rules_of
from bach_tf.composing.rules import ENOUGH, LONGEST_CHORD, Rules
from bach_tf.composing.sampling import Sampler
from bach_tf.measuring.counterpoint.voice_leading import (
    FIFTH,
    crossings,
    longest_chord,
    parallels,
    wide_spacings,
)
from bach_tf.recipes import PRESETS

CODEC = SatbCodec(48, 76)
SBAT = SatbCodec(48, 76, order=[0, 3, 1, 2])


class Likes:
    """A model of the same logits for every note."""

    def __init__(self, logits):
        self.logits = tf.constant(logits, tf.float32)

    def initial_state(self, batch):
        return tf.zeros([batch])

    def step(self, ids, state):
        return tf.repeat(self.logits[None], tf.size(ids), axis=0), state


def pieces(codec, rules, logits=None, temperature=1.0, steps=120, number=4):
    logits = np.zeros(codec.vocab_size) if logits is None else logits
    sampler = Sampler(Likes(logits), codec, rules)
    ids = sampler.sample(
        [codec.START], length=4 * steps, temperature=temperature, seed=0,
        num_outputs=number, min_length=4 * steps,
    )  # fmt: skip
    return [codec.decode(piece[1:]).to_grid(4) for piece in ids]


@pytest.mark.parametrize("codec", [CODEC, SBAT], ids=["SATB", "SBAT"])
def test_each_rule_is_kept(codec):
    free = pieces(codec, [])
    kept = pieces(codec, ["parallels", "crossing", "spacing"])
    for broken in (
        lambda grid: parallels(grid, FIFTH).sum() + parallels(grid, 12).sum(),
        lambda grid: crossings(grid).sum(),
        lambda grid: wide_spacings(grid).sum(),
    ):
        assert sum(map(broken, free)) > 10
    # Where a voice has to fit between others, crossing and spacing leave too little now and then.
    assert sum(parallels(grid, FIFTH).sum() + parallels(grid, 12).sum() for grid in kept) <= 2
    assert sum(crossings(grid).sum() for grid in kept) < 0.1 * sum(
        crossings(grid).sum() for grid in free
    )


def test_a_rule_gives_way_where_too_little_remains():
    logits = np.full(CODEC.vocab_size, -20.0)
    logits[CODEC.FIRST_PITCH + 12] = 0.0  # the only likely pitch
    rules = Rules(CODEC, ["crossing"])
    recent = tf.constant([[0, 0, 0, 0, 0, 0, 0, 10]])  # a low soprano, below the likely alto
    allowed = tf.ones([CODEC.vocab_size], bool)
    state = (recent, tf.zeros([1], tf.int32), tf.zeros([1, 12]))
    weighed = rules.weigh(
        tf.constant(logits[None], tf.float32), allowed, tf.constant(1), tf.constant(99), state
    )
    assert np.isfinite(weighed[0, CODEC.FIRST_PITCH + 12])
    logits[CODEC.FIRST_PITCH] = np.log(2 * ENOUGH)  # now there is another one
    weighed = rules.weigh(
        tf.constant(logits[None], tf.float32), allowed, tf.constant(1), tf.constant(99), state
    )
    assert np.isneginf(weighed[0, CODEC.FIRST_PITCH + 12])


@pytest.mark.parametrize("temperature", [0.0, 0.4, 1.2])
def test_no_chord_is_held_for_over_two_bars(temperature):
    logits = np.zeros(CODEC.vocab_size)
    logits[CODEC.FIRST_PITCH + 9] = 12.0
    number = 1 if temperature == 0 else 3
    held = pieces(CODEC, [], logits, temperature, 120, number)
    assert max(map(longest_chord, held)) > LONGEST_CHORD
    moving = pieces(CODEC, ["motion"], logits, temperature, 120, number)
    assert max(map(longest_chord, moving)) <= LONGEST_CHORD


@pytest.mark.parametrize(
    ("chord", "held", "scale", "ends"),
    [
        ((72, 67, 64, 48), 4, "C", True),
        ((72, 67, 60, 48), 4, "C", False),  # no third
        ((72, 67, 60, 52), 4, "C", False),  # first inversion
        ((72, 67, 64, 48), 3, "C", False),
        ((74, 67, 62, 59), 9, "C", False),
        ((72, 67, 64, 48), 8, "G", False),  # on the subdominant
    ],
)
def test_a_piece_ends_at_home_alone(chord, held, scale, ends):
    rules = Rules(SBAT, ["cadence"])
    ids = [chord[voice] - SBAT.lowest + SBAT.FIRST_PITCH for voice in SBAT.order]
    sounded = np.zeros((1, 12), np.float32)
    tonic = {"C": 0, "G": 7}[scale]
    for step, weight in zip((0, 2, 4, 5, 7, 9, 11), (9, 3, 6, 3, 7, 3, 2)):
        sounded[0, (tonic + step) % 12] = weight
    recent = tf.constant([[0, 0, 0, 0, *ids]])
    state = recent, tf.constant([held]), tf.constant(sounded)
    allowed = tf.ones([SBAT.vocab_size], bool)
    weighed = rules.weigh(
        tf.zeros([1, SBAT.vocab_size]), allowed, tf.constant(400), tf.constant(800), state
    )
    assert np.isfinite(weighed[0, SBAT.END]) == ends


def test_dissonances_on_the_beat_are_those_that_are_wanted(monkeypatch):
    monkeypatch.setattr(rules_of_writing, "CONSONANT", 0.1)  # of chance notes half are consonant
    free, kept = pieces(SBAT, []), pieces(SBAT, ["dissonance"])

    def harsh(grids, offset):
        above = np.concatenate([grid[offset::4, :3] - grid[offset::4, 3:] for grid in grids])
        return np.isin(above % 12, rules_of_writing.DISSONANT).mean()

    assert harsh(free, 0) > 0.4
    assert harsh(kept, 0) < 0.1
    assert harsh(kept, 1) > 0.4  # off the beat they may stand


def test_focus_sharpens_pitches_and_leaves_the_rhythm():
    rules = Rules(CODEC, ["focus"])
    logits = tf.constant([np.linspace(-1, 1, CODEC.vocab_size)], tf.float32)
    recent = tf.constant([[10, 11, 12, 13, 10, 11, 12, 13]])
    state = recent, tf.zeros([1], tf.int32), tf.zeros([1, 12])
    allowed = tf.constant(CODEC.may_follow[1])
    weighed = rules.weigh(logits, allowed, tf.constant(5), tf.constant(99), state)
    before, after = (tf.nn.softmax(tf.where(allowed, x, -np.inf))[0] for x in (logits, weighed))
    held = 10  # the second voice of the last step: one id of this step is written already
    np.testing.assert_allclose(after[held], before[held], atol=1e-6)
    assert after[-1] > 1.2 * before[-1]
    assert after[CODEC.FIRST_PITCH] < before[CODEC.FIRST_PITCH]


def test_rules_that_are_none():
    music = PRESETS["chorale"].music
    assert rules_of(music, CODEC, None) == list(music.rules)
    assert rules_of(music, CODEC, "none") == []
    with pytest.raises(ValueError, match="Unknown rule 'paralels'"):
        rules_of(music, CODEC, "paralels")
    assert OPTIONS["rules"].optional


def test_rules_for_one_voice():
    from bach_tf.codecs import MelodyCodec

    folk, codec = PRESETS["folk"].music, MelodyCodec(60, 72)
    with pytest.raises(ValueError, match="Rules apply to four-part music"):
        rules_of(folk, codec, "parallels")
    with pytest.raises(ValueError, match="Expected a codec of four voices, for `rules` motion"):
        Sampler(Likes(np.zeros(codec.vocab_size)), codec, ["motion"])
    assert rules_of(PRESETS["gru"].music, codec, None) == []  # a default, not a wish
