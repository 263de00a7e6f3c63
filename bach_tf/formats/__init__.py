"""A file ending -> what reads that format, and what writes it."""

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
    """What writes a format, and what is to be known of it before there is a score.

    Args:
        write: takes the score, the path and the rendition.
        is_sound: whether it plays the piece, which may then be of an hour at most.
        check_ready: takes the ending; raises `ValueError` where a package is missing.
        check_grid: takes the steps in a quarter; raises `ValueError` where the format has others.
    """

    write: Callable[[Score, Path, Rendition], None]
    is_sound: bool = False
    check_ready: Callable[[str], None] | None = None
    check_grid: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Reader:
    """What reads a format.

    Args:
        read: takes the path, the grid, whether to be strict, and `options` by their names.
        options: of "unfold", to play repeats out, and "tune", for the number of one in a book.
        read_all: where a file may hold several pieces: takes the path and the grid, and returns
            them, or why one cannot be read, by their names in the file.
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
SCRATCH = ".writing-"  # begins the name of the folder in which a file is written


def read(
    path: Path,
    grid: Grid | None = None,
    strict: bool = False,
    *,
    unfold: bool = False,
    tune: int | None = None,
) -> Piece:
    """Read a piece; what was mended, left out or chosen in its file is warned of.

    Readers return their warnings in `Piece.warnings` and say nothing. Here they become warnings of
    Python, a `ReadingWarning` each, so that no caller can lose them; the command line prints them.

    Args:
        path: its ending is one of `READERS`.
        grid: one of `reading.GRIDS`, for a file that has none of its own. `None` for the coarsest
            on which its notes begin; where they begin on none it is a performance, in seconds.
        strict: refuse a file with a fault that could be read over.
        unfold: play out the repeats of a notated piece.
        tune: the number of one in a tune book; the first where it is `None`.

    Raises:
        ValueError: another ending, no such file, one that cannot be read, or the number of a tune
            for a file that holds one piece.

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
    """Return all pieces of a file, or why one cannot be read, by their names in the file.

    Nothing is warned of: warnings are in the pieces. A file of one piece has the name "".

    Args:
        path: its ending is one of `READERS`.
        grid: as `read` takes it.

    Raises:
        ValueError: another ending, or a file that cannot be read.

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
    """Write a score in the format of the path's ending.

    Args:
        score: the piece.
        path: its ending is one of `WRITERS`, in small or capital letters.
        rendition: how it is to be written.

    Raises:
        ValueError: an unknown ending, or a score that the format cannot hold; the message names
            the file.
        OSError: it cannot be written, as on a full disk; it names the file, too.

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
    """Let a file appear when it is whole: one that has failed or was stopped leaves no half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=SCRATCH) as scratch:
        # Some libraries go by the ending, and know it in small letters.
        whole = Path(scratch) / path.with_suffix(path.suffix.lower()).name
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
        writer = choose(WRITERS, ending, "format")
        if writer.check_ready is not None:
            writer.check_ready(ending)
    return list(dict.fromkeys(endings))


class Grained(Protocol):
    """What a codec knows of its steps.

    Args:
        steps_per_quarter: of the scores that it decodes.
        steps_per_bar: `None` where it does not count in bars.
    """

    steps_per_quarter: int
    steps_per_bar: int | None


def check_room_in(endings: Sequence[str], codec: Grained, steps: int, tempo_qpm: float) -> None:
    """Check that formats can hold the scores of a codec, before there are any.

    Args:
        endings: of the formats.
        codec: that will decode the scores.
        steps: of a piece at most, as the codec counts them.
        tempo_qpm: quarter notes per minute.

    Raises:
        ValueError: a grid that a format cannot hold, or sound that may be longer than an hour.
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
