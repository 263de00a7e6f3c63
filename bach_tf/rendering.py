"""A file ending -> the writer of that format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.midi import write_midi
from bach_tf.score import Score

# Each takes (score, path, tempo_qpm=..., program=..., voice_names=...).
RENDERERS: dict[str, Callable[..., None]] = {".mid": write_midi}


def render(score: Score, path: Path, **style) -> None:
    """Write a score in the format of the path's ending.

    Args:
        score: the piece.
        path: its ending is one of `RENDERERS`.
        **style: `tempo_qpm`, `program` and `voice_names`, as `write_midi` takes them.

    Raises:
        ValueError: an unknown ending, or a style that the format cannot hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    choose(RENDERERS, path.suffix, "format")(score, path, **style)
