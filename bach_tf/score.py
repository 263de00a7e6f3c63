"""`Score`, the one currency between the rooms: notes in columns on an integer grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from bach_tf._basics.columns import (
    check_keys,
    check_places,
    check_spans,
    is_key,
    tuples,
    whole_numbers,
    whole_steps,
)
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import is_whole

STEPS_PER_QUARTER = 4
VELOCITY = 80
COLUMNS = ("onset", "duration", "pitch", "voice", "velocity")
SILENCE = 0  # marks a rest in a grid
BEATS, SECONDS = "beats", "seconds"
TIMINGS = (BEATS, SECONDS)  # what a grid subdivides
# At this tempo a score in seconds plays at its original speed: 1/100 of a quarter is 8 ms.
PERFORMANCE_TEMPO_QPM = 75
MOST_VOICES = 256
HIGHEST_NUMBER = 127  # of MIDI's programs and controllers

Tempo = tuple[int, float]  # first step, quarter notes per minute
Metre = tuple[int, int, int]  # first step, beats per bar, note value of a beat
KeyChange = tuple[int, int]  # first step, sharps
Pedal = tuple[int, int, int]  # first step, end, voice


@dataclass(frozen=True)
class Part:
    """Who plays or sings a voice.

    Args:
        name: "" if unknown.
        program: General MIDI program, 0..127; `None` if unknown.
        volume: 0..127, MIDI controller 7; `None` if unknown.
        pan: 0 (left) to 127 (right), MIDI controller 10; `None` if unknown.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> Part("Cello", program=42)
        Part(name='Cello', program=42, volume=None, pan=None)
    """

    name: str = ""
    program: int | None = None
    volume: int | None = None
    pan: int | None = None

    def __post_init__(self):
        for name in ("program", "volume", "pan"):
            number = getattr(self, name)
            if number is None:
                continue
            if not is_whole(number) or not 0 <= number <= HIGHEST_NUMBER:
                raise ValueError(
                    f"`{name}` must be in 0..{HIGHEST_NUMBER}. Received: {shortened(number)}"
                )


@dataclass(frozen=True, eq=False, kw_only=True)
class Score:
    """A piece: `N` notes in columns, and metadata about the whole.

    Args:
        onset: int array `(N,)`, the step at which each note begins.
        duration: int array `(N,)`, in steps, at least 1.
        pitch: int array `(N,)`, MIDI numbers 0..127 (60 is middle C).
        voice: int array `(N,)`, 0 is the highest voice.
        velocity: int array `(N,)`, 1..127.
        length: length of the piece in steps, including a final rest.
        steps_per_quarter: resolution of the grid; 4 is a grid of sixteenths.
        timing: "beats" if the grid subdivides the beat, or "seconds" if it subdivides time, as in
            a performance. Then quarters and bars are meaningless, and `PERFORMANCE_TEMPO_QPM`
            is the tempo at which the score plays at its original speed.
        tempi: tempo changes, `(step, quarters per minute)` each; empty if unknown.
        metres: metre changes, `(step, beats per bar, note value of a beat)` each; empty if
            unknown. Each begins a new bar.
        title: for a chorale its BWV number and name.
        key_signature: sharps (positive) or flats (negative); `None` if unknown.
        key_changes: later key signatures, `(step, sharps)` each.
        upbeat: steps before the first bar line; 0 if the piece begins with a full bar. May be
            longer than a bar or the rest of a piece; only the part of a bar counts.
        fermatas: onsets of notes with a fermata.
        parts: one for each voice, the highest first; may be shorter, or empty, if unknown.
        pedals: spans of the sustain pedal, `(start, end, voice)` each: notes that end within one
            sound until its end. Durations are as struck, so that a melody stays monophonic.

    Notes are sorted by onset, voice and pitch, so that scores with the same notes are equal.

    Raises:
        ValueError: if the columns differ in length or are not integers, or a value is out of
            range (the message names the note), invalid or not in order.

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
    timing: str = BEATS
    title: str = ""
    key_signature: int | None = None
    tempi: tuple[Tempo, ...] = ()
    metres: tuple[Metre, ...] = ()
    key_changes: tuple[KeyChange, ...] = ()
    upbeat: int = 0
    fermatas: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    pedals: tuple[Pedal, ...] = ()

    def __post_init__(self):
        columns = [whole_numbers(name, getattr(self, name)) for name in COLUMNS]
        sizes = [column.size for column in columns]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"Columns must be of equal length. Received: {dict(zip(COLUMNS, sizes))}"
            )
        onset, _, pitch, voice, _ = columns
        order = np.lexsort((pitch, voice, onset))
        for name, column in zip(COLUMNS, columns):
            column = column[order]
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        for name in ("tempi", "metres", "key_changes", "pedals"):
            object.__setattr__(self, name, tuples(name, getattr(self, name)))
        object.__setattr__(self, "pedals", tuple(sorted(self.pedals)))
        object.__setattr__(self, "fermatas", whole_steps("fermatas", self.fermatas))
        object.__setattr__(self, "parts", tuple(self.parts))
        self._check_about()
        self._check_bounds()

    def _check_about(self):
        for name, least in (("steps_per_quarter", 1), ("length", 0), ("upbeat", 0)):
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                raise ValueError(
                    f"`{name}` must be a whole number of at least {least}. "
                    f"Received: {shortened(value, quote=True)}"
                )
        if self.timing not in TIMINGS:
            raise ValueError(f"`timing` must be one of {TIMINGS}. Received: {self.timing!r}")
        key = self.key_signature
        if key is not None and not is_key(key):
            raise ValueError(f"`key_signature` must be in -7..7. Received: {shortened(key)}")
        if len(self.parts) > MOST_VOICES:
            raise ValueError(
                f"Expected at most {MOST_VOICES} `parts`. Received: {len(self.parts)} parts"
            )
        check_places("tempi", self.tempi, "quarter notes per minute", 2, self.length)
        check_places("metres", self.metres, "beats and note values", 3, self.length)
        check_keys("key_changes", self.key_changes, self.length)
        check_spans("pedals", self.pedals, self.length, MOST_VOICES)

    def _check_bounds(self):
        bounds = {
            "onset": (0, self.length),
            "duration": (1, self.length),
            "pitch": (0, 127),
            "voice": (0, MOST_VOICES - 1),
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

    __hash__ = None  # type: ignore[assignment]  # as for any class with its own __eq__

    @property
    def voices(self) -> int:
        """Number of voices: the highest voice number in use, plus one."""
        return int(self.voice.max()) + 1 if len(self) else 0

    @property
    def time_signature(self) -> tuple[int, int] | None:
        """Beats per bar and note value of a beat in the first metre; `None` if unknown."""
        return self.metres[0][1:] if self.metres else None

    @property
    def steps_per_bar(self) -> int:
        """Steps per bar in the first metre, at least 1; four quarters if unknown."""
        return self._bar_of(*(self.time_signature or (4, 4)))

    def _bar_of(self, beats: int, value: int) -> int:
        # A bar of 1/64 is shorter than a step of a sixteenth.
        return max(1, 4 * self.steps_per_quarter * beats // value)

    def transpose(self, semitones: int) -> Score:
        """Return the score moved by `semitones`; its key signature becomes unknown.

        Raises:
            ValueError: if a pitch would leave 0..127.
        """
        if semitones == 0:
            return self
        return replace(self, pitch=self.pitch + semitones, key_signature=None, key_changes=())

    def without_leading_silence(self) -> Score:
        """Return the score from its first note on; a score without notes is returned as it is."""
        silence = int(self.onset.min()) if len(self) else 0
        if silence == 0:
            return self

        def moved(step: int) -> int:
            return max(0, step - silence)

        return replace(
            self,
            onset=self.onset - silence,
            length=self.length - silence,
            tempi=move_places(self.tempi, moved),
            metres=move_places(self.metres, moved),
            key_signature=self.key_signature_at(silence),
            key_changes=tuple((at - silence, k) for at, k in self.key_changes if at > silence),
            upbeat=self.steps_to_bar_line(silence),
            fermatas=tuple(step - silence for step in self.fermatas),
            pedals=_within(self.pedals, silence, self.length, -silence),
        )

    def key_signature_at(self, step: int) -> int | None:
        """Return the key signature at a step, in sharps."""
        before = [sharps for place, sharps in self.key_changes if place <= step]
        return before[-1] if before else self.key_signature

    def steps_to_bar_line(self, step: int) -> int:
        """Return the number of steps from `step` to the next bar line; 0 on a bar line.

        Example:
            >>> Score.from_grid([[60]] * 9, metres=[(0, 2, 4)], upbeat=2).steps_to_bar_line(3)
            7
        """
        begin, bar = self.upbeat, self.steps_per_bar
        for number, (place, *metre) in enumerate(self.metres):
            if place > step:
                break
            begin, bar = place if number else self.upbeat, self._bar_of(*metre)
        return (begin - step) % bar

    def opening(self, steps: int) -> Score:
        """Return the first steps of the score, truncating notes that go on.

        Args:
            steps: number of steps, at least 0; shorter scores are returned unchanged.

        Example:
            >>> Score.from_grid([[60]] * 9).opening(4).duration.tolist()
            [4]
        """
        if self.length <= steps:
            return self
        heard = self.onset < steps
        columns = {name: getattr(self, name)[heard] for name in COLUMNS}
        columns["duration"] = np.minimum(columns["duration"], steps - columns["onset"])
        return replace(
            self,
            **columns,
            length=steps,
            tempi=tuple(place for place in self.tempi if place[0] < steps),
            metres=tuple(place for place in self.metres if place[0] < steps),
            key_changes=tuple(place for place in self.key_changes if place[0] < steps),
            fermatas=tuple(step for step in self.fermatas if step < steps),
            pedals=_within(self.pedals, 0, steps),
        )

    def to_grid(self, voices: int | None = None) -> np.ndarray:
        """Return the pitch that sounds at each step: int32 `(length, voices)`, 0 for silence.

        A grid cannot tell a held note from a repeated one, so this distinction is lost.

        Args:
            voices: number of columns; by default the number of voices.

        Raises:
            ValueError: if there are more voices than columns, or two notes overlap in one voice.
        """
        voices = self.voices if voices is None else voices
        if self.voices > voices:
            raise ValueError(f"Expected at most {voices} voices. Received: {self.voices}")
        grid = np.full((self.length, voices), SILENCE, np.int32)
        ends = np.cumsum(self.duration)
        steps = np.arange(self.duration.sum()) - np.repeat(ends - self.duration, self.duration)
        steps += np.repeat(self.onset, self.duration)  # every step of every note
        grid[steps, np.repeat(self.voice, self.duration)] = np.repeat(self.pitch, self.duration)
        if np.count_nonzero(grid) != np.count_nonzero(self.pitch.repeat(self.duration)):
            self._raise_two_at_a_time()
        return grid

    def _raise_two_at_a_time(self):
        """Raise `ValueError` naming the first note that begins while its voice still sounds."""
        sounding: dict[int, tuple[int, int]] = {}  # voice: (end, pitch)
        for onset, duration, pitch, voice in zip(
            self.onset, self.duration, self.pitch, self.voice, strict=True
        ):
            until, other = sounding.get(voice, (0, 0))
            if onset < until:
                raise ValueError(
                    f"A voice of a grid has one note at a time. Received: voice {voice} "
                    f"starts {pitch} at step {onset} while {other} still sounds"
                )
            sounding[voice] = onset + duration, pitch

    @classmethod
    def from_grid(
        cls, grid: np.typing.ArrayLike, *, velocity: int | Sequence[int] = VELOCITY, **about: Any
    ) -> Score:
        """Return the score of a grid; equal neighbours in a voice become one held note.

        Args:
            grid: ints `(T, voices)`, one row per step, 0 for silence.
            velocity: for all notes, or one for each voice, 1..127.
            **about: `title`, `key_signature` and other fields of `Score`.

        Raises:
            ValueError: if the grid is not two-dimensional, or a pitch is outside 0..127.
        """
        grid = whole_numbers("grid", grid, dimensions=2)
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


def move_places(places: Iterable[tuple], to_step: Callable[[int], int]) -> tuple:
    """Move tempi or metres to other steps; where several then share a step, the last one is kept.

    Args:
        places: `(step, ...)` each, in order.
        to_step: a monotonic map from old to new steps.

    Example:
        >>> move_places([(0, 90.0), (5, 60.0), (8, 90.0)], lambda step: max(0, step - 6))
        ((0, 60.0), (2, 90.0))
    """
    return tuple({to_step(step): (to_step(step), *what) for step, *what in places}.values())


def _within(pedals: Iterable[Pedal], start: int, end: int, moved: int = 0) -> tuple[Pedal, ...]:
    """Clip pedal spans to `start..end`, then shift them by `moved` steps."""
    cut = ((max(down, start), min(up, end), voice) for down, up, voice in pedals)
    return tuple((down + moved, up + moved, voice) for down, up, voice in cut if down < up)


def _runs(column: np.ndarray, voice: int) -> np.ndarray:
    """Return the notes of one voice: int `(N, 4)` of onset, duration, pitch, voice."""
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
    durations = np.diff(starts, append=column.size)
    notes = np.stack([starts, durations, column[starts], np.full(starts.size, voice)], axis=1)
    return notes[notes[:, 2] != SILENCE]
