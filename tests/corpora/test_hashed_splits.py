"""Splits by a hash of the music: stable, in whole groups, and the same wherever they are found."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.corpora.preparation.entries import entries_of
from bach_tf.corpora.preparation.own_files import key_of
from bach_tf.corpora.preparation.splits import MANY, HashedSplits, first_keys

FRACTIONS = (0.6, 0.2, 0.2)
KEYS = st.lists(st.text("0123456789abcdef", min_size=1), min_size=3, unique=True)


def sizes_of(keys):
    splits = HashedSplits(keys, FRACTIONS)
    return Counter(map(splits.of, keys))


@given(KEYS, st.randoms())
def test_the_order_of_pieces_does_not_matter(keys, random):
    shuffled = random.sample(keys, len(keys))
    one, other = HashedSplits(keys, FRACTIONS), HashedSplits(shuffled, FRACTIONS)
    assert list(map(one.of, keys)) == list(map(other.of, keys))


@given(KEYS)
def test_no_split_is_empty_and_shares_are_met(keys):
    sizes = sizes_of(keys)
    assert sizes["valid"] == sizes["test"] == max(1, round(0.2 * len(keys)))
    assert sizes["train"] == len(keys) - 2 * sizes["test"] > 0


def test_golden_splits():
    splits = HashedSplits("abcde", FRACTIONS)
    assert [splits.of(key) for key in "abcde"] == ["test", "train", "train", "train", "valid"]


def test_a_group_of_many_keeps_its_split_whatever_is_added():
    keys = [f"piece {number}" for number in range(2 * MANY)]
    before, after = HashedSplits(keys[:MANY], FRACTIONS), HashedSplits(keys, FRACTIONS)
    assert [before.of(key) for key in keys[:MANY]] == [after.of(key) for key in keys[:MANY]]
    sizes = sizes_of(keys)
    assert sizes["train"] == pytest.approx(0.6 * len(keys), rel=0.05)
    assert sizes["test"] == pytest.approx(0.2 * len(keys), rel=0.1)


@given(KEYS, st.integers(1, 5))
def test_keys_are_found_in_parts(keys, parts):
    found = [first_keys([keys[part::parts]]) for part in range(parts)]
    assert first_keys([first_keys(found[:2]), *found[2:]]) == first_keys([keys]) == sorted(keys)


def test_only_the_first_of_many_keys_are_kept():
    keys = [f"{number:06}" for number in range(3 * MANY)]
    assert first_keys([keys[::-1]]) == keys[:MANY]


def test_two_groups_cannot_be_split():
    with pytest.raises(ValueError, match=r"Expected at least 3 groups to split, got 2\."):
        HashedSplits("ab", FRACTIONS)


def test_the_key_of_a_group_is_the_smallest_digest():
    labels = {"x": ("9f", "title"), "y": ("0a",), "z": ("4c", "title")}
    assert key_of(labels, ["x", "z"]) == "4c"


def test_no_file_is_named_like_a_tune_of_a_book():
    files = ["book-1.mid", "book.abc", "other-1.mid", "x/book.krn"]
    names = [entry.name for entry in entries_of(list(map(Path, files)))]
    assert names == ["book-1-mid", "book", "other-1", "x-book"]
