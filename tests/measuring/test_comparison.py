import time

import numpy as np
import pytest

from bach_tf.measuring.comparison import compare, format_comparison
from bach_tf.score import Score

TOLD = {"told_apart", "told_apart_error"}


def test_the_canonical_splits_stand_beside_each_other(canonical_pieces):
    pieces = [*canonical_pieces["valid"], *canonical_pieces["train"][:124]]
    begin = time.process_time()
    comparison = compare("some", pieces, canonical_pieces)
    assert time.process_time() - begin < 30  # 6 on an idle core
    columns = comparison.columns
    assert list(columns) == ["some", "train", "valid", "test"]
    assert columns["valid"]["grade_median"] == pytest.approx(6.774, abs=0.002)
    assert columns["valid"]["grade_quartile_1"] == pytest.approx(5.851, abs=0.002)
    assert columns["valid"]["grade_quartile_3"] == pytest.approx(8.549, abs=0.002)
    assert columns["some"]["told_apart"] < 0.65
    assert not TOLD & set(columns["train"])
    assert "copied_bars_max" not in columns["train"]
    lines = format_comparison(comparison).splitlines()
    assert lines[-1].startswith(
        "Most telling, with the fraction of pairs in which the new piece has"
    )
    (grade,) = (line.split() for line in lines if line.startswith("grade_median"))
    assert grade[2:] == ["6.753", "6.774", "6.468", "0", "is", "best"]


def test_parallels_cost_grades_and_give_pieces_away(canonical_pieces):
    splits = {split: scores[:12] for split, scores in canonical_pieces.items()}
    # In Bach's own pieces the tenor goes along with the bass, an octave above.
    grids = [score.to_grid(4) for score in splits["test"]]
    for grid in grids:
        grid[:, 2] = np.where(grid[:, 3] > 0, grid[:, 3] + 12, 0)
    comparison = compare("doubled", [Score.from_grid(grid) for grid in grids], splits)
    doubled, test = (comparison.columns[name] for name in ("doubled", "test"))
    assert doubled["told_apart"] > 0.9
    assert doubled["grade_parallels"] > 50
    assert doubled["grade_intervals_soprano"] == test["grade_intervals_soprano"]
    assert doubled["parallels_per_1000"] > 200
    assert comparison.telling["parallel_octaves_per_1000"] == 1.0


def test_few_pieces_have_grades_but_are_not_told_apart(tiny_pieces):
    splits = {"train": tiny_pieces[:3], "valid": tiny_pieces[3:5], "test": tiny_pieces[5:]}
    comparison = compare("new", tiny_pieces[:2], splits)
    assert comparison.telling == {}
    assert not TOLD & set(comparison.columns["new"])
    assert comparison.columns["new"]["grade_median"] > 0
    assert format_comparison(comparison).splitlines()[-1].startswith("grade_repeats")


def test_there_must_be_a_piece(tiny_pieces):
    with pytest.raises(ValueError, match="at least one of the scores"):
        compare("new", [], {"train": tiny_pieces})
