"""Assigning pieces to train, valid and test by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from bach_tf.corpora.preparation.prepared import SPLITS

SPLIT_SEED = 0
FEWEST = len(SPLITS)  # one for each split

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
