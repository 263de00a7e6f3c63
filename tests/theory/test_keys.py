from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.score import Score
from bach_tf.theory.keys import LETTER_PITCHES, estimate_key, key_signature, read_key, spell

C_MAJOR = [60, 64, 67, 60, 65, 69, 62, 67, 71, 74, 72, 64, 60]
A_MINOR = [57, 60, 64, 62, 65, 56, 59, 64, 62, 60, 59, 57, 57]


def melody(pitches, **about):
    return Score.from_grid(np.reshape(pitches, (-1, 1)).astype(int), **about)


@pytest.mark.parametrize("semitones", range(12))
def test_a_key_is_found_in_every_transposition(semitones):
    assert estimate_key(melody(C_MAJOR).transpose(semitones)) == (semitones, "major")
    assert estimate_key(melody(A_MINOR).transpose(semitones)) == ((9 + semitones) % 12, "minor")


def test_notes_count_as_long_as_they_last():
    # The same six notes: the long ones are a triad of C major, or one of E minor.
    short, long = [60, 62, 64, 66, 67, 71], [64, 67, 71]
    assert estimate_key(melody([*short, *np.repeat([60, 64, 67], 8)])) == (0, "major")
    assert estimate_key(melody([*short, *np.repeat(long, 8)])) == (4, "minor")


@pytest.mark.parametrize(
    "score", [melody([]), melody([0, 0]), melody(range(60, 72))], ids=["empty", "silent", "all"]
)
def test_music_without_a_key_has_no_sharps(score):
    assert estimate_key(score) is None
    assert key_signature(score) == 0


@pytest.mark.parametrize(
    ("semitones", "sharps"),
    [(0, 0), (7, 1), (2, 2), (4, 4), (6, 6), (5, -1), (10, -2), (3, -3), (8, -4), (1, -5)],
)
def test_the_signature_of_an_estimated_key(semitones, sharps):
    assert key_signature(melody(C_MAJOR).transpose(semitones)) == sharps
    assert key_signature(melody(A_MINOR).transpose(semitones)) == sharps


def test_what_the_score_says_goes_before_an_estimate():
    assert key_signature(melody(C_MAJOR, key_signature=-4)) == -4


def test_chromatic_scales_by_key():
    def names(sharps):
        signs = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "x"}
        spelt = [spell(pitch, sharps) for pitch in range(60, 72)]
        return " ".join(f"{letter}{signs[alteration]}" for letter, alteration, _ in spelt)

    assert names(0) == "C C# D Eb E F F# G G# A Bb B"
    assert names(2) == "C C# D D# E F F# G G# A A# B"
    assert names(-3) == "C Db D Eb E F Gb G Ab A Bb B"
    assert names(6) == "B# C# Cx D# E E# F# Fx G# A A# B"
    assert names(-7) == "C Db Ebb Eb Fb F Gb G Ab Bbb Bb Cb"


@given(st.integers(0, 127), st.integers(-7, 7))
def test_a_spelt_pitch_is_the_same_pitch(pitch, sharps):
    letter, alteration, octave = spell(pitch, sharps)
    assert 12 * (octave + 1) + LETTER_PITCHES[letter] + alteration == pitch
    assert -2 <= alteration <= 2


def test_most_signatures_of_the_chorales_are_found(chorale_pieces):
    scores = [score for split in chorale_pieces.values() for score in split]
    found = [
        key_signature(replace(score, key_signature=None)) == score.key_signature for score in scores
    ]
    # Others are in the old modes, with a sharp or a flat fewer than the key as it is heard now.
    assert np.mean(found) > 0.85


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("g minor", (7, "minor", -2)),
        ("G", (7, "major", 1)),
        ("F#m", (6, "minor", 3)),
        ("b-flat major", (10, "major", -2)),
        ("C sharp minor", (1, "minor", 4)),
        ("Cb", (11, "major", -7)),
        ("ab minor", (8, "minor", -7)),
    ],
)
def test_keys_are_read_as_people_write_them(text, key):
    assert read_key(text) == key


def test_what_is_no_key_is_refused():
    for text in ("h minor", "", "minor", "Cm7"):
        with pytest.raises(ValueError, match="Expected a key such as 'G minor'"):
            read_key(text)
    with pytest.raises(ValueError, match="at most 7 sharps or flats, got: D# major"):
        read_key("D# major")
