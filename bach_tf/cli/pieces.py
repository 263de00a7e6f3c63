"""The report of `bach-tf generate` on the pieces it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.cli.talk import Talk, complain
from bach_tf.formats.rendition import Rendition
from bach_tf.score import Score
from bach_tf.theory.keys import estimate_key, key_signature, spell
from bach_tf.theory.note_names import note_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bach_tf.codecs import Codec
    from bach_tf.formats.files import Written

ACCIDENTALS = {-1: "b", 0: "", 1: "#"}  # `note_number` reads no double sharps
ONE_VOICE = "notes"  # heading of a single voice
ABSENT = "-"
LONGEST_REASON = 500  # characters of an error message
CAPTION = "For each voice: range, and note onsets per quarter."


class Pieces:
    """The pieces generated so far.

    Args:
        wanted: number of pieces.
    """

    def __init__(self, wanted: int):
        self.wanted = wanted
        self.begun = 0
        self._records: list[dict] = []
        self._errors: dict[Path, Exception] = {}
        self._numbers: dict[bytes, int] = {}  # piece: its number, from 1
        self._repeated: dict[int, int] = {}

    def add(
        self, ids: np.ndarray, score: Score, files: Written, codec: Codec, rendition: Rendition
    ) -> None:
        """Record a piece.

        Args:
            ids: the piece.
            score: the decoded piece.
            files: the files written, and errors.
            codec: the codec that decoded it.
            rendition: provides the tempo.

        Raises:
            ValueError: if none of its files could be written, for example on a full disk.
        """
        ended = codec.END in ids
        record = piece_record(score, files.paths, codec, rendition, ended)
        self.add_record(ids.tobytes(), files, record)

    def add_record(self, notes: bytes, files: Written, record: dict) -> None:
        """Record a piece by its facts.

        Args:
            notes: what is the same in two pieces that are the same.
            files: the written files, and errors.
            record: its facts.

        Raises:
            ValueError: no file of it could be written, for example on a full disk.
        """
        self.begun += 1
        self._errors |= files.errors
        first = self._numbers.setdefault(notes, self.begun)
        if first != self.begun:
            self._repeated[self.begun] = first
        if not files.paths:
            self._stop()
        self._records.append(record)

    def record(self) -> dict:
        """Return `pieces` and `warnings` (sentences) as plain data."""
        warnings = list(map(_reason, self._errors.items()))
        if self._repeated:
            number, first = next(iter(self._repeated.items()))
            warnings.append(
                f"{len(self._repeated)} of {self.begun} pieces repeat an earlier one: piece "
                f"{number} equals piece {first}. A higher temperature makes them differ."
            )
        return {"pieces": self._records, "warnings": warnings}

    def tell(
        self, record: dict, talk: Talk, table: Callable[[dict], RenderableType] | None = None
    ) -> None:
        """Report what was written and what failed.

        Args:
            record: the command's result.
            talk: the output.
            table: renders the record; `pieces_table` when `None`.

        Raises:
            ValueError: if a piece could not be written in some format.
        """
        talk.show((table or pieces_table)(record))
        paths = [path for piece in record["pieces"] for path in piece["files"]]
        talk.finish(record, paths, closing_line(record))
        if self._repeated:
            complain(talk.program, record["warnings"][-1])
        if self._errors:
            self._stop()

    @contextmanager
    def kept_if_stopped(self) -> Iterator[None]:
        """On Ctrl-C, report which pieces have been written."""
        try:
            yield
        except KeyboardInterrupt:
            if self._records:
                raise KeyboardInterrupt(self._kept()) from None
            raise

    def _kept(self) -> str:
        first, last = (self._records[n]["files"][0] for n in (0, -1))
        files = first if first == last else f"{first} to {last}"
        return f"{len(self._records)} of {self.wanted} pieces were written: {files}"

    def _stop(self) -> None:
        """Raise one error for all failures; programming errors keep their traceback."""
        for error in self._errors.values():
            if not isinstance(error, (ValueError, OSError)):
                raise error
        more = len(self._errors) - 1
        others = f" (and {more} more)" if more else ""
        kept = f" {self._kept()}." if self._records else ""
        reason = _reason(next(iter(self._errors.items()))).rstrip(".")
        raise ValueError(f"Not everything could be written: {reason}{others}.{kept}")


def _reason(failed: tuple[Path, Exception]) -> str:
    """Return why a file could not be written."""
    path, error = failed
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}"
    return shortened(str(error), LONGEST_REASON)


def piece_record(
    score: Score, paths: Sequence[Path], codec: Codec, rendition: Rendition, ended: bool
) -> dict:
    """Describe a piece as plain data.

    Args:
        score: the piece.
        paths: its files.
        codec: the codec that decoded it, which names the voices and defines whether there are
            bars.
        rendition: provides the tempo.
        ended: whether the model ended it; otherwise it was cut at the maximum length.

    Returns:
        `files`; `bars` (may be fractional; `None` if the codec has no bars); `seconds`;
        `notes`; `key` (estimated; `None` if there is none); `ended`; and `voices`, each with
        `name` and the fields of `voice_record`.
    """
    names = codec.part_names
    voices = max(score.voices, len(names))
    sharps = key_signature(score)
    return {
        "files": [str(path) for path in paths],
        "bars": None if codec.steps_per_bar is None else score.length / score.steps_per_bar,
        "seconds": seconds_of(score, rendition),
        "notes": len(score),
        "key": key_name(score),
        "ended": ended,
        "voices": [
            {"name": _name_of(voice, voices, names), **voice_record(score, voice, sharps)}
            for voice in range(voices)
        ],
    }


def seconds_of(score: Score, rendition: Rendition) -> float:
    """Return the duration of a piece in seconds, following its tempi.

    Args:
        score: the piece.
        rendition: provides the tempo, if it differs from the score's.

    Example:
        >>> seconds_of(Score.from_grid([[67]] * 8, tempi=[(0, 60), (4, 30)]), Rendition())
        3.0
    """
    tempi = rendition.tempi_of(score)
    ends = [*(start for start, _ in tempi[1:]), score.length]
    return sum(
        (end - start) / score.steps_per_quarter * 60 / qpm for (start, qpm), end in zip(tempi, ends)
    )


def voice_record(score: Score, voice: int, sharps: int = 0) -> dict:
    """Return the range of a voice and its onsets per quarter.

    Args:
        score: the piece.
        voice: its number, 0 is the highest.
        sharps: key signature for spelling the range.

    Returns:
        `lowest` and `highest` (note names, `None` for a silent voice), `notes` (their number)
        and `moves` (mean number of onsets per quarter).

    Example:
        >>> score = Score.from_grid([[67], [67], [65], [65], [64], [64], [64], [64]])
        >>> voice_record(score, 0)
        {'lowest': 'E4', 'highest': 'G4', 'notes': 3, 'moves': 1.5}
    """
    mine = score.voice == voice
    pitches = score.pitch[mine]
    quarters = score.length / score.steps_per_quarter
    return {
        "lowest": spelled(int(pitches.min()), sharps) if pitches.size else None,
        "highest": spelled(int(pitches.max()), sharps) if pitches.size else None,
        "notes": int(pitches.size),
        # A chord in one voice is one move.
        "moves": np.unique(score.onset[mine]).size / quarters if quarters else 0.0,
    }


def spelled(pitch: int, sharps: int) -> str:
    """Spell a pitch in a key.

    Args:
        pitch: MIDI number.
        sharps: the key signature; negative for flats.

    Example:
        >>> spelled(58, -2), spelled(58, 5)
        ('Bb3', 'A#3')
    """
    letter, alteration, octave = spell(pitch, sharps)
    if alteration not in ACCIDENTALS:
        return note_name(pitch)
    return f"{letter}{ACCIDENTALS[alteration]}{octave}"


def key_name(score: Score) -> str | None:
    """Return the name of the estimated key; `None` if there is none.

    Example:
        >>> key_name(Score.from_grid([[63], [67], [70], [68], [65], [62], [63]]))
        'Eb major'
    """
    key = estimate_key(score)
    if key is None:
        return None
    tonic, mode = key
    letter, alteration, _ = spell(tonic, key_signature(score))
    return f"{letter}{ACCIDENTALS[alteration]} {mode}"


def pieces_table(record: dict) -> RenderableType:
    """Return a table with one row per piece, and a caption.

    Args:
        record: the command's result, with `seed`, `run` and `pieces`.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    pieces = record["pieces"]
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("piece", no_wrap=True)
    in_bars = pieces[0]["bars"] is not None
    table.add_column("bars" if in_bars else "seconds", justify="right")
    table.add_column("end")
    table.add_column("key")
    for voice in pieces[0]["voices"]:
        table.add_column(voice["name"])
    for piece in pieces:
        length = f"{piece['bars']:.1f}" if in_bars else f"{piece['seconds']:.0f}"
        end = "own" if piece["ended"] else "cut"
        voices = [_range_and_moves(voice) for voice in piece["voices"]]
        name = Path(piece["files"][0]).stem
        table.add_row(name, length, end, piece["key"] or ABSENT, *voices)
    return Group(table, Text(CAPTION, style="dim"))


