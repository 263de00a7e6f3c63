"""Performances as events: key presses, key releases and waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bach_tf.codecs.base import (
    GRID,
    QUARTERS,
    TIMING,
    Codec,
    Token,
    common_grid,
    cut_where_struck_again,
    move_block,
    note,
    one_voice,
    only_grid,
)
from bach_tf.score import SECONDS, VELOCITY, Score
from bach_tf.theory.note_names import HIGHEST_NUMBER, note_name

PITCHES = HIGHEST_NUMBER + 1
LONGEST_WAIT = 125  # steps; longer waits take several events
VELOCITY_BINS = 32
BIN_WIDTH = 4
LONGEST_QUARTERS = 5  # 4 seconds of a performance; 1 note in 2,000 of the sonatas is longer


class EventCodec(Codec):
    """A performance as events: strike a key, release a key, wait, change the velocity.

    Simultaneous releases precede simultaneous strikes, each sorted by pitch. A velocity applies to
    all notes after it and is only written when it changes. A wait of more than 125 steps takes
    several events. The 413 events are those of S. Oore et al., "This Time with Feeling" (2018),
    arXiv 1808.03715, where a step is 8 ms: 100 steps per quarter at a tempo of 75.

        id               4..131  132..259  260..384     385..416
        token            on:C-1  off:C-1   wait:1, ...  velocity:2, velocity:6, ...

    Round trip: scores in which notes of one pitch do not overlap and none is longer than
    `longest_quarters` are recovered, including rests at both ends. Velocities become the centre
    of their bin of four, and all notes are in voice 0. A note whose pitch is struck again while
    it sounds ends there, and longer notes are truncated: a model that occasionally forgets to
    release a key would otherwise leave it sounding to the end.

    Args:
        steps_per_quarter: resolution of the scores.
        longest_quarters: maximum duration of a note, in quarters.
        timing: of the scores, "beats" or "seconds".

    Raises:
        ValueError: if an argument is out of bounds.

    Example:
        >>> codec = EventCodec(steps_per_quarter=100)
        >>> ids = codec.encode(Score.from_grid([[60]] * 130, steps_per_quarter=100))
        >>> [codec.tokens[number] for number in ids[1:-1]]
        ['velocity:82', 'on:C4', 'wait:125', 'wait:5', 'off:C4']
    """

    ENCODING = {"longest_quarters": QUARTERS}
    ARGUMENTS = {"steps_per_quarter": GRID, "timing": TIMING, **ENCODING}
    NEEDED = ("steps_per_quarter",)

    FIRST_ON = 4
    FIRST_OFF = FIRST_ON + PITCHES
    FIRST_WAIT = FIRST_OFF + PITCHES
    FIRST_VELOCITY = FIRST_WAIT + LONGEST_WAIT
    voice_names = ("event",)
    step_name = "event"

    def __init__(
        self,
        steps_per_quarter: int,
        longest_quarters: int = LONGEST_QUARTERS,
        timing: str = SECONDS,
    ):
        self.timing = TIMING.check("timing", timing)
        self.steps_per_quarter = GRID.check("steps_per_quarter", steps_per_quarter)
        self.longest_quarters = QUARTERS.check("longest_quarters", longest_quarters)
        super().__init__(
            [note(pitch, prefix="on:") for pitch in range(PITCHES)]
            + [_release(pitch) for pitch in range(PITCHES)]
            + [Token(f"wait:{steps}", {"wait": steps}) for steps in range(1, LONGEST_WAIT + 1)]
            + [_velocity(middle_of_bin(number)) for number in range(VELOCITY_BINS)]
        )

    @classmethod
    def fit(
        cls,
        scores: Sequence[Score],
        *,
        transpose: tuple[int, int] = (0, 0),
        longest_quarters: int = LONGEST_QUARTERS,
    ) -> EventCodec:
        """Return a codec with the grid of the training split; its events are always the same.

        Args:
            scores: the training split.
            transpose: has no effect, because all pitches have events.
            longest_quarters: maximum duration of a note, in quarters.

        Raises:
            ValueError: if there are no scores, or their grids or timings differ.
        """
        steps_per_quarter, timing = common_grid(scores)
        return cls(steps_per_quarter, longest_quarters, timing)

    @classmethod
    def count(cls, score: Score, **settings: object) -> Counter:
        """Return the grid of a piece.

        Args:
            score: a piece of the training split.
            **settings: those of `fit`; without effect.
        """
        return Counter([(score.steps_per_quarter, score.timing)])

    @classmethod
    def fit_counts(
        cls,
        counts: Counter,
        *,
        transpose: tuple[int, int] = (0, 0),
        longest_quarters: int = LONGEST_QUARTERS,
    ) -> EventCodec:
        """Return the codec for the counts of a training split, see `fit`.

        Args:
            counts: the sum of those that `count` returns.
            transpose: has no effect, because all pitches have events.
            longest_quarters: maximum duration of a note, in quarters.

        Raises:
            ValueError: if there are no pieces, or their grids or timings differ.
        """
        steps_per_quarter, timing = only_grid(counts)
        return cls(steps_per_quarter, longest_quarters, timing)

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(T,)`.

        Raises:
            ValueError: if the score's grid differs.
        """
        self._check_grid(score)
        duration = np.minimum(score.duration, self._longest)
        notes = np.stack([score.onset, duration, score.pitch, score.velocity], axis=1)
        ids, now, velocity = [], 0, None
        for step, struck, pitch, number in _changes(cut_where_struck_again(notes)):
            ids += self._wait(step - now)
            now = step
            if struck and number != velocity:
                ids.append(self.FIRST_VELOCITY + number)
                velocity = number
            ids.append((self.FIRST_ON if struck else self.FIRST_OFF) + pitch)
        return self._piece(ids + self._wait(score.length - now))

    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids.

        Releases of pitches that do not sound are skipped, a key struck again ends its note and
        begins another, notes still sounding at the end of the piece end there, and notes of zero
        duration are dropped.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        notes, sounding = [], {}  # {pitch: (onset, velocity)}
        now, velocity = 0, VELOCITY

        def release(pitch):
            onset, loudness = sounding.pop(pitch, (now, 0))
            if onset < now:
                notes.append((onset, min(now - onset, self._longest), pitch, loudness))

        for number in self._music(ids).tolist():
            if number >= self.FIRST_VELOCITY:
                velocity = middle_of_bin(number - self.FIRST_VELOCITY)
            elif number >= self.FIRST_WAIT:
                now += number - self.FIRST_WAIT + 1
            elif number >= self.FIRST_OFF:
                release(number - self.FIRST_OFF)
            elif number >= self.FIRST_ON:
                pitch = number - self.FIRST_ON
                release(pitch)
                sounding[pitch] = (now, velocity)
        for pitch in list(sounding):
            release(pitch)
        return one_voice(self, np.array(notes, int).reshape(-1, 4), length=now)

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        return {
            "steps_per_quarter": self.steps_per_quarter,
            "longest_quarters": self.longest_quarters,
            "timing": self.timing,
        }

    @property
    def _longest(self) -> int:
        return self.longest_quarters * self.steps_per_quarter

    def _wait(self, steps: int) -> list[int]:
        full, rest = divmod(steps, LONGEST_WAIT)
        waits = [LONGEST_WAIT] * full + [rest] * (rest > 0)
        return [self.FIRST_WAIT + wait - 1 for wait in waits]

    def _move(self, row: np.ndarray, shift: int) -> None:
        move_block(row, slice(self.FIRST_ON, self.FIRST_OFF), shift)
        move_block(row, slice(self.FIRST_OFF, self.FIRST_WAIT), shift)


def middle_of_bin(number: int) -> int:
    """Return the velocity that represents bin 0..31."""
    return BIN_WIDTH * number + BIN_WIDTH // 2


def _changes(notes: np.ndarray) -> list[tuple[int, bool, int, int]]:
    """Return all key strokes and releases: step, struck or not, pitch, velocity bin."""
    onset, duration, pitch, velocity = notes.T.tolist()
    changes = []
    for begin, steps, key, loudness in zip(onset, duration, pitch, velocity):
        changes.append((begin, True, key, loudness // BIN_WIDTH))
        changes.append((begin + steps, False, key, 0))
    return sorted(changes)  # at equal steps, releases (False) come first


def _release(pitch: int) -> Token:
    return Token(f"off:{note_name(pitch)}", {"release": [pitch]})


def _velocity(velocity: int) -> Token:
    return Token(f"velocity:{velocity}", {"velocity": velocity})
