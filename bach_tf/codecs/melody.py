"""One voice, a token each sixteenth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bach_tf.codecs.base import (
    HOLD,
    PITCH,
    REST,
    UNKNOWN,
    Codec,
    move_block,
    notes_of_range,
    one_voice,
    pitch_range,
    pitches_of,
    title_of,
)
from bach_tf.score import STEPS_PER_QUARTER, VELOCITY, Score
from bach_tf.theory.note_names import note_name


class MelodyCodec(Codec):
    """A melody: at each sixteenth a note begins, a rest begins, or what sounds goes on.

    A piece of `T` steps is `1 + T + 1` tokens. Titles, signatures and velocities are lost,
    and all notes are in voice 0; all else comes back from the ids.

        id               0    1      2    3        4     5     6
        token            pad  start  end  unknown  hold  rest  lowest pitch, and the next one, ...

    Args:
        lowest: the lowest pitch with an id (MIDI number, 0..127); others are unknown.
        highest: the highest.

    Raises:
        ValueError: bounds outside 0..127, or in the wrong order.

    Example:
        >>> codec = MelodyCodec(lowest=60, highest=72)
        >>> codec.encode(Score.from_grid([[60], [60], [0], [72]])).tolist()
        [1, 6, 4, 5, 18, 2]
    """

    ARGUMENTS = {"lowest": PITCH, "highest": PITCH}
    NEEDED = ("lowest", "highest")

    HOLD, REST, FIRST_PITCH = 4, 5, 6
    voice_names = ("melody",)
    step_name = "sixteenth"
    steps_per_quarter = STEPS_PER_QUARTER
    steps_per_bar = 4 * STEPS_PER_QUARTER

    def __init__(self, lowest: int, highest: int):
        super().__init__([HOLD, REST, *notes_of_range(lowest, highest)])
        self.lowest = int(lowest)
        self.highest = int(highest)

    @classmethod
    def fit(cls, scores: Sequence[Score], *, transpose: tuple[int, int] = (0, 0)) -> MelodyCodec:
        """Return a codec for the range of the training split.

        Args:
            scores: of the training split.
            transpose: the lowest and the highest shift, in semitones.

        Raises:
            ValueError: no note.
        """
        return cls(*pitch_range(pitches_of(scores), transpose))

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(1 + T + 1,)`.

        Raises:
            ValueError: another grid, or two notes at a time.
        """
        self._check_grid(score)
        ends = score.onset + score.duration
        _refuse_two_at_a_time(score, ends)
        ids = np.full(score.length, self.HOLD)
        ids[:1] = self.REST
        ids[ends[ends < score.length]] = self.REST
        inside = (score.pitch >= self.lowest) & (score.pitch <= self.highest)
        # After the rests, so that a note which follows at once takes the place of one.
        ids[score.onset] = np.where(inside, score.pitch - self.lowest + self.FIRST_PITCH, UNKNOWN)
        return self._piece(ids)

    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids; unknown notes are rests, to keep the time.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`. A hold at the very beginning is a rest.

        Raises:
            ValueError: an id outside the vocabulary.
        """
        steps = self._music(ids)
        begins = np.flatnonzero(steps != self.HOLD)
        durations = np.diff(begins, append=steps.size)
        pitches = steps[begins] - self.FIRST_PITCH + self.lowest
        notes = np.stack([begins, durations, pitches, np.full(begins.size, VELOCITY)], axis=1)
        return one_voice(self, notes[steps[begins] >= self.FIRST_PITCH], length=steps.size)

    def to_config(self) -> dict:
        """Return the arguments that make this codec again."""
        return {"lowest": self.lowest, "highest": self.highest}

    def _move(self, row: np.ndarray, shift: int) -> None:
        move_block(row, slice(self.FIRST_PITCH, self.vocab_size), shift)


def _refuse_two_at_a_time(score: Score, ends: np.ndarray) -> None:
    both = np.flatnonzero(score.onset[1:] < ends[:-1])
    if both.size:
        first, second = score.pitch[both[0]], score.pitch[both[0] + 1]
        raise ValueError(
            f"A melody sounds one note at a time. Received: {note_name(second)} begins at step "
            f"{score.onset[both[0] + 1]} while {note_name(first)} sounds ({title_of(score)})"
        )
