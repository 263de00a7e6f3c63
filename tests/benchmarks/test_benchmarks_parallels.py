"""Which notes count as parallels, and with what weight."""

import numpy as np

from benchmarks.parallels import count

C, D, E, G, A = 16, 18, 20, 23, 25  # ids


def piece(*voices):
    return np.array(voices).T


def test_a_parallel_fifth_counts_as_much_as_it_is_likely():
    chords = piece([G, A], [C, D], [3, 3], [3, 3])
    chances = np.zeros((2, 4, 40))
    chances[1, 1, D] = 0.25
    chances[1, 1, E] = 0.75
    expected, written, notes = count(chords, chances)
    assert (expected, written, notes) == (0.25, 1.0, 6.0)


def test_a_held_or_contrary_note_makes_no_parallel():
    held = piece([G, A], [C, C], [3, 3], [3, 3])
    contrary = piece([G, A], [C, D - 12], [3, 3], [3, 3])
    for chords in (held, contrary):
        assert count(chords, np.zeros((2, 4, 40)))[1] == 0


def test_octaves_between_outer_voices_count():
    chords = piece([G + 12, A + 12], [3, 3], [3, 3], [G, A])
    assert count(chords, np.zeros((2, 4, 40)))[1] == 1
