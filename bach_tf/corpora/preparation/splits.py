"""Assigning pieces to train, valid and test: by a seed, or by a hash of the music.

In the order of their hashes, the first groups of copies are for training, the next for validation,
the last for the test. From `MANY` groups on, the hash alone decides: a group then finds its split
wherever it is read, and keeps it when other pieces are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from bach_tf.corpora.preparation.prepared import SPLITS

SPLIT_SEED = 0
FEWEST = len(SPLITS)  # one for each split
MANY = 1000  # groups; fewer are dealt out, so that the fractions are met exactly

Item = TypeVar("Item")


def deal(
    items: Sequence[Item],
    fractions: Sequence[float],
    *,
    seed: int = SPLIT_SEED,
    kind: str = "files",
) -> dict[str, list[Item]]:
    """Split items at random, with at least one in each split.

    Args:
        items: in any order, which does not affect the result.
        fractions: of train, valid and test, summing to 1.
        seed: random seed.
        kind: what the items are, for the error message.

    Raises:
        ValueError: if there are fewer than three items.

    Example:
        >>> deal("abcde", (0.6, 0.2, 0.2))
        {'train': ['c', 'd', 'e'], 'valid': ['a'], 'test': ['b']}
    """
    if len(items) < FEWEST:
        raise ValueError(f"Expected at least {FEWEST} {kind} to split, got {len(items)}.")
    items = sorted(items)  # type: ignore[type-var]  # they are of some orderable type
    order = np.random.default_rng(seed).permutation(len(items))
    held_out = [max(1, round(fraction * len(items))) for fraction in fractions[1:]]
    bounds = np.cumsum([len(items) - sum(held_out), held_out[0]])
    parts = np.split(order, bounds)
    return {split: [items[i] for i in sorted(part)] for split, part in zip(SPLITS, parts)}


class HashedSplits:
    """The split of each group of pieces.

    Args:
        keys: of the groups, each from its music, in any order; of `MANY` or more, any `MANY` of
            them suffice.
        fractions: of train, valid and test, summing to 1. Met exactly by fewer than `MANY`
            groups, with at least one in each split, and otherwise on average.

    Raises:
        ValueError: if there are fewer than three groups.

    Example:
        >>> splits = HashedSplits("abcde", (0.6, 0.2, 0.2))
        >>> [splits.of(key) for key in "abcde"]
        ['test', 'train', 'train', 'train', 'valid']
    """

    def __init__(self, keys: Iterable[str], fractions: Sequence[float]):
        first = first_keys([keys])
        if len(first) < FEWEST:
            raise ValueError(f"Expected at least {FEWEST} groups to split, got {len(first)}.")
        self._ends = np.cumsum(fractions)[:-1]
        self._dealt: dict[str, str] = {}
        if len(first) < MANY:
            held_out = [max(1, round(fraction * len(first))) for fraction in fractions[1:]]
            counts = [len(first) - sum(held_out), *held_out]
            ranked = sorted(first, key=_place_of)
            self._dealt = dict(zip(ranked, np.repeat(SPLITS, counts).tolist()))

    def of(self, key: str) -> str:
        """Return the split of a group.

        Args:
            key: of the group.
        """
        return self._dealt.get(key) or SPLITS[int((self._ends <= _place_of(key)).sum())]


def first_keys(found: Iterable[Iterable[str]]) -> list[str]:
    """Return at most `MANY` of some keys, each once, in alphabetical order.

    Results may be combined again, in any order and any number of steps.

    Args:
        found: keys, or results of this function.
    """
    unique = {key for keys in found for key in keys}
    return sorted(unique)[:MANY]


def _place_of(key: str) -> float:
    """Return a uniform position in 0..1."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
