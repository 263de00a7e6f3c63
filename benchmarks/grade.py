"""Bach's chorales graded against themselves, beside the published figures.

    python -m benchmarks.grade
    python -m benchmarks.grade --write-reference

The grade is that of A. Fang et al. 2020, see `bach_tf.measuring.grading`, on the embedded chorales:
with their repeated notes, as in the paper, and without them, as in grids. Values are medians, with
standard deviations in brackets. The second command writes what the package grades pieces against:
the histograms of the canonical training chorales.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bach_tf._basics.process import begin
from bach_tf.corpora import CORPORA, prepare_corpus, read_split
from bach_tf.corpora.chorales import is_interrupted, read_chorales, without_duplicates
from bach_tf.corpora.preparation.chorale_scores import chorale_files
from bach_tf.formats.grid_csv import VOICES
from bach_tf.measuring.grading import TERMS, Features, changes, features, fit_reference, grade
from bach_tf.measuring.grading.reference import BACH, to_plain
from bach_tf.score import Score

# Table 1 of arXiv 2006.13329: 351 chorales of music21.
PUBLISHED = (
    (0.24, 0.15), (0.23, 0.14), (0.0, 0.69), (0.41, 0.2), (0.47, 0.28), (0.49, 0.23), (0.53, 0.24),
    (0.69, 0.4), (1.29, 0.88), (4.91, 1.63),
)  # fmt: skip
HEADINGS = ("", "published", "with repeated notes", "grids")


def found_in(score: Score, *, repeated: bool) -> Features:
    """Return what a chorale is graded by, with its repeated notes or as a grid."""
    grid = score.to_grid(len(VOICES))
    begins = changes(grid)
    if repeated:
        begins[score.onset, score.voice] = True
    return features(grid, begins)


def against_themselves(pieces: Sequence[Features]) -> list[tuple[float, float]]:
    """Return the median and the deviation of each term, and of the grade: `(10, 2)`."""
    reference = fit_reference(pieces)
    terms = np.array([list(grade(piece, reference).values()) for piece in pieces])
    columns = np.append(terms, terms.sum(axis=1, keepdims=True), axis=1)
    return list(zip(np.median(columns, axis=0).tolist(), columns.std(axis=0).tolist()))


def format_table(scores: Sequence[Score]) -> str:
    """Return a line for each term, and one for the grade."""
    columns = [
        against_themselves([found_in(score, repeated=repeated) for score in scores])
        for repeated in (True, False)
    ]
    lines = [" | ".join(("", *HEADINGS, "")).strip(), "| --- " * len(HEADINGS) + "|"]
    for name, *cells in zip((*TERMS, "grade"), PUBLISHED, *columns):
        values = (f"{median:.2f} ({deviation:.2f})" for median, deviation in cells)
        lines.append(f"| {' | '.join((name, *values))} |")
    return "\n".join(lines)


def write_reference(path: Path) -> None:
    """Write what pieces are graded against where no corpus is at hand."""
    folder = prepare_corpus(CORPORA["jsb"].music)
    train = read_split(folder, "train")
    found = fit_reference([features(score.to_grid(len(VOICES))) for score in train])
    path.write_text(json.dumps(to_plain(found)) + "\n", encoding="utf-8")
    print(f"{path}: {len(train)} chorales")


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-reference", action="store_true", help=f"write {BACH.name} instead")
    if parser.parse_args(argv).write_reference:
        write_reference(BACH)
        return 0
    found = read_chorales(chorale_files())
    whole = {name: score for name, score in found.items() if not is_interrupted(score)}
    scores = list(without_duplicates(whole).values())
    print(f"{len(scores)} chorales of music21\n\n{format_table(scores)}")
    return 0


if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    sys.exit(main())
