"""A published grade for chorales: the distance of a piece from Bach in nine terms.

A. Fang, A. Liu, P. Seetharaman, B. Pardo, "Bach or Mock? A Grading Function for Chorales in the
Style of J. S. Bach", ML4MD workshop at ICML 2020, arXiv 2006.13329. Details that the paper leaves
open follow the authors' code: github.com/asdfang/constraint-transformer-bach, Grader/grader.py.

Each term is the Wasserstein distance between a histogram of the piece and that of all reference
pieces. The bins are ordered by their frequency in Bach, at unit distances; bins that he never uses
come last. Repeated passages are the exception: they are ordered by length, in sixteenths. The term
for parallels is the distance between the fractions of fifths and octaves, multiplied by how many
times more parallels per note the piece has than the references. So parallels cost nothing, however
many there are, if fifths and octaves are in Bach's proportion: compare `measure`.

All terms have equal weight, as in the paper. The paper spells notes and intervals; here they are
counted in semitones. Its chorales have repeated notes, which a grid cannot distinguish from held
ones, so compare grades of grids only with each other. `python -m benchmarks.grade` includes
repeated notes and reproduces the figures of the paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.measuring.grading.features import (
    CHORDS,
    INTERVALS,
    MODES,
    NOTES,
    OF_THE_MODE,
    PARALLELS,
    REPEATS,
    RHYTHMS,
    Features,
    Histogram,
)

TERMS = (NOTES, RHYTHMS, PARALLELS, CHORDS, *INTERVALS, REPEATS)
NOTHING = "nothing"  # the bin of an empty histogram, such as of a voice without intervals
NO_REPEAT = 0  # steps


@dataclass(frozen=True)
class Reference:
    """The references that pieces are compared with.

    Args:
        histograms: of all reference pieces, by mode and name.
        parallels: number of parallels per note.
    """

    histograms: Mapping[str, Mapping[str, Histogram]]
    parallels: float


def fit_reference(pieces: Sequence[Features]) -> Reference:
    """Combine the features of reference pieces.

    If no reference piece is in a mode, pieces in it are compared with all of them. References
    without any parallels count as having one.

    Args:
        pieces: features of the reference pieces.

    Raises:
        ValueError: if there are no notes.
    """
    notes = sum(piece.size for piece in pieces)
    if not notes:
        raise ValueError(f"Expected reference pieces with notes. Received: {len(pieces)} without")
    found = {mode: [each for each in pieces if each.mode == mode] or pieces for mode in MODES}
    histograms = {
        mode: {
            name: _sum(each.histograms[name] for each in (same if name in OF_THE_MODE else pieces))
            for name in TERMS
        }
        for mode, same in found.items()
    }
    parallels = histograms[MODES[0]][PARALLELS].total()
    return Reference(histograms, max(parallels, 1) / notes)


def grade(piece: Features, reference: Reference) -> dict[str, float]:
    """Return the terms of a piece's grade; the grade is their sum, and 0 is best.

    Args:
        piece: its features.
        reference: as returned by `fit_reference`.

    Returns:
        the distances by name, see `TERMS`.

    Example:
        >>> from bach_tf.measuring.grading.features import features
        >>> cadence = np.array([[71, 67, 62, 55]] * 4 + [[72, 67, 64, 48]] * 4)
        >>> reference = fit_reference([features(cadence)])
        >>> sum(grade(features(cadence), reference).values())
        0.0
        >>> terms = grade(features(cadence[:4]), reference)
        >>> terms["chords"], round(terms["rhythms"], 3)
        (0.0, 0.143)
    """
    bach = reference.histograms[piece.mode]
    terms = {name: _distance_of_ranks(piece.histograms[name], bach[name]) for name in TERMS}
    terms[REPEATS] = _distance_of_lengths(piece.histograms[REPEATS], bach[REPEATS])
    terms[PARALLELS] = _parallels(piece, bach[PARALLELS], reference.parallels)
    return terms


def _sum(histograms: Iterable[Histogram]) -> Histogram:
    total: Histogram = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def _parallels(piece: Features, bach: Histogram, per_note: float) -> float:
    found = piece.histograms[PARALLELS]
    if not found.total():
        return 0.0
    return _distance_of_ranks(found, bach) * found.total() / piece.size / per_note


def _distance_of_ranks(piece: Histogram, bach: Histogram) -> float:
    """Return the distance between histograms with bins ordered by their frequency in Bach."""
    known = sorted((kind for kind in bach if bach[kind]), key=lambda kind: (-bach[kind], str(kind)))
    strange = sorted((kind for kind in piece if kind not in known), key=lambda kind: piece[kind])
    kinds = [*known, *strange, NOTHING]
    return _distance(_shares(piece, kinds, NOTHING), _shares(bach, kinds, NOTHING))


def _distance_of_lengths(piece: Histogram, bach: Histogram) -> float:
    """Return the distance between histograms of passage lengths in steps."""
    kinds = range(max([NO_REPEAT, *piece, *bach]) + 1)
    return _distance(_shares(piece, kinds, NO_REPEAT), _shares(bach, kinds, NO_REPEAT))


def _shares(histogram: Histogram, kinds: Iterable, when_empty) -> np.ndarray:
    counted = histogram if histogram.total() else {when_empty: 1}
    counts = np.array([counted.get(kind, 0) for kind in kinds], np.float64)
    return counts / counts.sum()


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Wasserstein distance of two distributions over bins at unit distances."""
    return float(np.abs(np.cumsum(one - other)).sum())
