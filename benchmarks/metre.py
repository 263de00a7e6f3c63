"""How often the metre and the upbeat of a chorale are found, and what is found in their place.

    python -m benchmarks.metre

Half of the chorales that come with music21 fit the weights of `bach_tf.theory.metre`, the other
half is read with them. All settings of a melody are in one half. A piece is read as a model writes
it: without fermatas, and with repeated notes held. `--weights` prints the weights.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bach_tf._basics.process import begin
from bach_tf.corpora import CORPORA, read_split
from bach_tf.corpora.chorales import melody_groups, melody_of
from bach_tf.corpora.preparation.prepared import SPLITS, piece_paths
from bach_tf.score import Score
from bach_tf.theory.metre import CANDIDATES, WEIGHTS, evidence, find_metre

Bars = tuple[tuple[int, int], int]  # time signature, and steps before the first bar line

PENALTY = 3.0  # of squared weights, for evidence of unit variance
UPDATES = 60  # of the weights at most; about ten do
OPENING = 128  # sixteenths: 8 bars of 4/4, as short as new pieces are
# A quarter in other note values: where each of its sixteenths begins, and its end.
DOUBLED = (0, 2, 4, 6, 8)
SWUNG = (0, 2, 4, 5, 6)  # a quarter and an eighth for two eighths


@dataclass(frozen=True)
class Sample:
    """A piece, and the bars in which it is written."""

    score: Score
    bars: Bars


def chorales(folder: Path) -> tuple[list[Sample], list[Sample]]:
    """Return the halves of a prepared corpus: groups of settings of a melody, dealt out in turn.

    Args:
        folder: of the corpus, whose pieces have a metre.
    """
    scores = {
        path.stem: score
        for split in SPLITS
        for path, score in zip(piece_paths(folder, split), read_split(folder, split), strict=True)
    }
    groups = melody_groups({name: melody_of(score) for name, score in scores.items()})
    halves: tuple[list[Sample], list[Sample]] = ([], [])
    for number, group in enumerate(sorted(map(sorted, groups))):
        halves[number % 2].extend(sample_of(scores[name]) for name in group)
    return halves


def sample_of(score: Score) -> Sample:
    """Return a piece whose metre is known."""
    assert score.time_signature is not None
    return Sample(score, (score.time_signature, score.upbeat))


def in_other_values(samples: Sequence[Sample]) -> list[Sample]:
    """Return pieces in 3/4 as they would be in 3/2, and those in 4/4 as they would be in 6/8."""
    others = []
    for sample in samples:
        signature, upbeat = sample.bars
        if signature == (3, 4):
            others.append(Sample(stretched(sample.score, DOUBLED), ((3, 2), 2 * upbeat)))
        elif signature == (4, 4):
            swung = stretched(sample.score, SWUNG)
            others.append(Sample(swung, ((6, 8), upbeat * 6 // 4 % 12)))
    return others


def stretched(score: Score, quarter: Sequence[int]) -> Score:
    """Return a piece with other note values, for a quarter those of `DOUBLED` or `SWUNG`."""
    places, length = np.array(quarter[:-1]), quarter[-1]

    def moved(steps):
        return steps // 4 * length + places[steps % 4]

    onset, end = moved(score.onset), moved(score.onset + score.duration)
    about = {"metres": (), "tempi": (), "fermatas": (), "upbeat": 0}
    return replace(
        score, onset=onset, duration=end - onset, length=int(moved(score.length)), **about
    )


def fit(samples: Sequence[Sample]) -> np.ndarray:
    """Return the weights of a multinomial logistic regression, by Newton's method.

    Args:
        samples: pieces; what they would be in other note values is added.
    """
    samples = [*samples, *in_other_values(samples)]
    given = np.stack([evidence(sample.score) for sample in samples])  # (N, C, F)
    scale = given.std(axis=(0, 1)) + 1e-9
    right = np.array([candidate_of(sample.bars) for sample in samples])
    weights = np.zeros(given.shape[2])
    loss, step = _newton(given / scale, right, weights)
    for _ in range(UPDATES):
        share = 1.0
        while (after := _newton(given / scale, right, weights - share * step))[0] > loss:
            share /= 2
            if share < 1e-6:
                return weights / scale
        weights, (loss, step) = weights - share * step, after
    return weights / scale


def _newton(given: np.ndarray, right: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the loss, and the step that Newton's method takes down from these weights."""
    logits = given @ weights
    logits -= logits.max(axis=1, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)  # (N, C)
    rows = np.arange(len(given))
    loss = PENALTY * weights @ weights - np.log(shares[rows, right] + 1e-300).sum()
    means = np.einsum("nc,ncf->nf", shares, given)
    slope = means.sum(axis=0) - given[rows, right].sum(axis=0) + 2 * PENALTY * weights
    spread = ((given - means[:, None]) * np.sqrt(shares)[:, :, None]).reshape(-1, weights.size)
    curvature = spread.T @ spread + 2 * PENALTY * np.eye(weights.size)
    return loss, np.linalg.solve(curvature, slope)


