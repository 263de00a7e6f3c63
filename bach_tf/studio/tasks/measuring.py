"""What is measured of a piece on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bach_tf.measuring.versions import part_writing
from bach_tf.studio.tasks.pieces import from_json


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the part-writing of a piece of up to four voices.

    Args:
        request: `piece`.

    Returns:
        what `bach_tf.measuring.versions.part_writing` returns, with `nats_per_token` null.

    Raises:
        ValueError: if the piece is invalid, or cannot be measured.
    """
    return {"nats_per_token": None, **part_writing(from_json(request.get("piece")))}
