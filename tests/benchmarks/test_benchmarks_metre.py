import numpy as np
import pytest

from bach_tf.theory.metre import WEIGHTS
from benchmarks import metre


@pytest.fixture(scope="module")
def halves(chorales_folder):
    return metre.chorales(chorales_folder)


def test_metre_and_upbeat_are_found_in_nine_of_ten_chorales(halves):
    _, second = halves
    found = metre.read(second, WEIGHTS)
    rights = metre.rights(found)
    assert found.total() == 208
    assert rights["both"] / 208 >= 0.95
    opening = metre.read(second, WEIGHTS, metre.OPENING)
    assert metre.rights(opening)["both"] / 208 >= 0.94


def test_no_melody_is_in_both_halves(halves):
    first, second = ({sample.score.title.partition(": ")[2] for sample in half} for half in halves)
    assert (first & second) <= {""}
    assert len(first) > 50 < len(second)


def test_the_weights_are_those_of_the_first_half(halves):
    np.testing.assert_allclose(metre.fit(halves[0]), WEIGHTS, atol=0.051)


def test_the_tables():
    found = metre.Counter({(((3, 4), 4), ((4, 4), 4)): 1, (((4, 4), 0), ((4, 4), 0)): 3})
    assert metre.format_rights("all", found) == "| all | 4 | 3 (75.0%) | 4 (100.0%) | 3 (75.0%) |"
    assert metre.format_confusion(found).splitlines() == [
        "| written | 4/4 | 4/4 upbeat 1/4 |",
        "| --- | --- | --- |",
        "| 3/4 upbeat 1/4 |  | 1 |",
        "| 4/4 | 3 |  |",
    ]
