"""Whether new pieces can be distinguished from those of a corpus: a classifier on all measures.

This is L2-regularised logistic regression on the results of `counterpoint.measure` for each piece,
with five-fold cross-validation. At an accuracy of 50 % no measure distinguishes the two. Both
classes have equal weight, regardless of their numbers of pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.measuring.counterpoint import UNITS, measure
from bach_tf.score import Score

FOLDS = 5
PRIOR = 1.0  # precision of each weight, for measures in standard deviations
MOST_STEPS = 50  # of Newton's method; it takes about 8
SMALL_STEP = 1e-8
# Lengths are chosen by users, and counts per piece depend on them. For a single piece both
# entropies are equal, and so are median and maximum of its longest chord.
UNHEARD = (
    "pieces", "steps", "notes", "parallel_fifths", "parallel_octaves", "pitch_class_entropy_of_all",
    "longest_chord_bars_max", "long_chord",
)  # fmt: skip
MEASURES = tuple(
    name for name in UNITS if name not in UNHEARD and not name.startswith("copied")
)  # copies are excluded because a piece of the training split would find itself

Scaling = Callable[[np.ndarray], np.ndarray]  # (N, M) to (N, M + 1)


@dataclass(frozen=True)
class Verdict:
    """How well new pieces can be distinguished from those of the corpus.

    Args:
        accuracy: balanced accuracy: the mean of the fractions of new pieces and of the corpus that
            are classified correctly, each piece by a classifier fitted without it.
        error: its standard error.
        telling: for each measure alone, the probability that a new piece has more of it than one
            of the corpus, counting ties half (the area under the ROC curve). Sorted by distance
            from 0.5, the most telling first.
    """

    accuracy: float
    error: float
    telling: dict[str, float]


def tell_apart(new: Sequence[Score], corpus: Sequence[Score], seed: int = 0) -> Verdict | None:
    """Classify new pieces and those of the corpus by their measures.

    Args:
        new: pieces of at most four voices.
        corpus: other pieces.
        seed: random seed of the folds.

    Returns:
        the verdict, or `None` if either side has fewer pieces than folds.
    """
    if min(len(new), len(corpus)) < FOLDS:
        return None
    values = np.array([_measures(score) for score in (*new, *corpus)])  # (N, M)
    is_new = np.arange(len(values)) < len(new)
    recognised = cross_validate(values, is_new, seed)
    sides = [recognised[is_new], recognised[~is_new]]
    telling = {name: more_often(column, is_new) for name, column in zip(MEASURES, values.T)}
    order = sorted(telling, key=lambda name: -abs(telling[name] - 0.5))
    return Verdict(
        accuracy=float(np.mean([side.mean() for side in sides])),
        error=math.sqrt(sum(map(_variance, sides))) / len(sides),
        telling={name: telling[name] for name in order},
    )


def cross_validate(values: np.ndarray, is_new: np.ndarray, seed: int) -> np.ndarray:
    """Return which pieces are classified correctly: bool `(N,)`.

    Args:
        values: float `(N, M)`, NaN for missing values.
        is_new: bool `(N,)`, with at least `FOLDS` pieces on either side.
        seed: random seed of the folds, which are stratified.
    """
    fold = np.empty(len(values), np.int64)
    rng = np.random.default_rng(seed)
    for side in (is_new, ~is_new):
        fold[side] = rng.permutation(side.sum()) % FOLDS
    recognised = np.empty(len(values), bool)
    for number in range(FOLDS):
        asked = fold == number
        weights, scale = fit_judge(values[~asked], is_new[~asked])
        recognised[asked] = (scale(values[asked]) @ weights > 0) == is_new[asked]
    return recognised


def fit_judge(values: np.ndarray, is_new: np.ndarray) -> tuple[np.ndarray, Scaling]:
    """Return the weights `(M + 1,)` of a classifier, and the scaling of its inputs.

    The weights minimise the logistic loss, with both classes weighted equally, plus half the sum of
    their squares, by Newton's method. The last weight is the bias, which is not regularised.
    """
    scale = _scaling(values)
    inputs = scale(values)  # (N, M + 1)
    counts = np.where(is_new, 1 / is_new.sum(), 1 / (~is_new).sum()) * len(is_new) / 2
    prior = np.append(np.full(values.shape[1], PRIOR), 0.0)
    weights = np.zeros(inputs.shape[1])
    for _ in range(MOST_STEPS):
        chance = (1 + np.tanh(inputs @ weights / 2)) / 2
        slope = inputs.T @ (counts * (chance - is_new)) + prior * weights
        curvature = (inputs.T * (counts * chance * (1 - chance))) @ inputs + np.diag(prior)
        step = np.linalg.solve(curvature, slope)
        weights -= step
        if np.abs(step).max() < SMALL_STEP:
            break
    return weights, scale


def more_often(values: np.ndarray, is_new: np.ndarray) -> float:
    """Return the probability that a new piece has more: the area under the ROC curve.

    Example:
        >>> more_often(np.array([3.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False]))
        0.875
    """
    known = ~np.isnan(values)
    new, corpus = values[known & is_new], values[known & ~is_new]
    if not new.size or not corpus.size:
        return 0.5
    ordered = np.sort(corpus)
    below = np.searchsorted(ordered, new, "left") + np.searchsorted(ordered, new, "right")
    return float(below.mean() / 2 / corpus.size)


def _variance(recognised: np.ndarray) -> float:
    """Return the variance of a fraction, with two pseudo-observations, one of each outcome.

    Similar to Agresti and Coull 1998: that none of five pieces is recognised does not mean that the
    fraction is known without error.
    """
    pieces = recognised.size + 2
    share = (recognised.sum() + 1) / pieces
    return float(share * (1 - share) / pieces)


def _measures(score: Score) -> list[float]:
    """Return the measures of a piece in the order of `MEASURES`; NaN if it has no notes."""
    if not len(score):
        return [math.nan] * len(MEASURES)
    measures = measure([score])
    return [measures[name] for name in MEASURES]


def _scaling(values: np.ndarray) -> Scaling:
    """Return a function that standardises measures, imputes 0 for missing ones, and appends a 1."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / counts
    spread = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / counts)
    spread[spread == 0] = 1

    def scale(others: np.ndarray) -> np.ndarray:
        scaled = np.where(np.isnan(others), 0, (others - mean) / spread)
        return np.append(scaled, np.ones((len(others), 1)), axis=1)

    return scale
