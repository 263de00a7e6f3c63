"""How a piece whose end is given is led there."""

import numpy as np
import pytest
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.composing import endings
from bach_tf.composing.endings import DOMINANT, HOME, Ending, schedule
from bach_tf.composing.given import Given
from bach_tf.composing.particles import ParticleSampler
from bach_tf.measuring.counterpoint.harmony import pitch_class_steps
from bach_tf.theory.tonics import MAJOR, OCTAVE, key_strengths

CODEC = SatbCodec(48, 72, order=[0, 3, 1, 2])
BASS = 1  # the second to be written


class Even:
    """A model to which all ids are alike."""

    def initial_state(self, batch):
        return tf.zeros([batch])

    def step(self, ids, state):
        return tf.zeros([tf.size(ids), CODEC.vocab_size]), state


LED, FREELY = (ParticleSampler(Even(), CODEC, rules) for rules in (["cadence"], []))


def last_chords(sampler, given, **options):
    found = sampler.sample(given, seed=1, particles=32, num_outputs=16, **options)
    grids = [CODEC.decode(ids[1:]).to_grid(4) for ids in found.pieces(found.drawn)]
    return [grid[-1] for grid in grids]


def is_triad_on(chord, tonic):
    degrees = {int(pitch - tonic) % 12 for pitch in chord}
    thirds = len(degrees & {3, 4})
    return chord.min() > 0 and chord[3] % 12 == tonic and thirds == 1 and degrees <= {0, 3, 4, 7}


def test_the_bonus_grows_from_the_onset_of_the_last_note():
    melody = [[60, None, None, None]] * 8 + [[64, None, None, None]] * 4
    constraints = Given.from_grid(melody, ends=True).constraints(CODEC)
    led = schedule(constraints, None, leads=True)
    assert led.home[::4].tolist() == pytest.approx(
        [0] * 8 + [HOME * n / 4 for n in (1, 2, 3, 4)] + [0]
    )
    dominant = [0] * 4 + [DOMINANT * n / 4 for n in (1, 2, 3, 4)] + [0] * 5
    assert led.dominant[::4].tolist() == pytest.approx(dominant)
    assert np.flatnonzero(led.fresh).tolist() == [16, 17, 18, 19, 32, 33, 34, 35]
    assert np.flatnonzero(led.tonics).tolist() == [0, 1, 4, 9]
    assert np.flatnonzero(schedule(constraints, 9, leads=True).tonics).tolist() == [9]
    assert not schedule(constraints, None, leads=False).home.any()


def test_the_key_weighs_more_towards_the_end_if_the_given_notes_narrow_the_tonics():
    melody = [[60, None, None, None]] * 4
    led = schedule(Given.from_grid(melody, ends=True).constraints(CODEC), None, leads=True)
    assert led.away[[0, 8, 16]].tolist() == pytest.approx([0, endings.AWAY / 2, endings.AWAY])
    free = schedule(Given.nothing(4, ends=True).constraints(CODEC), None, leads=True)
    assert not free.away.any()  # any key will do
    assert schedule(Given.nothing(4, ends=True).constraints(CODEC), 5, leads=True).away.any()


def test_notes_outside_the_key_cost_what_another_key_gains():
    ending, sounded = Ending(CODEC), np.array([MAJOR], np.float32)
    key = np.arange(OCTAVE) == 0
    bonus = ending.away(tf.constant(2.0), tf.constant(key), tf.constant(sounded))[0].numpy()
    assert bonus.shape == (CODEC.vocab_size,)
    assert not bonus[: CODEC.FIRST_PITCH + 1].any()  # C major, with a rest or one more C
    counts = np.roll(MAJOR, 7)  # G major
    fits = key_strengths(counts).max(axis=0)
    away = ending.away(tf.constant(2.0), tf.constant(key), tf.constant([counts], tf.float32))
    away = away[0].numpy()
    assert away[CODEC.SILENT] == pytest.approx(2 * (fits[0] - fits[7]), rel=1e-4)
    f, f_sharp = away[CODEC.FIRST_PITCH + 5], away[CODEC.FIRST_PITCH + 6]
    assert f > away[CODEC.SILENT] > f_sharp