def closing_line(record: dict) -> str:
    """Return the last line: the files, and how to reproduce them.

    Args:
        record: the command's result, with `seed`, `run` and `pieces`.
    """
    pieces = record["pieces"]
    first, last = pieces[0], pieces[-1]
    about = f"seed {record['seed']}, from {record['run']}"
    files = ", ".join(first["files"])
    between = _number(last) - _number(first) + 1 - len(pieces)
    others = f" (with {between} others in between)" if between > 0 else ""
    if len(pieces) > 1:
        return f"{files} to {', '.join(last['files'])}: {len(pieces)} pieces{others}, {about}"
    bars = "" if first["bars"] is None else f"{first['bars']:.1f} bars, "
    return f"{files}: {bars}{first['notes']} notes, {first['seconds']:.0f} s, {about}"


def _number(piece: dict) -> int:
    """Return the number at the end of a piece's file name; 0 if there is none."""
    number = Path(piece["files"][0]).stem.rpartition("_")[2]
    return int(number) if number.isdecimal() else 0


def _name_of(voice: int, voices: int, names: Sequence[str]) -> str:
    if voice < len(names):
        return names[voice]
    return ONE_VOICE if voices == 1 else f"voice {voice + 1}"


def _range_and_moves(voice: dict) -> str:
    if voice["lowest"] is None:
        return ABSENT
    return f"{voice['lowest']}-{voice['highest']} {voice['moves']:.1f}"
