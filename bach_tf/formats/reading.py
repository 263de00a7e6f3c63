"""A piece from a file, with the tempo and the instrument that the file asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.formats.grid_csv import VOICES, read_grid_csv
from bach_tf.formats.midi import CHURCH_ORGAN, TEMPO_QPM
from bach_tf.formats.midi.events import FIRST_TEMPO, PERCUSSION, merged, notes_by_channel, open_midi
from bach_tf.formats.midi.reading import to_performance, to_score
from bach_tf.score import PERFORMANCE_TEMPO_QPM, SECONDS, STEPS_PER_QUARTER, Score

TRIPLETS, FINE = 12, 48  # steps a quarter: triplets besides sixteenths; 64ths and theirs
# What a user may ask for. `None` takes the first of the others that fits the file.
GRIDS = {
    "auto": None,
    "sixteenths": STEPS_PER_QUARTER,
    "triplets": TRIPLETS,
    "fine": FINE,
    "seconds": SECONDS,  # no grid of beats: notes where they sound
}
# What share of the notes must begin on a grid for it to fit: the others would be moved.
SHARES = {STEPS_PER_QUARTER: 1.0, TRIPLETS: 0.98, FINE: 0.9}
MEASURED, NEAR = 960, 5  # steps a quarter on which that is measured, and how near is on it


@dataclass(frozen=True)
class Piece:
    """A score, and what its file says of how it is to sound.

    Args:
        score: the notes.
        tempo_qpm: quarter notes a minute.
        program: General MIDI instrument, 0..127.
        voice_names: where they are known.
        programs: the instrument of each voice, where they are known.
    """

    score: Score
    tempo_qpm: float = TEMPO_QPM
    program: int = CHURCH_ORGAN
    voice_names: tuple[str, ...] = ()
    programs: tuple[int, ...] = ()


def read_piece(path: Path, grid: int | str | None = None) -> Piece:
    """Read a CSV grid or a MIDI file.

    Args:
        path: of the file.
        grid: one of `GRIDS`, for a MIDI file. `None` for the coarsest on which its notes
            begin; where they begin on none it is a performance, in seconds.

    Raises:
        ValueError: another ending, no such file, or one that cannot be read.

    Example:
        >>> piece = read_piece(Path("prelude.mid"))  # doctest: +SKIP
    """
    read = choose(READERS, path.suffix.lower(), "kind of piece")
    if not path.is_file():
        raise ValueError(f"No file {path}.")
    return read(path, grid)


def _read_csv(path: Path, grid: int | str | None) -> Piece:
    return Piece(Score.from_grid(read_grid_csv(path), title=path.stem), voice_names=VOICES)


def _read_midi(path: Path, grid: int | str | None) -> Piece:
    file = open_midi(path)
    grid = _grid_of(file, path) if grid is None else grid
    tempo_qpm, program = _first_tempo_and_program(file)
    if grid == SECONDS:
        return Piece(to_performance(file, path), PERFORMANCE_TEMPO_QPM, program)
    names, programs = _names_and_programs(file, program)
    return Piece(to_score(file, path, grid), tempo_qpm, program, names, programs)


READERS: dict[str, Callable[[Path, int | str | None], Piece]] = {
    ".csv": _read_csv,
    ".mid": _read_midi,
    ".midi": _read_midi,
}


def _grid_of(file: mido.MidiFile, path: Path) -> int | str:
    """Return the coarsest grid on which the notes of a MIDI file begin."""
    onsets = to_score(file, path, MEASURED).onset
    for grid, share in SHARES.items():
        step = MEASURED // grid
        distance = np.minimum(onsets % step, -onsets % step)
        if not onsets.size or np.mean(distance <= NEAR) >= share:
            return grid
    return SECONDS


def _first_tempo_and_program(file: mido.MidiFile) -> tuple[float, int]:
    tempi, programs = [], []
    for _, message in merged(file):
        if message.type == "set_tempo" and message.tempo > 0:
            tempi.append(message.tempo)
        if message.type == "program_change" and message.channel != PERCUSSION:
            programs.append(message.program)
    tempo_qpm = mido.tempo2bpm((tempi or [FIRST_TEMPO])[0])
    return round(tempo_qpm, 3), (programs or [CHURCH_ORGAN])[0]


def _names_and_programs(
    file: mido.MidiFile, program: int
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the name and the first instrument of each voice that `read_midi` makes.

    Args:
        file: which.
        program: of a channel for which the file chooses none.
    """
    anywhere = _first_programs(message for _, message in merged(file))
    names, programs = [], []
    for track in file.tracks:
        here = {**anywhere, **_first_programs(track)}
        name = next((message.name for message in track if message.type == "track_name"), "")
        for channel in sorted(notes_by_channel(track).keys() - {PERCUSSION}):
            names.append(name.strip())
            programs.append(here.get(channel, program))
    return tuple(names), tuple(programs)


def _first_programs(messages: Iterable[mido.Message | mido.MetaMessage]) -> dict[int, int]:
    """Return the program that each channel is given first."""
    programs = {}
    for message in messages:
        if message.type == "program_change":
            programs.setdefault(message.channel, message.program)
    return programs
