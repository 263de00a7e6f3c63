"""Which of several versions is recommended, and why."""

import numpy as np
import pytest

from bach_tf.measuring.counterpoint import doubled_leading_notes
from bach_tf.measuring.versions import (
    COSTS,
    cost_of_faults,
    faults,
    recommended,
    version_record,
)

TONIC, DOMINANT = (72, 67, 64, 48), (71, 67, 62, 43)


def grid_of(*chords, steps=4):
    return np.repeat(np.array(chords), steps, axis=0)


PLAIN = grid_of(TONIC, TONIC, DOMINANT, TONIC)


def found_in(*chords):
    return {name: count for name, count in faults(grid_of(*chords)).items() if count}


def test_a_cadence_has_no_fault():
    assert found_in(TONIC, TONIC, DOMINANT, TONIC) == {}
    assert cost_of_faults(PLAIN) == 0


@pytest.mark.parametrize(
    ("chords", "expected"),
    [
        (((72, 67, 64, 48), (74, 69, 65, 50), DOMINANT, TONIC), "parallel_octaves"),
        (((72, 67, 64, 48), (74, 69, 65, 50), DOMINANT, TONIC), "parallel_fifths"),
        ((TONIC, (71, 67, 62, 47), TONIC), "doubled_leading_notes"),
        ((TONIC, (67, 71, 62, 43), TONIC), "crossings"),
        ((TONIC, (71, 67, 62, 31), TONIC), "out_of_range"),
        ((TONIC, TONIC, TONIC, DOMINANT), "no_cadence"),
    ],
)
def test_faults_are_counted(chords, expected):
    assert found_in(*chords)[expected] == 1


def test_a_piece_ends_on_the_tonic_that_it_is_to_end_on():
    assert faults(PLAIN, tonic=0)["no_cadence"] == 0
    assert faults(PLAIN, tonic=9)["no_cadence"] == 1
    assert faults(grid_of(TONIC, TONIC, TONIC, DOMINANT), tonic=7)["no_cadence"] == 0


def test_a_given_voice_may_be_out_of_range():
    low = grid_of(TONIC, (71, 67, 62, 31), TONIC)
    assert faults(low)["out_of_range"] == 1
    assert faults(low, given=(False, False, False, True))["out_of_range"] == 0
    assert faults(low, given=(True, False, False, False))["out_of_range"] == 1


def test_a_third_degree_may_double_the_leading_note():
    mediant = (71, 67, 64, 47)
    assert not doubled_leading_notes(grid_of(TONIC, TONIC, mediant, TONIC)).any()


def test_a_crossing_that_lasts_is_one():
    assert faults(grid_of(TONIC, (67, 71, 62, 43), TONIC, steps=8))["crossings"] == 1


def test_a_record_is_plain_data():
    record = version_record(PLAIN, 32.0)
    assert record["nats_per_token"] == 32 / PLAIN.size
    assert record["cost"] == 32
    assert record["grade"] > 0
    fewer = version_record(grid_of(TONIC, TONIC, TONIC, DOMINANT), 32.0)
    assert fewer["cost"] == 32 + COSTS["no_cadence"]


def test_the_cheapest_version_is_recommended_with_its_reason():
    def record(nats, **count):
        counted = dict.fromkeys(COSTS, 0) | count
        cost = nats + sum(COSTS[name] * number for name, number in counted.items())
        return {"nats": nats, "faults": counted, "cost": cost}

    assert recommended([record(50.0)]) == (1, "no fault, and 50 nats")
    number, why = recommended([record(60.0), record(52.0, parallel_fifths=2), record(55.0)])
    assert (number, why) == (3, "no fault, and 55 nats: the lowest sum of nats and faults")
    number, why = recommended([record(60.0, crossings=1), record(52.0, out_of_range=2)])
    assert number == 2
    assert why.startswith("2 notes out of range, and 52 nats: ")
    _, why = recommended([record(60.0, crossings=1), record(52.0)])
    assert why.endswith("the likeliest, with the fewest faults")
