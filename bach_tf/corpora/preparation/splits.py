"""Assign pieces to train, valid and test by a seed."""

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
    """Deal items out to the splits, each split at least one.

    Args:
        items: in any order; the same items are dealt in the same way.
        fractions: of train, valid and test, 1 together.
        seed: of the order.
        kind: what the items are, for the message.

    Raises:
        ValueError: fewer than three items.

    Example:
        >>> deal("abcde", (0.6, 0.2, 0.2))
        {'train': ['c', 'd', 'e'], 'valid': ['a'], 'test': ['b']}
    """
    if len(items) < FEWEST:
        raise ValueError(f"Expected at least {FEWEST} {kind} to split, got {len(items)}.")
    items = sorted(items)  # type: ignore[type-var]  # of some kind that has an order
    order = np.random.default_rng(seed).permutation(len(items))
    held_out = [max(1, round(fraction * len(items))) for fraction in fractions[1:]]
    bounds = np.cumsum([len(items) - sum(held_out), held_out[0]])
    parts = np.split(order, bounds)
    return {split: [items[i] for i in sorted(part)] for split, part in zip(SPLITS, parts)}
