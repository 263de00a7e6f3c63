"""A file ending -> the writer of that format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.chorale_csv import write_chorale_csv
from bach_tf.engraving import write_pdf, write_svg
from bach_tf.midi import write_midi
from bach_tf.musicxml import write_musicxml
from bach_tf.piano_roll import write_piano_roll
from bach_tf.rendering.sound import write_opus, write_wav
from bach_tf.score import Score

# Each takes (score, path, tempo_qpm=..., program=..., voice_names=...).
RENDERERS: dict[str, Callable[..., None]] = {
    ".mid": write_midi,
    ".wav": write_wav,
    ".opus": write_opus,
    ".ogg": write_opus,
    ".musicxml": write_musicxml,
    ".svg": write_svg,
    ".pdf": write_pdf,
    ".png": write_piano_roll,
    ".csv": write_chorale_csv,
}
SOUNDS = (".wav", ".opus", ".ogg")  # these also take (programs=..., synthesiser=..., tuning=...)
WITH_PRIMER = (".png",)  # these also take (primer_steps=...)


def render(score: Score, path: Path, *, primer_steps: int = 0, **style) -> None:
    """Write a score in the format of the path's ending.

    Args:
        score: the piece.
        path: its ending is one of `RENDERERS`.
        primer_steps: how much of the beginning was given, and not made by a model. The pictures
            that can do so show it, see `WITH_PRIMER`.
        **style: `tempo_qpm`, `program` and `voice_names`, as `write_midi` takes them, and what
            the writer of the format takes beside them, such as the tuning of `write_wav`.

    Raises:
        ValueError: an unknown ending, or a style that the format cannot hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write = choose(RENDERERS, path.suffix, "format")
    if path.suffix in WITH_PRIMER:
        style["primer_steps"] = primer_steps
    write(score, path, **style)


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
