"""The common part of the note and chord codecs: a piece as a sequence of strokes."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from bach_tf._basics.settings import Flag, Pair, Several, Whole, check_settings
from bach_tf.codecs.base import (
    GRID,
    MOST_TOKENS,
    PAD,
    QUARTERS,
    TIMING,
    UNKNOWN,
    Codec,
    Token,
    common_grid,
    cut_where_struck_again,
    note,
    one_voice,
    only_grid,
    sum_of,
)
from bach_tf.score import BEATS, VELOCITY, Score
from bach_tf.theory.note_names import note_name, note_number

LONGEST_QUARTERS = 8
CHORD, INTERVAL, GRID_OF = "chord", "interval", "grid"  # what is counted

Chord = tuple[int, ...]  # pitches, the lowest first
Note = tuple[int, int, int, int]  # onset, pitch, duration, voice
Struck = tuple[int, Chord, int]  # onset, chord, duration


class NoteCodec(Codec):
    """A piece as a sequence of notes or chords: the common part of two codecs.

    With rhythm, a step has three tokens: the steps since the previous onset (`+0`, `+1`, ...; the
    first one counts from the beginning of the piece), the notes, and their duration (`:1`, `:2`,
    ...). Without rhythm a step is the notes alone, and `decode` samples a rhythm: inter-onset
    intervals are drawn from those of the training split, with a checksum of the ids as seed;
    each note lasts until the next later onset, the last one a quarter.

        id               0    1      2    3        4 ...  then       then
        token            pad  start  end  unknown  notes  +0 ... +N  :1 ... :N

    Round trip with rhythm: a score is recovered if its notes are in the vocabulary, in voice 0 and
    of default velocity, notes of one pitch do not overlap, no interval or duration exceeds N steps,
    and the piece ends with its last note. Longer ones are truncated to N, a note ends where its
    pitch is struck again, and of several simultaneous notes of one pitch the longest is kept.

    Args:
        chords: the notes or chords of the vocabulary: MIDI numbers, lowest first.
        steps_per_quarter: resolution of the scores.
        timing: of the scores, "beats" or "seconds".
        rhythm: whether intervals and durations have tokens.
        longest_quarters: N, the longest interval and duration, in quarters.
        max_notes: pieces are truncated after this many notes; `None` for no limit.
        offsets: without rhythm, inter-onset intervals in steps with their counts; always a quarter
            if empty.

    Raises:
        ValueError: if a setting is out of bounds or of the wrong type.
    """

    ENCODING = {
        "rhythm": Flag(),
        "longest_quarters": QUARTERS,
        "max_notes": Whole(1, 2**31 - 1, optional=True),
    }
    ARGUMENTS = {
        **ENCODING,
        "steps_per_quarter": GRID,
        "timing": TIMING,
        # Counts: a piece lasts hours at most.
        "offsets": Several(Pair(Whole(0, 2**24), Whole(1, 2**31 - 1)), 0, MOST_TOKENS),
    }

    FIRST_NOTES = UNKNOWN + 1
    notes_name: str
    rhythm: bool
    longest_quarters: int
    max_notes: int | None
    offsets: Sequence[tuple[int, int]]

    def __init__(
        self,
        chords: Sequence[Chord],
        *,
        steps_per_quarter: int,
        timing: str = BEATS,
        rhythm: bool = True,
        longest_quarters: int = LONGEST_QUARTERS,
        max_notes: int | None = None,
        offsets: Sequence[tuple[int, int]] = (),
    ):
        self.chords = list(chords)
        settings = {
            "steps_per_quarter": steps_per_quarter,
            "timing": timing,
            "rhythm": rhythm,
            "longest_quarters": longest_quarters,
            "max_notes": max_notes,
            "offsets": offsets,
        }
        vars(self).update(check_settings(self.ARGUMENTS, settings))
        self.voice_names = ("interval", self.notes_name, "duration")
        self.longest = self.longest_quarters * self.steps_per_quarter
        self.first_interval = self.FIRST_NOTES + len(self.chords)
        self.first_duration = self.first_interval + self.longest + 1
        tokens = [note(*chord) for chord in self.chords]
        if rhythm:
            tokens += [Token(f"+{steps}", {"wait": steps}) for steps in range(self.longest + 1)]
            steps = range(1, self.longest + 1)
            tokens += [Token(f":{length}", {"duration": length}) for length in steps]
        else:
            self.voice_names = (self.notes_name,)
        super().__init__(tokens)
        if rhythm:
            self._keep_turns()
        self._ids = {chord: number for number, chord in enumerate(self.chords, self.FIRST_NOTES)}

    @classmethod
    def fit(
        cls, scores: Sequence[Score], *, transpose: tuple[int, int] = (0, 0), **settings: Any
    ) -> Self:
        """Return a codec for the notes and the grid of the training split.

        Args:
            scores: the training split.
            transpose: lowest and highest shift, in semitones.
            **settings: those of `ENCODING`, see `fit_counts`.

        Raises:
            ValueError: if there are no notes, no chord is frequent enough, grids differ, or a
                setting is out of bounds.
        """
        check_settings(cls.ENCODING, settings)  # before the slow part
        common_grid(scores)
        counts = sum_of(cls.count(score, **settings) for score in scores)
        return cls.fit_counts(counts, transpose=transpose, **settings)

    @classmethod
    def count(
        cls,
        score: Score,
        *,
        rhythm: bool = True,
        max_notes: int | None = None,
        **settings: object,
    ) -> Counter:
        """Return how often a piece has each chord and, without rhythm, each interval of onsets.

        Args:
            score: a piece of the training split.
            rhythm: whether intervals and durations have tokens.
            max_notes: pieces are truncated after this many notes; each note of a chord counts.
            **settings: the others of `fit`; without effect.
        """
        struck = cls._group(notes_in_order(score, max_notes))
        counts: Counter = Counter((CHORD, chord) for _, chord, _ in struck)
        counts[GRID_OF, (score.steps_per_quarter, score.timing)] += 1
        if not rhythm:
            intervals = np.diff([onset for onset, _, _ in struck]).tolist()
            counts.update((INTERVAL, steps) for steps in intervals)
        return counts

    @classmethod
    def fit_counts(
        cls,
        counts: Counter,
        *,
        transpose: tuple[int, int] = (0, 0),
        rhythm: bool = True,
        longest_quarters: int = LONGEST_QUARTERS,
        max_notes: int | None = None,
        **settings: Any,
    ) -> Self:
        """Return the codec for the counts of a training split, see `fit`.

        Args:
            counts: the sum of those that `count` returns.
            transpose: lowest and highest shift, in semitones.
            rhythm: whether intervals and durations have tokens.
            longest_quarters: the longest interval and duration.
            max_notes: pieces are truncated after this many notes.
            **settings: of the subclass.

        Raises:
            ValueError: if there are no notes, no chord is frequent enough, grids differ, or a
                setting is out of bounds.
        """
        steps_per_quarter, timing = only_grid(value for kind, value in counts if kind == GRID_OF)
        chords = {value: times for (kind, value), times in counts.items() if kind == CHORD}
        offsets = [(value, n) for (kind, value), n in counts.items() if kind == INTERVAL]
        return cls(
            **cls._vocabulary(chords, transpose, **settings),
            steps_per_quarter=steps_per_quarter,
            timing=timing,
            rhythm=rhythm,
            longest_quarters=longest_quarters,
            max_notes=max_notes,
            offsets=cls._usable(sorted(offsets)),
        )

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(1 + 3 N + 1,)`, without rhythm `(1 + N + 1,)`.

        Raises:
            ValueError: if the score's grid differs.
        """
        self._check_grid(score)
        struck = self._group(notes_in_order(score, self.max_notes))
        onsets, chords, durations = zip(*struck) if struck else ([], [], [])
        notes = np.array([self._ids.get(chord, UNKNOWN) for chord in chords], int)  # (N,)
        if not self.rhythm:
            return self._piece(notes)
        intervals = np.diff(np.array(onsets, int), prepend=0).clip(max=self.longest)
        lengths = np.array(durations, int).clip(max=self.longest)
        turns = [self.first_interval + intervals, notes, self.first_duration + lengths - 1]
        return self._piece(np.stack(turns, axis=1).reshape(-1))

    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids.

        With rhythm, each interval advances the next onset, wherever it stands; a duration
        belongs to the notes right before it, and notes without one last a quarter. Unknown
        notes are silent, but keep their time.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        music = self._music(ids)
        sounds = (music != UNKNOWN) & (music < self.first_interval)
        onsets, durations = self._read_rhythm(music) if self.rhythm else self._draw_rhythm(music)
        chords = [self.chords[number - self.FIRST_NOTES] for number in music[sounds]]
        struck = zip(onsets[sounds].tolist(), chords, durations[sounds].tolist())
        rows = [
            (onset, duration, pitch, VELOCITY)
            for onset, chord, duration in struck
            for pitch in chord
        ]
        notes = cut_where_struck_again(np.array(rows, int).reshape(-1, 4))
        return one_voice(self, notes, length=int((notes[:, 0] + notes[:, 1]).max(initial=0)))

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        return {
            "steps_per_quarter": self.steps_per_quarter,
            "timing": self.timing,
            "rhythm": self.rhythm,
            "longest_quarters": self.longest_quarters,
            "max_notes": self.max_notes,
            "offsets": [list(offset) for offset in self.offsets],
        }

    @staticmethod
    @abstractmethod
    def _group(notes: list[Note]) -> list[Struck]:
        """Group notes into strokes, one token each, in token order."""

    @staticmethod
    @abstractmethod
    def _vocabulary(chords: dict[Chord, int], transpose: tuple[int, int], fewest: int = 1) -> dict:
        """Return the subclass's arguments for the chords of the training split."""

    @staticmethod
    @abstractmethod
    def _usable(offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the inter-onset intervals from which a rhythm can be sampled."""

    def _keep_turns(self) -> None:
        """Enforce the order interval, notes, duration."""
        numbers = np.arange(self.vocab_size)
        is_interval = (numbers >= self.first_interval) & (numbers < self.first_duration)
        is_duration = numbers >= self.first_duration
        self.may_follow[0, ~is_interval & (numbers >= self.FIRST_NOTES)] = False
        self.may_follow[1] &= ~is_interval & ~is_duration
        self.may_follow[2] &= is_duration

    def _read_rhythm(self, music: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return onset and duration for each id, as if it were notes: `(T,)` each."""
        is_interval = (music >= self.first_interval) & (music < self.first_duration)
        onsets = np.where(is_interval, music - self.first_interval, 0).cumsum()
        following = np.append(music[1:], PAD)[: music.size] - self.first_duration + 1
        return onsets, np.where(following > 0, following, self.steps_per_quarter)

    def _draw_rhythm(self, music: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sample an onset and a duration for each id; deterministic for given ids."""
        generator = np.random.default_rng(zlib.crc32(music.astype("<i4").tobytes()))
        steps, counts = np.array(self.offsets or [(self.steps_per_quarter, 1)]).T
        drawn = generator.choice(steps, size=music.size, p=counts / counts.sum())
        onsets = drawn.cumsum() - drawn
        later = np.append(np.unique(onsets), onsets.max(initial=0) + self.steps_per_quarter)
        return onsets, later[np.searchsorted(later, onsets, side="right")] - onsets

    def _move(self, row: np.ndarray, shift: int) -> None:
        for number, chord in enumerate(self.chords, self.FIRST_NOTES):
            row[number] = self._ids.get(moved(chord, shift), PAD)


def notes_in_order(score: Score, max_notes: int | None) -> list[Note]:
    """Return the first notes of a score, sorted by onset, then pitch."""
    columns = (score.onset, score.pitch, score.duration, score.voice)
    return sorted(zip(*(column.tolist() for column in columns)))[:max_notes]


def chord_name(chord: Chord) -> str:
    """Return the name of a chord, such as `G3.C4`."""
    return ".".join(note_name(pitch) for pitch in chord)


def chord_pitches(name: str) -> Chord:
    """Return the pitches of `chord_name`, the lowest first."""
    return tuple(sorted(note_number(note) for note in name.split(".")))


def moved(chord: Chord, shift: int) -> Chord:
    """Return a chord moved by `shift` semitones."""
    return tuple(pitch + shift for pitch in chord)
