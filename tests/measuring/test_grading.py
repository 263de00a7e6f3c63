import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.measuring.grading import TERMS, changes, features, fit_reference, grade
from bach_tf.measuring.grading.qualities import chord_quality
from bach_tf.measuring.grading.reference import bach, from_plain, to_plain
from bach_tf.measuring.grading.repeats import HELD, repeats

# A phrase in G major, four voices from the soprano down, and for how many steps each chord stands.
PHRASE = [
    ((67, 62, 59, 43), 4), ((69, 66, 62, 50), 4), ((71, 67, 62, 43), 2), ((72, 67, 64, 48), 6),
    ((71, 67, 62, 50), 4), ((69, 66, 62, 50), 4), ((67, 62, 59, 43), 8),
]  # fmt: skip
GRID = np.repeat([chord for chord, _ in PHRASE], [steps for _, steps in PHRASE], axis=0)
PITCH = st.sampled_from([0, 60, 60, 62, 64])
COLUMN = st.lists(PITCH, min_size=1, max_size=12).map(np.array)


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ((48, 55, 64, 72), "major"),
        ((52, 60, 67, 72), "major"),  # first inversion
        ((45, 52, 60, 69), "minor"),
        ((47, 53, 62), "diminished"),
        ((48, 52, 56), "augmented"),
        ((55, 62, 65, 71), "dominant seventh"),
        ((53, 55, 59, 62), "dominant seventh"),  # third inversion
        ((50, 57, 60, 65), "minor seventh"),
        ((48, 52, 55, 59), "major seventh"),
        ((47, 50, 53, 57), "half-diminished seventh"),
        ((47, 50, 53, 56), "diminished seventh"),
        ((45, 48, 52, 56), "minor major seventh"),
        ((48, 52, 56, 59), "augmented major seventh"),
        ((48, 52, 58, 62), "dominant ninth"),
        ((48, 53, 55), "suspended fourth"),
        ((48, 50, 55), "suspended second"),
        ((55, 60, 65), "suspended fourth"),  # of C, over its fifth
        ((48, 55, 60), "fifth"),
        ((48, 60), "unison"),
        ((48, 52, 53, 55), "major"),  # with a passing fourth
        ((55, 65, 71), "other"),  # a seventh without its fifth
        ((60, 64), "other"),
    ],
)
def test_chords_have_names(pitches, name):
    assert chord_quality(pitches) == name
    assert chord_quality(tuple(pitch + 7 for pitch in pitches)) == name


def test_a_melody_that_comes_twice_is_one_passage():
    # A B C' D A B C' E, the C twice as long as the others: what comes twice is A B C.
    column = np.array([60, 62, 64, 64, 65, 60, 62, 64, 64, 67])
    found = repeats(column, changes(column[:, None])[:, 0])
    assert found == {bytes([60, 62, 64, HELD]): 2}


def test_a_passage_within_a_longer_one_counts_where_it_comes_more_often():
    column = np.array([60, 62, 64, 50, 60, 62, 64, 51, 60, 62, 52])
    found = repeats(column, np.full(column.size, True))
    assert found == {bytes([60, 62, 64]): 2, bytes([60, 62]): 3}


@given(COLUMN)
def test_repeats_are_what_their_definition_says(column):
    begins = changes(column[:, None])[:, 0]
    text = bytes(pitch if new else HELD for pitch, new in zip(column.tolist(), begins))
    times = Counter()
    for start in np.flatnonzero(begins):
        for end in range(start + 1, len(text) + 1):
            if len(text[start:end]) - text.count(HELD, start, end) > 1:
                times[text[start:end]] += 1
    often = {passage: count for passage, count in times.items() if count > 1}
    assert repeats(column, begins) == {
        passage: count
        for passage, count in often.items()
        if not any(
            passage in other and often[other] == count for other in often if other != passage
        )
    }


def test_what_a_piece_is_graded_by():
    found = features(GRID)
    assert (found.mode, found.size) == ("major", 23)
    histograms = found.histograms
    assert histograms["chords"] == {"major": 7}
    assert histograms["notes"] == {0: 38, 7: 38, 4: 18, 5: 12, 11: 8, 2: 8, 9: 6}
    assert histograms["rhythms"] == {4: 10, 8: 6, 6: 4, 2: 2, 12: 1}
    assert histograms["intervals_soprano"] == {2: 2, 1: 1, -1: 1, -2: 2}
    assert histograms["intervals_bass"] == {-7: 2, 2: 1, 5: 1, 7: 1}
    assert histograms["parallels"] == {"fifths": 0, "octaves": 0}
    assert histograms["repeats"] == {}


def test_silence_is_a_rest_among_notes_and_rhythms_alone():
    found = features(np.vstack([GRID, np.zeros((4, 4), int)])).histograms
    assert found["notes"][-1] == 16
    assert found["rhythms"][4] == 10 + 4
    assert found["chords"] == {"major": 7}


def test_repeated_notes_count_where_they_are_told_from_held_ones():
    grid = np.tile([67, 62, 59, 43], (8, 1))
    begins = changes(grid)
    assert features(grid).histograms["rhythms"] == {8: 4}
    begins[4] = True
    found = features(grid, begins)
    assert found.size == 8
    assert found.histograms["rhythms"] == {4: 8}
    assert found.histograms["intervals_alto"] == {0: 1}
    assert found.histograms["chords"] == {"major": 2}


