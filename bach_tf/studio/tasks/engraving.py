"""The engraved score of a page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from bach_tf.formats.engraving import engrave_for_screen
from bach_tf.formats.rendition import PARTS, WritingWarning
from bach_tf.score import PERFORMANCE_TEMPO_QPM, SECONDS, Score, Tempo
from bach_tf.studio.tasks.pieces import check_names, from_json, rendition_of
from bach_tf.studio.tasks.requests import text, whole
from bach_tf.studio.tasks.sizes import ON_PAGE, check_engraving

FIELDS = ("piece", "given", "layout", "width", "scale")


def engrave(request: Mapping[str, Any]) -> dict[str, Any]:
    """Engrave a piece.

    Args:
        request: `piece`; and, if wanted, `given`, spans of given notes; `layout`, "parts" or
            "closed"; `width` in pixels; `scale` in percent.

    Returns:
        `svg`; `measures`, the ids of the bars in order, `{"id"}` each; `notes`, onset, voice and
        pitch by the id of each head; and `seconds`, pairs of step and seconds between which the
        sound is linear, from the beginning to the end.

    Raises:
        ValueError: if the piece or an option is invalid, or the piece is too long.
    """
    check_names("request", request, FIELDS)
    score = from_json(request.get("piece"))
    check_engraving(score, ON_PAGE)
    rendition = rendition_of(request, layout=text(request, "layout", PARTS))
    width, scale = whole(request, "width", 1000), whole(request, "scale", 44)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WritingWarning)
        found = engrave_for_screen(score, rendition, width=width, scale=scale)
    return {
        "svg": found.svg,
        "measures": [{"id": name} for name in found.measures],
        "notes": {name: list(note) for name, note in found.notes.items()},
        "seconds": seconds_of(score, rendition.tempi_of(score)),
    }


def seconds_of(score: Score, tempi: list[Tempo]) -> list[list[float]]:
    """Return pairs of step and seconds between which time is linear.

    Example:
        >>> seconds_of(Score.from_grid([[60]] * 8), [(0, 60), (4, 120)])
        [[0, 0.0], [4, 1.0], [8, 1.5]]
    """
    if score.timing == SECONDS:
        tempi = [(0, PERFORMANCE_TEMPO_QPM)]
    found: list[list[float]] = []
    seconds = 0.0
    ends = [*(step for step, _ in tempi[1:]), score.length]
    for (step, tempo_qpm), end in zip(tempi, ends):
        found.append([step, seconds])
        seconds += (end - step) * 60 / tempo_qpm / score.steps_per_quarter
    return [*found, [score.length, seconds]]
