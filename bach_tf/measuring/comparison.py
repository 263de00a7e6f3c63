"""Comparing new pieces with a corpus: measures, grades, and what gives the new ones away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bach_tf.measuring import counterpoint
from bach_tf.measuring.grading import TERMS, Features, Reference, features, fit_reference, grade
from bach_tf.measuring.judging import tell_apart
from bach_tf.score import Score

MOST_TELLING = 6  # number of measures named below the table
UNITS = {
    **counterpoint.UNITS,
    "grade_median": "0 is best",
    "grade_quartile_1": "",
    "grade_quartile_3": "",
    **{f"grade_{term}": "of the grade, median" for term in TERMS},
    "told_apart": "% of pieces, 50 by chance",
    "told_apart_error": "% of pieces",
}


@dataclass(frozen=True)
class Comparison:
    """A comparison of new pieces with those of a corpus.

    Args:
        columns: for the new pieces and each split, by name, the results of `counterpoint.measure`
            and `grades`. For the new pieces also `told_apart`, the accuracy of a classifier that
            distinguishes them from the corpus, and `told_apart_error`, its standard error.
        telling: for each measure how well it alone distinguishes them, see `Verdict`; empty with
            too few pieces.
    """

    columns: dict[str, dict[str, float]]
    telling: dict[str, float]


def compare(
    name: str, pieces: Sequence[Score], splits: Mapping[str, Sequence[Score]], seed: int = 0
) -> Comparison:
    """Compare new pieces with those of a corpus.

    Args:
        name: name of the column for the new pieces.
        pieces: pieces of at most four voices on a grid of sixteenths.
        splits: those of the corpus; copies are searched for in "train", and grades are
            distances from it.
        seed: random seed of the cross-validation folds.

    Raises:
        ValueError: if there are no pieces or no notes, or a piece has too many voices or
            another grid.

    Example:
        >>> piece = Score.from_grid([[67, 64, 60, 48]] * 4 + [[69, 65, 62, 50]] * 4)
        >>> columns = compare("new", [piece], {"train": [piece]}).columns
        >>> columns["new"]["copied_bars_max"], columns["train"]["grade_median"]
        (0.5, 0.0)
    """
    train = splits["train"]
    columns = {name: counterpoint.measure(pieces, train)}
    columns["train"] = counterpoint.measure(train)  # each piece would find itself in the split
    others = {split: scores for split, scores in splits.items() if split != "train"}
    columns |= {split: counterpoint.measure(scores, train) for split, scores in others.items()}
    found = {column: _features(scores) for column, scores in {name: pieces, **splits}.items()}
    reference = fit_reference(found["train"])
    for column, measures in columns.items():
        measures |= grades(found[column], reference)
    corpus = [score for scores in splits.values() for score in scores]
    verdict = tell_apart(pieces, corpus, seed)
    if verdict is None:
        return Comparison(columns, {})
    columns[name] |= {"told_apart": verdict.accuracy, "told_apart_error": verdict.error}
    return Comparison(columns, verdict.telling)


def grades(pieces: Sequence[Features], reference: Reference) -> dict[str, float]:
    """Return `grade_median`, both quartiles, and the median of each term as `grade_TERM`.

    Args:
        pieces: features of at least one piece.
        reference: what they are compared with.
    """
    terms = np.array([list(grade(piece, reference).values()) for piece in pieces])  # (N, 9)
    first, median, third = np.quantile(terms.sum(axis=1), (0.25, 0.5, 0.75)).tolist()
    each = zip(TERMS, np.median(terms, axis=0).tolist())
    return {
        "grade_median": median,
        "grade_quartile_1": first,
        "grade_quartile_3": third,
        **{f"grade_{term}": value for term, value in each},
    }


def format_comparison(comparison: Comparison) -> str:
    """Return a table of the columns, followed by what gives the new pieces away."""
    table = counterpoint.format_table(comparison.columns, UNITS)
    most = list(comparison.telling.items())[:MOST_TELLING]
    if not most:
        return table
    named = ", ".join(f"{measure} {share:.0%}" for measure, share in most)
    return (
        f"{table}\n\nMost telling, with the fraction of pairs in which the new piece has more than "
        f"the corpus's: {named}"
    )


def _features(scores: Sequence[Score]) -> list[Features]:
    return [features(score.to_grid(len(counterpoint.VOICES))) for score in scores]
