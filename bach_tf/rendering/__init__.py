"""A file ending -> the writer of that format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.chorale_csv import write_chorale_csv
from bach_tf.engraving import write_svg
from bach_tf.midi import write_midi
from bach_tf.musicxml import write_musicxml
from bach_tf.piano_roll import write_piano_roll
from bach_tf.score import Score
from bach_tf.synthesis import write_wav

# Each takes (score, path, tempo_qpm=..., program=..., voice_names=...).
RENDERERS: dict[str, Callable[..., None]] = {
    ".mid": write_midi,
    ".wav": write_wav,
    ".musicxml": write_musicxml,
    ".svg": write_svg,
    ".png": write_piano_roll,
    ".csv": write_chorale_csv,
}


def render(score: Score, path: Path, **style) -> None:
    """Write a score in the format of the path's ending.

    Args:
        score: the piece.
        path: its ending is one of `RENDERERS`.
        **style: `tempo_qpm`, `program` and `voice_names`, as `write_midi` takes them, and what
            the writer of the format takes beside them, such as the tuning of `write_wav`.

    Raises:
        ValueError: an unknown ending, or a style that the format cannot hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    choose(RENDERERS, path.suffix, "format")(score, path, **style)


def check_formats(formats: str) -> list[str]:
    """Return the file endings that a user names, such as `.mid` and `.png` of "mid,png".

    Raises:
        ValueError: a format that has no writer.

    Example:
        >>> check_formats("mid,.png")
        ['.mid', '.png']
    """
    endings = [f".{name.strip().removeprefix('.').lower()}" for name in formats.split(",")]
    for ending in endings:
        choose(RENDERERS, ending, "format")
    return list(dict.fromkeys(endings))
