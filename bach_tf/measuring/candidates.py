"""The best of several new pieces, by likelihood and by the faults of four-part writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from bach_tf.codecs import Codec, SatbCodec
from bach_tf.formats.grid_csv import VOICES
from bach_tf.measuring.likelihood import Scorer
from bach_tf.measuring.versions import cost_of_faults


def best_of(
    batches: Iterable[np.ndarray], candidates: int, codec: Codec, scorer: Scorer
) -> Iterator[np.ndarray]:
    """Yield the best of every few pieces, each as a batch of its own.

    Args:
        batches: pieces as ids, int32 `(N, 1 + L)` each.
        candidates: number of pieces from which one is chosen.
        codec: the run's codec.
        scorer: a scorer for the run's model and codec.

    Yields:
        int32 `(1, 1 + L)`.
    """
    pieces = (ids for batch in batches for ids in batch)
    while group := list(islice(pieces, candidates)):
        yield min(group, key=lambda ids: cost_per_token(ids, codec, scorer))[None]


def cost_per_token(ids: np.ndarray, codec: Codec, scorer: Scorer) -> float:
    """Return the negative log-likelihood and the cost of the faults of a piece, per token.

    Args:
        ids: the piece, int32 `(1 + L,)`.
        codec: the run's codec; only four-part pieces have faults.
        scorer: a scorer for the run's model and codec.
    """
    likelihood = scorer.score_ids(ids)
    cost = -likelihood.total
    if isinstance(codec, SatbCodec):
        grid = codec.decode(ids[1:]).to_grid(len(VOICES))
        cost += cost_of_faults(grid) if grid.any() else 0.0
    return cost / max(len(likelihood), 1)
