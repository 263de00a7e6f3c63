"""Readers and writers by file suffix."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bach_tf._basics.choices import choose
from bach_tf.formats.abc_tunes import read_abc_file, read_abc_tunes
from bach_tf.formats.chorale_csv import check_csv_grid, read_chorale_csv, write_chorale_csv
from bach_tf.formats.engraving import write_pdf, write_svg
from bach_tf.formats.kern import read_kern_file
from bach_tf.formats.midi import write_midi
from bach_tf.formats.midi.pieces import read_midi_piece
from bach_tf.formats.musicxml import read_musicxml, write_musicxml
from bach_tf.formats.piano_roll import write_piano_roll
from bach_tf.formats.reading import Grid, Piece, ReadingWarning
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.formats.sound.timing import LONGEST_SECONDS
from bach_tf.formats.sound.writing import check_encoder, write_opus, write_wav
from bach_tf.score import Score


@dataclass(frozen=True)
class Writer:
    """The writer of a format and its preconditions.

    Args:
        write: takes the score, the path and the rendition.
        is_sound: whether the format is audio, limited to one hour.
        check_ready: takes the suffix; raises `ValueError` if a package is missing.
        check_grid: takes the steps per quarter; raises `ValueError` if the format cannot hold them.
    """

    write: Callable[[Score, Path, Rendition], None]
    is_sound: bool = False
    check_ready: Callable[[str], None] | None = None
    check_grid: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Reader:
    """The reader of a format.

    Args:
        read: takes the path, the grid, whether to be strict, and `options` as keywords.
        options: a subset of "unfold", to play out repeats, and "tune", a number in a tune book.
        read_all: for formats with several pieces per file: takes the path and the grid; returns
            pieces, or errors, by their names in the file.
    """

    read: Callable[..., Piece]
    options: frozenset[str] = frozenset()
    read_all: Callable[..., dict[str, Piece | ValueError]] | None = None


READERS: dict[str, Reader] = {
    ".csv": Reader(read_chorale_csv),
    ".mid": Reader(read_midi_piece),
    ".midi": Reader(read_midi_piece),
    ".rmi": Reader(read_midi_piece),
    ".kar": Reader(read_midi_piece),
    ".musicxml": Reader(read_musicxml, frozenset({"unfold"})),
    ".xml": Reader(read_musicxml, frozenset({"unfold"})),
    ".mxl": Reader(read_musicxml, frozenset({"unfold"})),
    ".krn": Reader(read_kern_file, frozenset({"unfold"})),
    ".abc": Reader(read_abc_file, frozenset({"unfold", "tune"}), read_abc_tunes),
}
WRITERS: dict[str, Writer] = {
    ".mid": Writer(write_midi),
    ".midi": Writer(write_midi),
    ".wav": Writer(write_wav, is_sound=True),
    ".opus": Writer(write_opus, is_sound=True, check_ready=check_encoder),
    ".ogg": Writer(write_opus, is_sound=True, check_ready=check_encoder),
    ".musicxml": Writer(write_musicxml),
    ".svg": Writer(write_svg),
    ".pdf": Writer(write_pdf),
    ".png": Writer(write_piano_roll),
    ".csv": Writer(write_chorale_csv, check_grid=check_csv_grid),
}
SCRATCH = ".writing-"  # prefix of the folder in which a file is written


def read(
    path: Path,
    grid: Grid | None = None,
    strict: bool = False,
    *,
    unfold: bool = False,
    tune: int | None = None,
) -> Piece:
    """Read a piece; repairs, omissions and choices in its file raise warnings.

    Readers return their warnings in `Piece.warnings`. Here they become Python warnings of the class
    `ReadingWarning`, so that no caller misses them; the command line prints them.

    Args:
        path: its suffix is one of `READERS`.
        grid: one of `reading.GRIDS`, for files that have none of their own. `None` for the grid
            that fits the notes; if there is none, the piece is a performance, in seconds.
        strict: reject files with faults that could be repaired.
        unfold: play out the repeats of a notated piece.
        tune: the number of one in a tune book; the first where it is `None`.

    Raises:
        ValueError: an unknown suffix, a missing or unreadable file, or a tune number for a file
            with one piece.

    Example:
        >>> piece = read(Path("prelude.mid"))  # doctest: +SKIP
    """
    reader = choose(READERS, path.suffix.lower(), "kind of piece")
    if not path.is_file():
        raise ValueError(f"No file {path}.")
    if tune is not None and "tune" not in reader.options:
        raise ValueError(f"{path.name} holds one piece: there is no tune {tune} to choose.")
    given = {"unfold": unfold, "tune": tune}
    options = {name: value for name, value in given.items() if name in reader.options}
    piece = reader.read(path, grid, strict, **options)
    for sentence in piece.warnings:
        warnings.warn(sentence, ReadingWarning, stacklevel=2)
    return piece


def read_all(path: Path, grid: Grid | None = None) -> dict[str, Piece | ValueError]:
    """Return all pieces of a file, or the errors in reading them, by their names in the file.

    No warnings are raised; they are in the pieces. A single piece has the name "".

    Args:
        path: its suffix is one of `READERS`.
        grid: as in `read`.

    Raises:
        ValueError: an unknown suffix, or an unreadable file.

    Example:
        >>> list(read_all(Path("book.abc")))  # doctest: +SKIP
        ['1 (The Swallow)', '2 (The Wren)']
    """
    reader = choose(READERS, path.suffix.lower(), "kind of piece")
    if reader.read_all is None:
        return {"": reader.read(path, grid, False)}
    pieces = reader.read_all(path, grid)
    return pieces if len(pieces) > 1 else dict(zip([""], pieces.values()))


def write(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score in the format given by the suffix of the path.

    Args:
        score: the piece.
        path: its suffix is one of `WRITERS`, in lower or upper case.
        rendition: of the piece.

    Raises:
        ValueError: an unknown suffix, or a score that the format cannot hold; the message names
            the file.
        OSError: the file cannot be written, for example because the disk is full; names the file.

    Example:
        >>> write(Score.from_grid([[67, 60]]), Path("two.mid"))  # doctest: +SKIP
    """
    writer = choose(WRITERS, path.suffix.lower(), "format")
    try:
        rendition.tempi_of(score)  # one that cannot be is refused by every format
        _write_whole(lambda whole: writer.write(score, whole, rendition), path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except OSError as error:
        if error.errno:
            error.filename = str(path)  # not the scratch one, or none at all
        raise


def _write_whole(write: Callable[[Path], None], path: Path) -> None:
    """Write atomically: a failed or interrupted write leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=SCRATCH) as scratch:
        # Some libraries infer the format from a lower-case suffix.
        whole = Path(scratch) / path.with_suffix(path.suffix.lower()).name
        write(whole)
        os.replace(whole, path)


def check_formats(formats: str) -> list[str]:
    """Parse a list of formats such as "mid,png" into suffixes.

    Raises:
        ValueError: an unknown format, or one whose packages are not installed.

    Example:
        >>> check_formats("mid,.png")
        ['.mid', '.png']
    """
    endings = [f".{name.strip().removeprefix('.').lower()}" for name in formats.split(",")]
    for ending in endings:
        writer = choose(WRITERS, ending, "format")
        if writer.check_ready is not None:
            writer.check_ready(ending)
    return list(dict.fromkeys(endings))


class Grained(Protocol):
    """The grid of a codec.

    Args:
        steps_per_quarter: of decoded scores.
        steps_per_bar: `None` if steps have no fixed duration.
    """

    steps_per_quarter: int
    steps_per_bar: int | None


def check_room_in(endings: Sequence[str], codec: Grained, steps: int, tempo_qpm: float) -> None:
    """Check in advance that formats can hold the scores of a codec.

    Args:
        endings: of the formats.
        codec: that will decode the scores.
        steps: maximum length of a piece, in steps of the codec.
        tempo_qpm: quarter notes per minute.

    Raises:
        ValueError: a grid that a format cannot hold, or sound longer than one hour.
    """
    for ending in endings:
        check_grid = WRITERS[ending].check_grid
        if check_grid is not None:
            check_grid(codec.steps_per_quarter)
    quarters = 0 if codec.steps_per_bar is None else 4 * steps / codec.steps_per_bar
    sounds = [ending for ending in endings if WRITERS[ending].is_sound]
    if sounds and quarters * 60 / tempo_qpm > LONGEST_SECONDS:
        raise ValueError(
            f"{', '.join(sounds)}: expected sound of at most {LONGEST_SECONDS} s, got pieces of up "
            f"to {quarters * 60 / tempo_qpm:.0f} s. Ask for shorter ones."
        )
