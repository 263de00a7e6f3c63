"""Melodies with one token per sixteenth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import Flag, Pair, Several, Whole
from bach_tf.codecs.base import (
    HOLD,
    PITCH,
    REST,
    UNKNOWN,
    Codec,
    Token,
    move_block,
    notes_of_range,
    one_voice,
    pitch_range,
    sum_of,
    title_of,
)
from bach_tf.score import STEPS_PER_QUARTER, VELOCITY, Score
from bach_tf.theory.note_names import note_name

MOST_METRES = 1_000
MOST_STEPS = 100_000  # of an upbeat


class MelodyCodec(Codec):
    """A melody: each sixteenth begins a note, begins a rest, or continues what sounds.

    A piece of `T` steps has `1 + T + 1` tokens. A header adds two after the start token: the metre,
    and the upbeat in sixteenths. Hold tokens then name their position in the bar, so that a model
    need not count in order to keep track of bar lines. Titles, keys and velocities are lost and
    all notes are in voice 0; everything else survives a round trip.

        id     0    1      2    3        4     5     6             then       then        then
        token  pad  start  end  unknown  hold  rest  lowest pitch  metres ... upbeats ... holds ...

    Args:
        lowest: lowest pitch with an id (MIDI number, 0..127); pitches out of range are unknown.
        highest: highest pitch with an id.
        metres: `(beats, value)` of each metre in the header, most frequent first; others are
            unknown. No header if empty.
        upbeats: upbeats in the header, in sixteenths.

    Raises:
        ValueError: if the pitches are outside 0..127 or in the wrong order, a metre is invalid or
            repeated, or only one of metres and upbeats is given.

    Example:
        >>> tune = Score.from_grid([[60], [60], [0], [72]], metres=[(0, 3, 4)])
        >>> MelodyCodec(lowest=60, highest=72).encode(tune).tolist()
        [1, 6, 4, 5, 18, 2]
        >>> codec = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0])
        >>> [codec.tokens[number] for number in codec.encode(tune)[:5]]
        ['<start>', '3/4', 'upbeat:0', 'C4', '_2']
    """

    ENCODING = {"header": Flag()}
    ARGUMENTS = {
        "lowest": PITCH,
        "highest": PITCH,
        "metres": Several(Pair(Whole(1, 255), Whole(1, 128)), 0, MOST_METRES),
        "upbeats": Several(Whole(0, MOST_STEPS), 0, MOST_METRES),
    }
    NEEDED = ("lowest", "highest")

    HOLD, REST, FIRST_PITCH = 4, 5, 6
    voice_names = ("melody",)
    step_name = "sixteenth"
    steps_per_quarter = STEPS_PER_QUARTER
    steps_per_bar = 4 * STEPS_PER_QUARTER

    def __init__(
        self,
        lowest: int,
        highest: int,
        metres: Sequence[Sequence[int]] = (),
        upbeats: Sequence[int] = (),
    ):
        notes = notes_of_range(lowest, highest)
        self.lowest, self.highest = int(lowest), int(highest)
        self.metres = tuple((int(beats), int(value)) for beats, value in metres)
        self.upbeats = tuple(map(int, upbeats))
        _check_header(self.metres, self.upbeats)
        header = [
            *(Token(f"{metre[0]}/{metre[1]}", {"metre": list(metre)}) for metre in self.metres),
            *(Token(f"upbeat:{steps}", {"upbeat": steps}) for steps in self.upbeats),
        ]
        bars = [_bar_of(metre) for metre in self.metres]
        holds = [Token(f"{HOLD.name}{place}", {}) for place in range(1, 1 + max(bars, default=0))]
        super().__init__([HOLD, REST, *notes, *header, *holds])
        self.first_metre = self.FIRST_PITCH + len(notes)
        self.first_upbeat = self.first_metre + len(self.metres)
        self.first_hold = self.first_upbeat + len(self.upbeats)
        if header:
            self._keep_header()

    def _keep_header(self) -> None:
        """Allow metre and upbeat tokens in the opening only."""
        ids = np.arange(self.vocab_size)
        is_metre = (ids >= self.first_metre) & (ids < self.first_upbeat)
        is_upbeat = (ids >= self.first_upbeat) & (ids < self.first_hold)
        self.opening = np.stack([is_metre, is_upbeat])
        is_header = self.opening.any(axis=0)
        self.counted &= ~is_header
        self.may_follow &= ~is_header

    @classmethod
    def fit(
        cls,
        scores: Sequence[Score],
        *,
        transpose: tuple[int, int] = (0, 0),
        header: bool = False,
    ) -> MelodyCodec:
        """Return a codec for the pitch range of the training split.

        Args:
            scores: the training split.
            transpose: lowest and highest shift, in semitones.
            header: whether pieces begin with metre and upbeat, if any of them has a metre.

        Raises:
            ValueError: if there are no notes.
        """
        counts = sum_of(cls.count(score, header=header) for score in scores)
        return cls.fit_counts(counts, transpose=transpose)

    @classmethod
    def count(cls, score: Score, *, header: bool = False) -> Counter:
        """Return how often a piece has each pitch and, with a header, its metre and upbeat.

        Args:
            score: a piece of the training split.
            header: whether pieces begin with metre and upbeat.
        """
        counts = Counter(("pitch", pitch) for pitch in score.pitch.tolist())
        if header and score.metres:
            counts.update([("metre", score.metres[0][1:]), ("upbeat", _upbeat_of(score))])
        return counts

    @classmethod
    def fit_counts(
        cls, counts: Counter, *, transpose: tuple[int, int] = (0, 0), **settings: object
    ) -> MelodyCodec:
        """Return the codec for the counts of a training split, see `fit`.

        Args:
            counts: the sum of those that `count` returns.
            transpose: lowest and highest shift, in semitones.
            **settings: those of `count`, which have had their effect.

        Raises:
            ValueError: if there are no notes.
        """
        values = {
            kind: {value: times for (its, value), times in counts.items() if its == kind}
            for kind in ("pitch", "metre", "upbeat")
        }
        pitches = pitch_range(list(values["pitch"]), transpose)
        # Metres that are equally frequent keep the order in which they were counted.
        metres = sorted(values["metre"].items(), key=lambda each: -each[1])
        return cls(*pitches, [metre for metre, _ in metres], sorted(values["upbeat"]))

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(1 + T + 1,)`, with a header `(1 + 2 + T + 1,)`.

        Raises:
            ValueError: if the score's grid differs, or two notes overlap.
        """
        self._check_grid(score)
        ends = score.onset + score.duration
        _refuse_two_at_a_time(score, ends)
        ids = np.full(score.length, self.HOLD)
        ids[:1] = self.REST
        ids[ends[ends < score.length]] = self.REST
        inside = (score.pitch >= self.lowest) & (score.pitch <= self.highest)
        # After the rests, so that a note that follows immediately replaces one.
        ids[score.onset] = np.where(inside, score.pitch - self.lowest + self.FIRST_PITCH, UNKNOWN)
        header = self._header_of(score)
        if header and UNKNOWN not in header:
            places = (np.arange(score.length) - score.upbeat) % score.steps_per_bar
            ids = np.where(ids == self.HOLD, self.first_hold + places, ids)
        return self._piece([*header, *ids])

    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids; unknown notes become rests, to keep time.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`. A hold at the very beginning is a rest. A
                header that is incomplete or misplaced is ignored.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        music = self._music(ids)
        begun = self._is_header(music[: len(self.opening)])
        steps = music[len(self.opening) :] if begun else music
        steps = np.where(steps < self.first_hold, steps, self.HOLD)
        steps = steps[steps < self.first_metre]
        begins = np.flatnonzero(steps != self.HOLD)
        durations = np.diff(begins, append=steps.size)
        pitches = steps[begins] - self.FIRST_PITCH + self.lowest
        notes = np.stack([begins, durations, pitches, np.full(begins.size, VELOCITY)], axis=1)
        score = one_voice(self, notes[steps[begins] >= self.FIRST_PITCH], length=steps.size)
        return self._with_header(score, *music[:2]) if begun else score

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        bounds = {"lowest": self.lowest, "highest": self.highest}
        if not self.metres:
            return bounds
        metres = [list(metre) for metre in self.metres]
        return {**bounds, "metres": metres, "upbeats": list(self.upbeats)}

    def _header_of(self, score: Score) -> list[int]:
        """Return the ids of a piece's header: none, or two."""
        if not self.metres:
            return []
        metre, upbeat = score.time_signature, _upbeat_of(score)
        return [
            self.first_metre + self.metres.index(metre) if metre in self.metres else UNKNOWN,
            self.first_upbeat + self.upbeats.index(upbeat) if upbeat in self.upbeats else UNKNOWN,
        ]

    def _is_header(self, ids: np.ndarray) -> bool:
        """Return whether these ids form a header."""
        rows = np.arange(ids.size)
        right = self.opening[rows, ids] | (ids == UNKNOWN)
        return 0 < ids.size == len(self.opening) and bool(right.all())

    def _with_header(self, score: Score, metre: int, upbeat: int) -> Score:
        """Apply a decoded header to a score; ignored if the metre is unknown."""
        if metre == UNKNOWN:
            return score
        signature = self.metres[metre - self.first_metre]
        score = replace(score, metres=((0, *signature),))
        steps = 0 if upbeat == UNKNOWN else self.upbeats[upbeat - self.first_upbeat]
        return replace(score, upbeat=steps % score.steps_per_bar)

    def _move(self, row: np.ndarray, shift: int) -> None:
        move_block(row, slice(self.FIRST_PITCH, self.first_metre), shift)


def _bar_of(metre: tuple[int, int]) -> int:
    """Return the number of steps per bar."""
    beats, value = metre
    return max(1, 4 * STEPS_PER_QUARTER * beats // value)


def _upbeat_of(score: Score) -> int:
    """Return the upbeat in steps, less than a bar."""
    return score.upbeat % score.steps_per_bar


def _check_header(metres: Sequence, upbeats: Sequence) -> None:
    for name, values in (("metres", metres), ("upbeats", upbeats)):
        if len(set(values)) < len(values):
            raise ValueError(f"`{name}` must not repeat an entry. Received: {shortened(values)}")
    if any(value.bit_count() != 1 for _, value in metres):
        raise ValueError(f"Note values must be powers of 2. Received: {shortened(metres)}")
    if bool(metres) != bool(upbeats):
        raise ValueError(
            "A header needs both metres and upbeats. Received: "
            f"metres={shortened(metres)}, upbeats={shortened(upbeats)}"
        )


def _refuse_two_at_a_time(score: Score, ends: np.ndarray) -> None:
    both = np.flatnonzero(score.onset[1:] < ends[:-1])
    if both.size:
        first, second = score.pitch[both[0]], score.pitch[both[0] + 1]
        raise ValueError(
            f"A melody has one note at a time. Received: {note_name(second)} begins at step "
            f"{score.onset[both[0] + 1]} while {note_name(first)} still sounds ({title_of(score)})"
        )
