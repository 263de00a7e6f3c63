"""Comparison of versions of a piece: faults, their cost, and the recommended version.

The version of highest likelihood is often the plainest, and may have faults of part-writing.
Therefore each fault has a cost in nats, and the version of lowest total cost is recommended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bach_tf.measuring.counterpoint import (
    FIFTH,
    OCTAVE,
    crossings,
    doubled_leading_notes,
    ending,
    find_parallels,
    last_chord,
    note_starts,
    out_of_range,
    parallels,
)
from bach_tf.measuring.grading import features, grade
from bach_tf.measuring.grading.reference import bach
from bach_tf.score import SECONDS, STEPS_PER_QUARTER, Score
from bach_tf.theory.grids import regrid

# Costs of faults in nats, about the surprisal of an unexpected note under the model of the
# canonical chorales.
COSTS = {
    "parallel_fifths": 6.0,
    "parallel_octaves": 6.0,
    "doubled_leading_notes": 4.0,
    "crossings": 1.0,
    "out_of_range": 1.0,
    "no_cadence": 12.0,
}
NONE_GIVEN = (False,) * 4  # of four voices


def faults(
    grid: np.ndarray, tonic: int | None = None, given: Sequence[bool] = NONE_GIVEN
) -> dict[str, int]:
    """Count each fault of `COSTS` in a piece.

    Args:
        grid: ints `(T, 4)`, a row a step, 0 for silence.
        tonic: the pitch class on which it is to end; that of the most probable key when `None`.
        given: whether each voice was given: its notes may be out of range.

    Returns:
        `parallel_fifths` and `parallel_octaves` (with unisons); `doubled_leading_notes`, chords;
        `crossings`, the places at which two neighbours cross; `out_of_range`, notes; and
        `no_cadence`, 1 where the piece does not end on its tonic, on a triad in root position.

    Example:
        >>> chords = [[72, 67, 64, 48]] * 8 + [[71, 67, 62, 43]] * 4 + [[72, 67, 64, 48]] * 4
        >>> [name for name, count in faults(np.array(chords)).items() if count]
        []
    """
    beyond = out_of_range(grid) & note_starts(grid) & ~np.asarray(given)
    crossed = crossings(grid)
    begun = crossed & ~np.concatenate([np.zeros((1, crossed.shape[1]), bool), crossed[:-1]])
    return {
        "parallel_fifths": int(parallels(grid, FIFTH).sum()),
        "parallel_octaves": int(parallels(grid, OCTAVE).sum()),
        "doubled_leading_notes": int(doubled_leading_notes(grid).sum()),
        "crossings": int(begun.sum()),
        "out_of_range": int(beyond.sum()),
        "no_cadence": int(not _ends_on(grid, tonic)),
    }


def _ends_on(grid: np.ndarray, tonic: int | None) -> bool:
    """Return whether a piece ends on a root-position triad on its tonic."""
    _, in_root_position, on_tonic = ending(grid)
    if tonic is None:
        return on_tonic
    return in_root_position and last_chord(grid)[0] % OCTAVE == tonic


def cost_of_faults(
    grid: np.ndarray, tonic: int | None = None, given: Sequence[bool] = NONE_GIVEN
) -> float:
    """Return the cost of the faults of a piece, in nats.

    Args:
        grid: as `faults` takes it.
        tonic: as `faults` takes it.
        given: as `faults` takes it.

    Example:
        >>> cost_of_faults(np.array([[67, 60, 55, 48]] * 4 + [[69, 62, 57, 50]] * 4)) > 6
        True
    """
    return sum(COSTS[name] * count for name, count in faults(grid, tonic, given).items())


def version_record(
    grid: np.ndarray, nats: float, tonic: int | None = None, given: Sequence[bool] = NONE_GIVEN
) -> dict[str, Any]:
    """Return the measurements of a version as plain data.

    Args:
        grid: ints `(T, 4)`.
        nats: minus the log-likelihood of the whole piece.
        tonic: as `faults` takes it.
        given: as `faults` takes it.

    Returns:
        `nats`, and `nats_per_token`; `grade`, the distance from Bach's chorales, 0 is best;
        `faults`; and `cost`, the nats with what the faults cost.
    """
    counted = faults(grid, tonic, given)
    return {
        "nats": nats,
        "nats_per_token": nats / max(grid.size, 1),
        "grade": sum(grade(features(grid), bach()).values()),
        "faults": counted,
        "cost": nats + sum(COSTS[name] * count for name, count in counted.items()),
    }


def recommended(records: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Return the number of the recommended version, counted from 1, and the reason.

    Args:
        records: the records of the versions from `version_record`; at least one.

    Example:
        >>> none = dict.fromkeys(COSTS, 0)
        >>> one = {"nats": 90.0, "cost": 96.0, "faults": none | {"parallel_fifths": 1}}
        >>> recommended([one, {"nats": 92.0, "cost": 92.0, "faults": none}])
        (2, 'no fault, and 92 nats: the lowest sum of nats and faults')
    """
    costs = [record["cost"] for record in records]
    chosen = int(np.argmin(costs))
    best = records[chosen]
    found = [f"{count} {_words(name, count)}" for name, count in best["faults"].items() if count]
    said = ", ".join(found) or "no fault"
    likeliest = min(records, key=lambda record: record["nats"])
    why = f"{said}, and {best['nats']:.0f} nats"
    if len(records) == 1:
        return 1, why
    fewest = best is likeliest and sum(best["faults"].values()) == min(
        sum(record["faults"].values()) for record in records
    )
    reason = (
        "the likeliest, with the fewest faults" if fewest else "the lowest sum of nats and faults"
    )
    return chosen + 1, f"{why}: {reason}"


def _words(name: str, count: int) -> str:
    """Describe a fault."""
    singular = {
        "parallel_fifths": "parallel fifth",
        "parallel_octaves": "parallel octave",
        "doubled_leading_notes": "doubled leading note",
        "crossings": "crossing",
        "out_of_range": "note out of range",
        "no_cadence": "end away from the tonic",
    }[name]
    if count == 1:
        return singular
    return singular.replace("note out", "notes out") if "note out" in singular else f"{singular}s"


def part_writing(score: Score) -> dict[str, Any]:
    """Measure the part-writing of a piece as plain data.

    Args:
        score: at most four voices, one note at a time in each, on a grid of sixteenths or a coarser
            one.

    Returns:
        `grade` and `faults`, as in `version_record`; and `parallels`, each with `kind` ("fifth" or
        "octave"), `voices` (0 is the highest), `start` and `step`, the steps of its intervals.

    Raises:
        ValueError: if the piece is a performance, has more than four voices, two notes at a time
            in a voice, or notes shorter than a sixteenth.

    Example:
        >>> found = part_writing(Score.from_grid([[67, 60]] * 4 + [[69, 62]] * 4))
        >>> found["parallels"][0]["kind"], found["faults"]["parallel_fifths"]
        ('fifth', 1)
    """
    if score.timing == SECONDS:
        raise ValueError("Part-writing is measured in steps of a beat. Received: a performance")
    fine = regrid(score, STEPS_PER_QUARTER)
    grid = fine.to_grid(len(NONE_GIVEN))
    scale = score.steps_per_quarter / STEPS_PER_QUARTER
    places = [each._asdict() for each in find_parallels(grid)]
    for place in places:
        place |= {name: round(place[name] * scale) for name in ("start", "step")}
        place["voices"] = list(place["voices"])
    return {
        "grade": sum(grade(features(grid), bach()).values()),
        "faults": faults(grid),
        "parallels": places,
    }
