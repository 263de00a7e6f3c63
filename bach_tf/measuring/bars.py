"""Positions of tokens within bars, from the metre and upbeat as known or estimated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bach_tf.codecs import PAD, Codec
from bach_tf.score import Score
from bach_tf.theory.metre import with_metre

Bars = Mapping[bytes, tuple[int, int]]  # piece: steps per bar, steps before the first bar line


def bars_of(codec: Codec, scores: Iterable[Score]) -> dict[bytes, tuple[int, int]]:
    """Return the bars of pieces, keyed by the bytes of their ids.

    The metre is the first one of a score. If there is none, it is estimated for scores with named
    parts, while melodies are taken to have 4/4 from the beginning.

    Args:
        codec: its steps must be those of the grid.
        scores: scores that the codec can encode.
    """
    bars = {}
    for score in scores:
        barred = with_metre(score) if codec.part_names else score
        bar = barred.steps_per_bar
        bars[_key(codec, codec.encode(score))] = bar, barred.upbeat % bar
    return bars


def steps_of_bars(codec: Codec, inputs: np.ndarray, usual: int, bars: Bars) -> np.ndarray:
    """Return the step within the bar, from 0, of each target of whole pieces.

    Args:
        codec: the codec of the ids.
        inputs: ids int `(B, T)`, one piece per row.
        usual: steps per bar of pieces that are not in `bars`; their first bar begins with the
            piece.
        bars: the bars of the other pieces.

    Returns:
        int64 `(B, T)`.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> codec, tune = MelodyCodec(60, 72), Score.from_grid([[60], [62], [64]], upbeat=1)
        >>> steps_of_bars(codec, codec.encode(tune)[None, :-1], 16, bars_of(codec, [tune]))
        array([[15,  0,  1,  2]])
    """
    found = [bars.get(_key(codec, row), (usual, 0)) for row in inputs]
    bar, upbeat = np.array(found).T[:, :, None]  # (B, 1) each
    step = (np.arange(inputs.shape[1]) - len(codec.opening)) // len(codec.may_follow)
    return (step - upbeat) % bar


def _key(codec, ids: np.ndarray) -> bytes:
    """Return a key that is the same for a piece with or without its end and padding."""
    return ids[(ids != PAD) & (ids != codec.END)].astype("<i4").tobytes()
