"""Files that come in and go out: uploads, sound, and pieces to take home."""

from __future__ import annotations

import re
import tempfile
import unicodedata
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf.formats import READERS, WRITERS, write
from bach_tf.formats import read as read_file
from bach_tf.formats.reading import ReadingWarning
from bach_tf.formats.rendition import PLAIN, Rendition, WritingWarning
from bach_tf.score import Score
from bach_tf.studio.tasks.engraving import seconds_of
from bach_tf.studio.tasks.pieces import check_names, from_json, rendition_of, to_json
from bach_tf.studio.tasks.requests import text, whole
from bach_tf.studio.tasks.sizes import IN_FILE, check_engraving

MEDIA_TYPES = {
    ".mid": "audio/midi",
    ".wav": "audio/wav",
    ".opus": "audio/ogg",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".csv": "text/csv",
}
ENGRAVED = (".musicxml", ".svg", ".pdf")
SOUNDS = {"wav": ".wav", "opus": ".opus"}
LONGEST_NAME = 80  # characters
LONGEST_SECONDS = 20 * 60  # of sound
NO_LETTERS = re.compile(r"[^A-Za-z0-9 _-]")


def read(name: str, data: bytes, tune: int | None = None) -> dict[str, Any]:
    """Read an uploaded file.

    Args:
        name: of the file; its ending determines the format.
        data: its bytes.
        tune: number of a tune in a tune book; by default, the first.

    Returns:
        `piece`, `warnings` in sentences, and `tunes`, the number of pieces in the file.

    Raises:
        ValueError: if the file cannot be read; names it.
    """
    ending = Path(name).suffix.lower()
    reader = choose(READERS, ending, "kind of piece")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = Path(folder) / f"{safe_name(Path(name).stem)}{ending}"
        path.write_bytes(data)
        try:
            score = read_file(path, tune=tune).score
            tunes = 1 if reader.read_all is None else len(reader.read_all(path, None))
        except ValueError as error:
            raise ValueError(str(error).replace(f"{folder}/", "")) from None
    piece = _sendable(path.name, score)
    said = [str(each.message) for each in caught if issubclass(each.category, ReadingWarning)]
    said = list(dict.fromkeys(each.replace(f"{folder}/", "") for each in said))
    return {"piece": piece, "warnings": said, "tunes": tunes}


def _sendable(name: str, score: Score) -> dict[str, Any]:
    """Return a piece that was read as plain data, if it may be sent back."""
    piece = to_json(score)
    try:
        from_json(piece)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return piece


def sound(request: Mapping[str, Any]) -> tuple[bytes, str]:
    """Render a piece, or one of its voices, as sound.

    All voices of a piece have the same length, so that they can be mixed.

    Args:
        request: `piece`; `voice`, a number, or null for all; `format`, "opus" or "wav".

    Returns:
        the bytes of the file, and its media type.

    Raises:
        ValueError: if the piece, the voice or the format is invalid, or the piece is too long.
    """
    check_names("request", request, ("piece", "voice", "format"))
    score = from_json(request.get("piece"))
    ending = choose(SOUNDS, text(request, "format", "wav"), "format")
    _check_duration(score)
    voice = whole(request, "voice")
    if voice is not None:
        score = only_voice(score, voice)
    return _written(score, ending), MEDIA_TYPES[ending]


def only_voice(score: Score, voice: int) -> Score:
    """Return a score in which only one voice sounds; its length and parts are kept.

    Raises:
        ValueError: if there is no such voice.

    Example:
        >>> only_voice(Score.from_grid([[67, 60]] * 4), 1).pitch.tolist()
        [60]
    """
    voices = max(score.voices, len(score.parts), 1)
    if not 0 <= voice < voices:
        raise ValueError(f"`voice` must be in 0..{voices - 1}. Received: {voice}")
    kept = score.voice == voice
    columns = ("onset", "duration", "pitch", "voice", "velocity")
    notes: dict[str, Any] = {name: getattr(score, name)[kept] for name in columns}
    pedals = tuple(pedal for pedal in score.pedals if pedal[2] == voice)
    return replace(score, **notes, pedals=pedals)


def export(request: Mapping[str, Any]) -> tuple[bytes, str, str]:
    """Write a piece as a file.

    Args:
        request: `piece`; `format`, such as "mid" or "pdf"; and `given`, spans of given notes.

    Returns:
        the bytes of the file, its media type, and a safe name.

    Raises:
        ValueError: if the piece or the format is invalid, or the format cannot hold the piece.
    """
    check_names("request", request, ("piece", "given", "format"))
    score = from_json(request.get("piece"))
    ending = f".{text(request, 'format', 'mid').lower()}"
    media_type = choose(MEDIA_TYPES, ending, "format")
    if WRITERS[ending].is_sound:
        _check_duration(score)
    if ending in ENGRAVED:
        check_engraving(score, IN_FILE)
    data = _written(score, ending, rendition_of(request))
    return data, media_type, f"{safe_name(score.title)}{ending}"


def safe_name(title: str) -> str:
    """Return a file name, without its ending, that every system can hold.

    Example:
        >>> safe_name("../Wär Gott: nicht"), safe_name("")
        ('War Gott nicht', 'piece')
    """
    return (
        NO_LETTERS.sub("", unicodedata.normalize("NFKD", title)).strip()[:LONGEST_NAME].strip()
        or "piece"
    )


def _check_duration(score: Score) -> None:
    _, seconds = seconds_of(score, PLAIN.tempi_of(score))[-1]
    if seconds > LONGEST_SECONDS:
        raise ValueError(
            f"Sound is limited to {LONGEST_SECONDS // 60} minutes. Received: a piece of "
            f"{seconds / 60:.0f} minutes"
        )


def _written(score: Score, ending: str, rendition: Rendition = PLAIN) -> bytes:
    """Return the contents of a file with a piece."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", WritingWarning)
        path = Path(folder) / f"piece{ending}"
        try:
            write(score, path, rendition)
        except ValueError as error:
            raise ValueError(str(error).removeprefix(f"{path}: ")) from None
        return path.read_bytes()