def test_bach_is_no_distance_from_himself():
    reference = fit_reference([features(GRID)])
    terms = grade(features(GRID), reference)
    assert tuple(terms) == TERMS
    assert set(terms.values()) == {0.0}
    assert grade(features(GRID + 5), reference) == terms  # in whatever key


def test_distances_count_ranks():
    # Quarters alone. In the phrase they stand first; then 6 halves, 4 dotted quarters, 2 eighths
    # and a dotted half, of 23 notes: they are 1 to 4 places away.
    quarters = np.repeat([[67, 62, 59, 43], [69, 66, 57, 50]] * 3, 4, axis=0)
    terms = grade(features(quarters), fit_reference([features(GRID)]))
    assert terms["rhythms"] == pytest.approx((6 * 1 + 4 * 2 + 2 * 3 + 1 * 4) / 23)
    # The other way round: what the phrase has and the quarters have not stands behind them, the
    # rarest first: the dotted half, the eighths, the dotted quarters, the halves.
    terms = grade(features(GRID), fit_reference([features(quarters)]))
    assert terms["rhythms"] == pytest.approx((1 * 1 + 2 * 2 + 4 * 3 + 6 * 4) / 23)


def test_repeats_stand_at_their_lengths():
    def piece(*soprano):
        column = np.repeat(soprano, 2)
        return features(np.stack([column, *[np.full(column.size, 60)] * 3], axis=1))

    two, three = piece(67, 69, 71, 67, 69, 72), piece(67, 69, 71, 74, 67, 69, 71, 72)
    assert (two.histograms["repeats"], three.histograms["repeats"]) == ({4: 2}, {6: 2})
    assert grade(three, fit_reference([two]))["repeats"] == 2.0
    # A piece without any counts as repeating a passage of no length.
    assert grade(piece(67, 69), fit_reference([two]))["repeats"] == 4.0


def test_parallels_are_weighed_by_how_many_there_are():
    def piece(fifths, octaves):
        found = features(GRID)
        found.histograms["parallels"].update(fifths=fifths, octaves=octaves)
        return found

    reference = fit_reference([piece(3, 1)])
    assert grade(piece(0, 0), reference)["parallels"] == 0
    # Twice as many, all octaves: three quarters of them would have to be fifths.
    assert grade(piece(0, 8), reference)["parallels"] == pytest.approx(0.75 * 2)
    # In the mix of the references any number is none: so the paper has it.
    assert grade(piece(6, 2), reference)["parallels"] == 0
    # References without parallels count as if they had one.
    assert grade(piece(2, 0), fit_reference([piece(0, 0)]))["parallels"] == pytest.approx(2.0)


def test_modes_are_compared_with_their_own():
    minor = np.where(np.isin(GRID % 12, (11, 4, 6)), GRID - 1, GRID)  # G minor
    pieces = [features(GRID), features(minor)]
    assert [piece.mode for piece in pieces] == ["major", "minor"]
    reference = fit_reference(pieces)
    assert grade(pieces[1], reference)["chords"] == 0
    # Where no reference is in the mode, all of them are compared.
    assert grade(pieces[1], fit_reference(pieces[:1]))["chords"] == pytest.approx(1.0)


def test_a_voice_that_stands_still_is_graded():
    grid = GRID.copy()
    grid[:, 1] = 62
    terms = grade(features(grid), fit_reference([features(GRID)]))
    assert terms["intervals_alto"] == pytest.approx((1 + 2 + 3 + 4) / 4)


def test_references_have_notes():
    with pytest.raises(ValueError, match=r"reference pieces with notes\. Received: 1 without"):
        fit_reference([features(np.zeros((4, 4), int))])


def test_canonical_chorales_are_graded_as_they_were(canonical_pieces):
    train, valid = (
        [features(score.to_grid(4)) for score in canonical_pieces[name]]
        for name in ("train", "valid")
    )
    reference = fit_reference(train)
    medians = [
        float(np.median([sum(grade(piece, reference).values()) for piece in pieces]))
        for pieces in (train, valid)
    ]
    assert medians == pytest.approx([6.753, 6.774], abs=0.002)
    # The published medians of Bach's chorales, where no term counts repeated notes: notes 0.24,
    # parallels 0, harmonic qualities 0.41, intervals 0.47, 0.49, 0.53 and 0.69.
    terms = np.median([list(grade(piece, reference).values()) for piece in train], axis=0)
    assert dict(zip(TERMS, terms.round(2).tolist())) == {
        "notes": 0.23, "rhythms": 0.32, "parallels": 0.0, "chords": 0.37,
        "intervals_soprano": 0.46, "intervals_alto": 0.47, "intervals_tenor": 0.55,
        "intervals_bass": 0.62, "repeats": 3.23,
    }  # fmt: skip


def test_what_is_shipped_is_the_canonical_training_split(canonical_pieces):
    train = [features(score.to_grid(4)) for score in canonical_pieces["train"]]
    assert bach() == fit_reference(train)


def test_a_reference_comes_back_from_plain_data():
    reference = fit_reference([features(GRID)])
    assert from_plain(json.loads(json.dumps(to_plain(reference)))) == reference


def test_a_chorale_is_graded_without_a_corpus():
    terms = grade(features(GRID), bach())
    assert set(terms) == set(TERMS)
    noise = np.random.default_rng(0).integers(36, 80, GRID.shape)
    assert 0 < sum(terms.values()) < sum(grade(features(noise), bach()).values()) / 2
