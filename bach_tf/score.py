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
)
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import is_whole

STEPS_PER_QUARTER = 4
VELOCITY = 80
COLUMNS = ("onset", "duration", "pitch", "voice", "velocity")
SILENCE = 0  # in a grid, where a voice does not sound
BEATS, SECONDS = "beats", "seconds"
TIMINGS = (BEATS, SECONDS)  # what the steps of a grid are parts of
# At this tempo a score in seconds sounds as it did: a hundredth of a quarter is exactly 8 ms.
PERFORMANCE_TEMPO_QPM = 75
MOST_VOICES = 256
HIGHEST_NUMBER = 127  # of MIDI's programs and controllers

Tempo = tuple[int, float]  # the step at which it begins, and quarter notes per minute
Metre = tuple[int, int, int]  # the step at which it begins, beats in a bar, note value of a beat
KeyChange = tuple[int, int]  # the step at which it begins, and sharps
Pedal = tuple[int, int, int]  # from which step to which it is down, and in which voice


@dataclass(frozen=True)
class Part:
    """Who plays or sings a voice.

    Args:
        name: "" where it has none.
        program: General MIDI instrument, 0..127; `None` where unknown.
        volume: 0..127, as MIDI's controller 7 has it; `None` where unknown.
        pan: from 0 at the left to 127 at the right, as MIDI's controller 10 has it; `None` where
            unknown.

    Raises:
        ValueError: a number outside its bounds.

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
    """A piece: `N` notes in columns, and what its source says about the whole.

    Args:
        onset: int array `(N,)`, the step at which each note begins.
        duration: int array `(N,)`, in steps, at least 1.
        pitch: int array `(N,)`, MIDI numbers 0..127 (60 is middle C).
        voice: int array `(N,)`, 0 is the highest.
        velocity: int array `(N,)`, 1..127.
        length: steps in the whole piece, a final rest included.
        steps_per_quarter: the grid; 4 is a grid of sixteenths.
        timing: "beats" where the grid divides the beat, "seconds" where it divides time and
            quarters and bars mean nothing, as in a performance: then the score sounds as it did at
            `PERFORMANCE_TEMPO_QPM`.
        tempi: the quarter notes per minute from a step on, `(step, qpm)` each; empty where unknown.
        metres: beats in a bar and the note value of a beat from a step on, `(step, beats, value)`
            each; empty where unknown. A bar begins with each of them.
        title: for a chorale its BWV number and name.
        key_signature: sharps (positive) or flats (negative); `None` where unknown.
        key_changes: other key signatures from a step after the first on, `(step, sharps)` each.
        upbeat: steps before the first bar line; 0 where the piece starts on it. It may be longer
            than a bar, or than what is left of a piece: whole bars are no part of it.
        fermatas: steps at which a note with a fermata begins.
        parts: of the voices, the highest first; of fewer voices, or none, where unknown.
        pedals: where the sustain pedal is down, `(start, end, voice)` each: notes that end between
            sound on to its end. Durations are as struck, so that a melody stays one.

    Notes are kept in the order of onset, then voice, then pitch, so that two scores
    with the same notes are equal.

    Raises:
        ValueError: a column of another length or of other than whole numbers, or a value
            outside its bounds. The message names the note. Tempi or metres that are not in the
            order of their steps, or of numbers that cannot be; a negative upbeat; a key or a pedal
            that cannot be.

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
                f"Columns must be of one length. Received: {dict(zip(COLUMNS, sizes))}"
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
        object.__setattr__(self, "fermatas", tuple(int(step) for step in self.fermatas))
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
                f"`parts` must be at most {MOST_VOICES}. Received: {len(self.parts)} parts"
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

    __hash__ = None  # type: ignore[assignment]  # as the language has it

    @property
    def voices(self) -> int:
        """Number of voices: the highest voice number in use, plus one."""
        return int(self.voice.max()) + 1 if len(self) else 0

    @property
    def time_signature(self) -> tuple[int, int] | None:
        """Beats in a bar and the note value of a beat in the first metre; `None` without one."""
        return self.metres[0][1:] if self.metres else None

    @property
    def steps_per_bar(self) -> int:
        """Steps in a bar of the first metre, at least 1; four quarters where none is known."""
        return self._bar_of(*(self.time_signature or (4, 4)))

    def _bar_of(self, beats: int, value: int) -> int:
        # A bar of 1/64 is shorter than a step of a sixteenth.
        return max(1, 4 * self.steps_per_quarter * beats // value)

    def transpose(self, semitones: int) -> Score:
        """Return the score moved by `semitones`; the key signature becomes unknown.

        Raises:
            ValueError: a pitch would leave 0..127.
        """
        if semitones == 0:
            return self
        return replace(self, pitch=self.pitch + semitones, key_signature=None, key_changes=())

    def without_leading_silence(self) -> Score:
        """Return the score from its first note on; one without notes stays as it is."""
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
        """Return the sharps of the key signature that holds at a step."""
        before = [sharps for place, sharps in self.key_changes if place <= step]
        return before[-1] if before else self.key_signature

    def steps_to_bar_line(self, step: int) -> int:
        """Return how many steps after a step the next bar line stands, 0 where it stands there.

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
        """Return the first steps of the score; notes that go on are cut.

        Args:
            steps: how many, at least 0; a shorter score stays as it is.

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
        ends = np.cumsum(self.duration)
        steps = np.arange(self.duration.sum()) - np.repeat(ends - self.duration, self.duration)
        steps += np.repeat(self.onset, self.duration)  # all those of each note
        grid[steps, np.repeat(self.voice, self.duration)] = np.repeat(self.pitch, self.duration)
        if np.count_nonzero(grid) != np.count_nonzero(self.pitch.repeat(self.duration)):
            self._raise_two_at_a_time()
        return grid

    def _raise_two_at_a_time(self):
        """Raise `ValueError` with the first note that begins while its voice sounds."""
        sounding: dict[int, tuple[int, int]] = {}  # by voice: until when, and what
        for onset, duration, pitch, voice in zip(
            self.onset, self.duration, self.pitch, self.voice, strict=True
        ):
            until, other = sounding.get(voice, (0, 0))
            if onset < until:
                raise ValueError(
                    f"A voice of a grid sounds one note at a time. Received: voice {voice} "
                    f"starts {pitch} at step {onset} while {other} sounds"
                )
            sounding[voice] = onset + duration, pitch

    @classmethod
    def from_grid(
        cls, grid: np.typing.ArrayLike, *, velocity: int | Sequence[int] = VELOCITY, **about: Any
    ) -> Score:
        """Return the score of a grid; equal neighbours in a voice are one held note.

        Args:
            grid: ints `(T, voices)`, one row a step, 0 for silence.
            velocity: of every note, or one for each voice, 1..127.
            **about: `title`, `key_signature` and the other fields of `Score`.

        Raises:
            ValueError: not two-dimensional, or a pitch outside 0..127.
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
    """Return tempi or metres at other steps; of those that then share a step, the last.

    Args:
        places: `(step, ...)` each, in the order of their steps.
        to_step: gives the new step of an old one; it keeps the order.

    Example:
        >>> move_places([(0, 90.0), (5, 60.0), (8, 90.0)], lambda step: max(0, step - 6))
        ((0, 60.0), (2, 90.0))
    """
    return tuple({to_step(step): (to_step(step), *what) for step, *what in places}.values())


def _within(pedals: Iterable[Pedal], start: int, end: int, moved: int = 0) -> tuple[Pedal, ...]:
    """Return the pedals as far as they are down between two steps, each moved by some."""
    cut = ((max(down, start), min(up, end), voice) for down, up, voice in pedals)
    return tuple((down + moved, up + moved, voice) for down, up, voice in cut if down < up)


def _runs(column: np.ndarray, voice: int) -> np.ndarray:
    """Return the notes of one voice: int `(N, 4)` of onset, duration, pitch, voice."""
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1))
    durations = np.diff(starts, append=column.size)
    notes = np.stack([starts, durations, column[starts], np.full(starts.size, voice)], axis=1)
    return notes[notes[:, 2] != SILENCE]