def candidate_of(bars: Bars) -> int:
    """Return the number in `CANDIDATES` of a metre and its upbeat in sixteenths."""
    signature, upbeat = bars
    return next(
        number
        for number, (kind, eighths) in enumerate(CANDIDATES)
        if (kind.beats, kind.value) == signature and 2 * eighths == upbeat
    )


def read(samples: Sequence[Sample], weights: np.ndarray, steps: int | None = None) -> Counter:
    """Return how often what was found: `{(written, found): times}`.

    Args:
        samples: pieces.
        weights: of the evidence.
        steps: of each piece, only so many; all when `None`.
    """
    found: Counter = Counter()
    for sample in samples:
        score = sample.score if steps is None else sample.score.opening(steps)
        found[sample.bars, find_metre(score, weights)] += 1
    return found


def rights(found: Counter) -> dict[str, int]:
    """Return in how many pieces the metre, the upbeat and both of them are right."""
    counts = dict.fromkeys(("metre", "upbeat", "both"), 0)
    for (written, bars), times in found.items():
        metre, upbeat = (
            bars is not None and one == two for one, two in zip(written, bars or written)
        )
        counts["metre"] += metre * times
        counts["upbeat"] += upbeat * times
        counts["both"] += (metre and upbeat) * times
    return counts


def format_rights(name: str, found: Counter) -> str:
    """Return a row of the table."""
    pieces = found.total()
    cells = (f"{count} ({count / pieces:.1%})" for count in rights(found).values())
    return f"| {name} | {pieces} | {' | '.join(cells)} |"


def format_confusion(found: Counter) -> str:
    """Return a table with a row for each metre and upbeat that is written, and what was found."""
    columns = sorted({bars for _, bars in found}, key=str)
    lines = [f"| written | {' | '.join(map(name_of, columns))} |"]
    lines.append("| --- |" + " --- |" * len(columns))
    for written in sorted({written for written, _ in found}):
        cells = (str(found[written, bars] or "") for bars in columns)
        lines.append(f"| {name_of(written)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def name_of(bars: Bars | None) -> str:
    """Return a metre and an upbeat in words.

    Example:
        >>> name_of(((4, 4), 4)), name_of(((3, 4), 0))
        ('4/4 upbeat 1/4', '3/4')
    """
    if bars is None:
        return "none"
    (beats, value), upbeat = bars
    return f"{beats}/{value}" + (f" upbeat {upbeat / 4:g}/4" if upbeat else "")


def format_weights(weights: np.ndarray) -> str:
    """Return the weights as `bach_tf.theory.metre` has them."""
    pulses, facts = weights[:-6].reshape(7, -1), weights[-6:]
    rows = [f"    ({', '.join(f'{each:.1f}' for each in row)})," for row in pulses]
    return "\n".join([*rows, f"({', '.join(f'{each:.1f}' for each in facts)})"])


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", action="store_true", help="print the weights alone")
    args = parser.parse_args(argv)
    try:
        first, second = chorales(CORPORA["chorales"].prepare(None))
    except (ValueError, OSError) as error:
        print(f"metre: {error}", file=sys.stderr)
        return 2
    if args.weights:
        print(format_weights(fit(first)))
        return 0
    whole = read(second, WEIGHTS)
    print("| read | pieces | metre right | upbeat right | both |\n| --- | --- | --- | --- | --- |")
    print(format_rights("the other half", whole))
    print(format_rights("its first 8 bars", read(second, WEIGHTS, OPENING)))
    others = read(in_other_values(second), WEIGHTS)
    print(format_rights("its 3/4 as 3/2, its 4/4 as 6/8", others))
    print(format_rights("halves exchanged", read(first, fit(second))))
    print(f"\n{format_confusion(whole)}")
    return 0


if __name__ == "__main__":
    begin()  # Ctrl-C prints no traceback
    sys.exit(main())