def test_a_melody_is_harmonised_in_the_key_in_which_it_ends(monkeypatch):
    melody = [67, 69, 71, 66, 67, 69, 71, 66, 60]  # nearer to G major
    given = Given.from_grid([[pitch, None, None, None] for pitch in melody], ends=True)

    def in_c():
        found = LED.sample(given, seed=1, particles=32, num_outputs=16, key=0)
        grids = [CODEC.decode(ids[1:]).to_grid(4) for ids in found.pieces(found.likeliest)]
        fits = [key_strengths(pitch_class_steps(grid)) for grid in grids]
        return np.mean([int(each.argmax()) % OCTAVE == 0 for each in fits])

    monkeypatch.setattr(endings, "AWAY", 1.0)  # the piece is short
    steered = in_c()
    monkeypatch.setattr(endings, "AWAY", 0.0)
    assert steered > 0.7 > 0.4 > in_c()


def test_where_nothing_is_given_the_last_half_is_the_last_chord():
    constraints = Given.nothing(32, ends=True).constraints(CODEC)
    home = schedule(constraints, None, leads=True).home[::4]
    assert np.flatnonzero(home).tolist() == list(range(24, 32))
    assert not schedule(Given.nothing(32).constraints(CODEC), None, leads=True).home.any()


def test_notes_of_the_last_chord_are_those_of_a_triad_in_root_position():
    ending, sounded = Ending(CODEC), tf.constant([MAJOR], tf.float32)  # C major
    first = CODEC.FIRST_PITCH

    def wanted(voice, *written):
        chord = np.zeros((1, 4), np.int32)
        chord[0, : len(written)] = [pitch - 48 + first for pitch in written]
        bonus = ending.bonus(
            tf.constant(2.0), tf.constant(0.0), tf.ones([OCTAVE], tf.bool), voice,
            tf.constant(chord), sounded,
        )[0].numpy()  # fmt: skip
        assert set(bonus) <= {0.0, -2.0}
        assert bonus[CODEC.SILENT] == -2
        return {(pitch + 48) % 12 for pitch in np.flatnonzero(bonus[first:] == 0)}

    assert wanted(0) == {0, 3, 4, 7}
    assert wanted(BASS, 67) == {0}
    assert wanted(2, 64, 48) == {0, 4, 7}  # not both thirds
    assert wanted(3, 67, 48, 60) == {3, 4}  # the third is missing
    assert wanted(3, 67, 48, 63) == {0, 3, 7}


def test_pieces_end_at_home():
    given = Given.nothing(12, ends=True)
    led = [is_triad_on(chord, 5) for chord in last_chords(LED, given, key=5)]
    # Of 26 ids one to four are right, and all others have a bonus of -8.
    assert np.mean(led) > 0.6
    assert np.mean([is_triad_on(chord, 5) for chord in last_chords(FREELY, given)]) < 0.2


def test_a_melody_ends_on_a_chord_that_it_is_part_of():
    melody = [[60, None, None, None]] * 6 + [[62, None, None, None]] * 2
    chords = last_chords(LED, Given.from_grid(melody, ends=True))
    roots = {int(chord[3]) % 12 for chord in chords}
    assert len(roots & {2, 11, 10, 7}) > 1
    assert np.mean([is_triad_on(chord, chord[3] % 12) for chord in chords]) > 0.6


def test_the_bonus_is_no_part_of_the_likelihood_of_what_is_given(monkeypatch):
    monkeypatch.setattr(endings, "HOME", 1.0)  # so that each ending is found often enough
    # Of 26 ids each note given has one, and each step does not end.
    given = Given.from_grid([[60, None, None, None]] * 2, ends=True)
    notes = CODEC.vocab_size - 3
    exact = -np.log(notes) - 2 * np.log(notes + 1)
    found = LED.sample(given, seed=2, particles=256, num_outputs=100)
    assert found.log_likelihood_given.std() > 0.01
    estimates = np.exp(found.log_likelihood_given.astype(float) - exact)
    assert estimates.mean() == pytest.approx(1, abs=4 * estimates.std() / 10)
    assert estimates.std() < 1


def test_the_likeliest_particle_has_an_ending():
    found = LED.sample(Given.nothing(12, ends=True), seed=1, particles=64, key=0)
    assert found.endings.max() == pytest.approx(0, abs=1e-4)
    (piece,) = found.pieces(found.likeliest)
    assert is_triad_on(CODEC.decode(piece[1:]).to_grid(4)[-1], 0)
