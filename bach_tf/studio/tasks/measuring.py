"""What is measured of a piece on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bach_tf.measuring.versions import part_writing
from bach_tf.studio.tasks.pieces import check_names, from_json
from bach_tf.studio.tasks.sizes import check_measured

FOUR = 4  # voices of Bach's chorales, which a grade compares with


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the part-writing of a piece of up to four voices.

    Args:
        request: `piece`.

    Returns:
        what `bach_tf.measuring.versions.part_writing` returns, with `nats_per_token` null; the
        grade is null unless there are four voices, and of a single line nothing is measured.

    Raises:
        ValueError: if the piece is invalid, or cannot be measured.
    """
    check_names("request", request, ("piece",))
    score = from_json(request.get("piece"))
    check_measured(score)
    found = {"nats_per_token": None, **part_writing(score)}
    if score.voices <= 1:
        return {"nats_per_token": None}
    return found if score.voices == FOUR else {**found, "grade": None}
