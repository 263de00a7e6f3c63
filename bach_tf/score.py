"""`Score`, the one currency between the rooms: notes in columns on an integer grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

STEPS_PER_QUARTER = 4
VELOCITY = 80
COLUMNS = ("onset", "duration", "pitch", "voice", "velocity")
SILENCE = 0  # in a grid, where a voice does not sound


@dataclass(frozen=True, eq=False, kw_only=True)
class Score:
    """A piece: `N` notes in columns, and what its source says about the whole.

    Args:
        onset: int array `(N,)`, the step at which each note begins.
        duration: int array `(N,)`, in steps, at least 1.
        pitch: int array `(N,)`, MIDI numbers 0..127 (60 is middle C).
        voice: int array `(N,)`, 0 is the highest.
        velocity: int array `(N,)`, 1..127.
        length: steps in the whole piece, a final rest included.
        steps_per_quarter: the grid; 4 is a grid of sixteenths.
        title: for a chorale its BWV number and name.
        key_signature: sharps (positive) or flats (negative); `None` where unknown.
        time_signature: beats in a bar and the note value of a beat; `None` where unknown.
        upbeat: steps before the first bar line; 0 where the piece starts on it.
        fermatas: steps at which a note with a fermata begins.

    Notes are kept in the order of onset, then voice, then pitch, so that two scores
    with the same notes are equal.

    Raises:
        ValueError: a column of another length or of other than whole numbers, or a value
            outside its bounds. The message names the note.

    Example:
        >>> score = Score.from_grid([[67, 60], [67, 59], [0, 60]])
        >>> score.pitch.tolist(), score.duration.tolist()
        ([67, 60, 59, 60], [2, 1, 1, 1])
    """

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    voice: np.ndarray
    velocity: np.ndarray
    length: int
    steps_per_quarter: int = STEPS_PER_QUARTER
    title: str = ""
    key_signature: int | None = None
    time_signature: tuple[int, int] | None = None
    upbeat: int = 0
    fermatas: tuple[int, ...] = ()

    def __post_init__(self):
        columns = [_whole_numbers(name, getattr(self, name)) for name in COLUMNS]
        sizes = [column.size for column in columns]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"Columns must be of one length. Received: {dict(zip(COLUMNS, sizes))}"
            )
        onset, _, pitch, voice, _ = columns
        order = np.lexsort((pitch, voice, onset))
        for name, column in zip(COLUMNS, columns):
            column = column[order]
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if self.time_signature is not None:
            object.__setattr__(self, "time_signature", tuple(self.time_signature))
        object.__setattr__(self, "fermatas", tuple(int(step) for step in self.fermatas))
        self._check_bounds()

    def _check_bounds(self):
        if self.steps_per_quarter < 1:
            raise ValueError(
                f"`steps_per_quarter` must be at least 1. Received: {self.steps_per_quarter}"
            )
        if self.length < 0:
            raise ValueError(f"`length` must be at least 0. Received: {self.length}")
        if self.key_signature is not None and not -7 <= self.key_signature <= 7:
            raise ValueError(f"`key_signature` must be in -7..7. Received: {self.key_signature}")
        if self.time_signature is not None and min(self.time_signature) < 1:
            raise ValueError(
                f"`time_signature` must be of two numbers above 0. Received: {self.time_signature}"
            )
        bounds = {
            "onset": (0, self.length),
            "duration": (1, self.length),
            "pitch": (0, 127),
            "voice": (0, 255),
            "velocity": (1, 127),
        }
        for name, (low, high) in bounds.items():
            column = getattr(self, name)
            wrong = np.flatnonzero((column < low) | (column > high))
            if wrong.size:
                note = int(wrong[0])
                raise ValueError(
                    f"`{name}` must be in {low}..{high}. Received: {column[note]} (note {note})"
                )
        ends = self.onset + self.duration
        if ends.size and ends.max() > self.length:
            raise ValueError(
                f"Notes must end within `length`={self.length} steps. "
                f"Received: a note that ends at step {ends.max()}"
            )

    def __len__(self) -> int:
        """Return the number of notes."""
        return self.onset.size

    def __eq__(self, other) -> bool:
        if not isinstance(other, Score):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )

    __hash__ = None

    @property
    def voices(self) -> int:
        """Number of voices: the highest voice number in use, plus one."""
        return int(self.voice.max()) + 1 if len(self) else 0

    @property
    def steps_per_bar(self) -> int:
        """Steps in a bar, at least 1; four quarters where the source does not say."""
        beats, value = self.time_signature or (4, 4)
        # A bar of 1/64 is shorter than a step of a sixteenth.
        return max(1, 4 * self.steps_per_quarter * beats // value)

    def transpose(self, semitones: int) -> Score:
        """Return the score moved by `semitones`; the key signature becomes unknown.

        Raises:
            ValueError: a pitch would leave 0..127.
        """
        if semitones == 0:
            return self
        return replace(self, pitch=self.pitch + semitones, key_signature=None)

    def without_leading_silence(self) -> Score:
        """Return the score from its first note on; one without notes stays as it is."""
        silence = int(self.onset.min()) if len(self) else 0
        if silence == 0:
            return self
        return replace(
            self,
            onset=self.onset - silence,
            length=self.length - silence,
            upbeat=(self.upbeat - silence) % self.steps_per_bar,
            fermatas=tuple(step - silence for step in self.fermatas),
        )

    def to_grid(self, voices: int | None = None) -> np.ndarray:
        """Return the pitch that sounds at each step: int32 `(length, voices)`, 0 for silence.

        A grid cannot tell a held note from a repeated one: that is lost here.

        Args:
            voices: columns of the grid; as many as the score has when `None`.

        Raises:
            ValueError: more voices than columns, or two notes of one voice at a time.
        """
        voices = self.voices if voices is None else voices
        if self.voices > voices:
            raise ValueError(f"Expected at most {voices} voices. Received: {self.voices}")
        grid = np.full((self.length, voices), SILENCE, np.int32)
        for onset, duration, pitch, voice in zip(
            self.onset, self.duration, self.pitch, self.voice, strict=True
        ):
            cells = grid[onset : onset + duration, voice]
            if cells.any():
                raise ValueError(
                    f"A voice of a grid sounds one note at a time. Received: voice {voice} "
                    f"starts {pitch} at step {onset} while {cells[cells > 0][0]} sounds"
                )
            cells[:] = pitch
        return grid

    @classmethod
    def from_grid(cls, grid, *, velocity: int | Sequence[int] = VELOCITY, **about) -> Score:
        """Return the score of a grid; equal neighbours in a voice are one held note.

        Args:
            grid: ints `(T, voices)`, one row a step, 0 for silence.
            velocity: of every note, or one for each voice, 1..127.
            **about: `title`, `key_signature` and the other fields of `Score`.

        Raises:
            ValueError: not two-dimensional, or a pitch outside 0..127.
        """
        grid = _whole_numbers("grid", grid, dimensions=2)
        steps, voices = grid.shape
        columns = [_runs(grid[:, voice], voice) for voice in range(voices)]
        notes = np.concatenate(columns) if columns else np.zeros((0, 4), np.int64)
        onset, duration, pitch, voice = notes.T
        return cls(
            onset=onset,
            duration=duration,
            pitch=pitch,
            voice=voice,
            velocity=np.broadcast_to(velocity, voices)[voice],
            length=steps,
            **about,
        )


def _whole_numbers(name: str, values, dimensions: int = 1) -> np.ndarray:
    """Return `values` as a fresh int64 array, or say what came instead."""
    array = np.array(values)
    if array.size == 0 and array.ndim == dimensions:
        return array.astype(np.int64)
    if array.ndim != dimensions or array.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be {dimensions}-dimensional and of whole numbers. "
            f"Received: shape={array.shape}, dtype={array.dtype}"
        )
    return array.astype(np.int64)


def _runs(column: np.ndarray, voice: int) -> np.ndarray:
    """Return the notes of one voice: int `(N, 4)` of onset, duration, pitch, voice."""
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
    durations = np.diff(starts, append=column.size)
    notes = np.stack([starts, durations, column[starts], np.full(starts.size, voice)], axis=1)
    return notes[notes[:, 2] != SILENCE]
