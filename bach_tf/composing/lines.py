"""Assignment of the lines of a piece to the voices of a choir.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.midi.names import rank_of
from bach_tf.score import COLUMNS, Part, Score

NUMBERS = {name: number for number, name in enumerate(VOICES)}
# The voice that each rank of `formats.midi.names` sings: a mezzo the alto, a baritone the bass.
SUNG_BY_RANK = (0, 1, 1, 2, 2, 3, 3)
# Mean pitches of the four voices of the embedded chorales, rounded.
CENTRES = (71, 65, 59, 51)


def melody_of(score: Score, voice: str) -> int:
    """Return the line of a piece that is the melody for a voice.

    This is the line with its name, or the line in its position among four; otherwise the lowest for
    the bass, and the highest for the other voices.

    Args:
        score: the piece, highest line first.
        voice: one of `VOICES`.

    Raises:
        ValueError: if the voice is unknown, or there are no notes.

    Example:
        >>> melody_of(Score.from_grid([[72, 60, 48]]), "bass")
        2
    """
    number = choose(NUMBERS, voice, "voice")
    lines = _lines(score)
    named = [line for line in lines if _sung_by(score, line) == number]
    if named:
        return named[0]
    if len(lines) == len(VOICES):
        return lines[number]
    return lines[-1] if number == NUMBERS["bass"] else lines[0]


def voices_of(score: Score, wanted: Sequence[str] = ()) -> dict[int, int]:
    """Assign the lines of a piece with up to four lines to voices.

    Names decide if each line is named after a different voice, else order and mean pitches.

    Args:
        score: the piece, highest line first.
        wanted: names of voices that unnamed lines are to include, if there are enough lines.

    Returns:
        `{line: voice}`, both counted from 0.

    Raises:
        ValueError: if there are no notes, or more than four lines.

    Example:
        >>> voices_of(Score.from_grid([[72, 48]]))
        {0: 0, 1: 3}
        >>> voices_of(Score.from_grid([[72]]), ["bass"])
        {0: 3}
    """
    lines = _lines(score)
    if len(lines) > len(VOICES):
        named = ", ".join(_name_of(score, line) for line in lines)
        raise ValueError(
            f"Expected a piece of up to {len(VOICES)} parts. Received: {len(lines)} ({named}). "
            "Give the highest alone, without naming what to keep or to rewrite, or fewer parts."
        )
    sung = [(line, voice) for line in lines if (voice := _sung_by(score, line)) is not None]
    if len({voice for _, voice in sung}) == len(lines):
        return dict(sung)
    means = [score.pitch[score.voice == line].mean() for line in lines]
    return dict(zip(lines, _nearest(means, {NUMBERS[name] for name in wanted})))


def as_voices(score: Score, voices: dict[int, int]) -> Score:
    """Return the lines of a piece as monophonic voices.

    If a line has chords, their highest notes are used (for the bass, the lowest).

    Args:
        score: the piece.
        voices: the voice of each line; other lines are left out.

    Example:
        >>> as_voices(Score.from_grid([[72, 48]]), {1: 3}).voice.tolist()
        [3]
    """
    kept, durations = [], []
    for line, voice in voices.items():
        mine = np.flatnonzero(score.voice == line)
        notes, lengths = _one_at_a_time(score, mine, lowest=voice == NUMBERS["bass"])
        kept.append(notes)
        durations.append(lengths)
    index = np.concatenate(kept)
    columns = {name: getattr(score, name)[index] for name in COLUMNS}
    columns["duration"] = np.concatenate(durations)
    columns["voice"] = np.array([voices[line] for line in score.voice[index].tolist()], int)
    parts = [Part()] * len(VOICES)
    for line, voice in voices.items():
        if line < len(score.parts):
            parts[voice] = score.parts[line]
    pedals = ((down, up, voices[line]) for down, up, line in score.pedals if line in voices)
    return replace(score, **columns, parts=tuple(parts), pedals=tuple(pedals))


def has_chords(score: Score, line: int) -> bool:
    """Return whether a line has simultaneous notes.

    Example:
        >>> has_chords(Score.from_grid([[72, 48]]), 0)
        False
    """
    mine = score.voice == line
    onset = score.onset[mine]
    return bool((onset[1:] < (onset + score.duration[mine])[:-1]).any())


def _lines(score: Score) -> list[int]:
    """Return the lines with notes, the highest first."""
    if not len(score):
        raise ValueError("Expected a melody. Received: a piece without notes.")
    return np.unique(score.voice).tolist()


def _name_of(score: Score, line: int) -> str:
    name = score.parts[line].name if line < len(score.parts) else ""
    return name or f"voice {line + 1}"


def _sung_by(score: Score, line: int) -> int | None:
    """Return the voice that a line is named after, or `None`."""
    rank = rank_of(score.parts[line].name) if line < len(score.parts) else None
    return None if rank is None else SUNG_BY_RANK[rank[0]]


def _nearest(means: Sequence[float], wanted: set[int]) -> tuple[int, ...]:
    """Return the voices, from the highest down, with the usual pitches closest to these.

    As many of the wanted voices as possible are among them.
    """

    def distance(voices: tuple[int, ...]) -> tuple[int, float]:
        apart = sum(abs(CENTRES[voice] - mean) for voice, mean in zip(voices, means))
        return len(wanted.difference(voices)), apart

    return min(combinations(range(len(VOICES)), len(means)), key=distance)


def _one_at_a_time(
    score: Score, mine: np.ndarray, *, lowest: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the notes of a line that remain in a monophonic version, and their durations."""
    height = -score.pitch if lowest else score.pitch
    notes: list[int] = []
    ends: list[int] = []
    for note in mine[np.lexsort((-height[mine], score.onset[mine]))].tolist():
        onset = int(score.onset[note])
        if notes and onset < ends[-1]:
            if onset == score.onset[notes[-1]] or height[notes[-1]] > height[note]:
                continue  # below what sounds
            ends[-1] = onset
        notes.append(note)
        ends.append(onset + int(score.duration[note]))
    index = np.array(notes, int)
    return index, np.array(ends, int) - score.onset[index]
