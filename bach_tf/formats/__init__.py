"""A file ending -> the writer of that format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf.formats.chorale_csv import check_csv_grid, write_chorale_csv
from bach_tf.formats.engraving import write_pdf, write_svg
from bach_tf.formats.midi import TEMPO_QPM, write_midi
from bach_tf.formats.musicxml import write_musicxml
from bach_tf.formats.piano_roll import write_piano_roll
from bach_tf.formats.sound.synthesis import LONGEST_SECONDS
from bach_tf.formats.sound.writing import check_encoder, write_opus, write_wav
from bach_tf.score import Score
from bach_tf.theory.instruments import check_style

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
ENCODED = (".opus", ".ogg")  # these need the extra `sound`
SCRATCH = ".writing-"  # begins the name of the folder in which a file is written
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
        ValueError: an unknown ending, or a score or style that the format cannot hold; the
            message names the file.
    """
    write = choose(RENDERERS, path.suffix, "format")
    if path.suffix in WITH_PRIMER:
        style["primer_steps"] = primer_steps
    try:
        check_style(style.get("tempo_qpm", TEMPO_QPM), style.get("program", 0))
        _write_whole(lambda whole: write(score, whole, **style), path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _write_whole(write: Callable[[Path], None], path: Path) -> None:
    """Let a file appear when it is whole: one that has failed or was stopped leaves no half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=SCRATCH) as scratch:
        whole = Path(scratch) / path.name
        write(whole)
        os.replace(whole, path)


def check_formats(formats: str) -> list[str]:
    """Return the file endings that a user names, such as `.mid` and `.png` of "mid,png".

    Raises:
        ValueError: a format that has no writer, or whose packages are not installed.

    Example:
        >>> check_formats("mid,.png")
        ['.mid', '.png']
    """
    endings = [f".{name.strip().removeprefix('.').lower()}" for name in formats.split(",")]
    for ending in endings:
        choose(RENDERERS, ending, "format")
        if ending in ENCODED:
            check_encoder(ending)
    return list(dict.fromkeys(endings))


def check_room_in(endings: Sequence[str], codec, steps: int, tempo_qpm: float) -> None:
    """Check that formats can hold the scores of a codec, before there are any.

    Args:
        endings: of the formats.
        codec: that will decode the scores.
        steps: of a piece at most, as the codec counts them.
        tempo_qpm: quarter notes a minute.

    Raises:
        ValueError: a grid that CSV cannot hold, or sound that may be longer than an hour.
    """
    if ".csv" in endings:
        check_csv_grid(codec.steps_per_quarter)
    quarters = 0 if codec.steps_per_bar is None else 4 * steps / codec.steps_per_bar
    sounds = [ending for ending in endings if ending in SOUNDS]
    if sounds and quarters * 60 / tempo_qpm > LONGEST_SECONDS:
        raise ValueError(
            f"{', '.join(sounds)}: expected sound of at most {LONGEST_SECONDS} s, got pieces of up "
            f"to {quarters * 60 / tempo_qpm:.0f} s. Ask for shorter ones."
        )
