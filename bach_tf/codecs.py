"""Scores as ids that a model can learn, and back.

A codec is a plain object with this interface; a test holds every entry of `CODECS` to it:

- `encode(score) -> int32 (T,)`, from `START` to `END`; `decode(ids) -> Score` accepts any ids.
- `vocab_size`; id 0 is padding in every codec and never music.
- `counted`: bool `(vocab_size,)`, the ids whose likelihood is measured.
- `voice_names`, and `voice_of(positions)`: which of them a token belongs to.
- `may_follow`: bool `(period, vocab_size)`: the ids that may stand at position `t` of a piece
  (the start token has no position) are those in row `t % period`.
- `transposition(shifts) -> int32 (shifts, vocab_size)`, 0 where a shift leaves the vocabulary.
- `to_config() -> dict` and `from_config(dict)`; `for_range(lowest, highest)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bach_tf.corpora.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES
from bach_tf.score import SILENCE, STEPS_PER_QUARTER, Score

VELOCITIES = (92, 74, 74, 84)  # of the four voices: the outer ones lead
PAD = 0  # in every codec: fills a window behind the end of a piece, is never music


class SatbCodec:
    """Four-part music: soprano, alto, tenor and bass of each step in turn.

    A piece of `T` steps is `1 + 4 T + 1` tokens: start, the four voices of each step, end.

        id               0    1      2    3        4 ...
        token            pad  start  end  silence  lowest pitch, and the next one, ...

    Args:
        lowest: the lowest pitch with an id (MIDI number, 21..108).
        highest: the highest.

    Raises:
        ValueError: bounds outside 21..108, or in the wrong order.

    Example:
        >>> codec = SatbCodec(lowest=36, highest=81)
        >>> codec.encode(Score.from_grid([[67, 62, 59, 43]])).tolist()
        [1, 35, 30, 27, 11, 2]
    """

    START, END, SILENT, FIRST_PITCH = 1, 2, 3, 4
    voice_names = VOICES

    def __init__(self, lowest: int = LOWEST_PITCH, highest: int = HIGHEST_PITCH):
        if not LOWEST_PITCH <= lowest <= highest <= HIGHEST_PITCH:
            raise ValueError(
                f"`lowest` and `highest` must be in {LOWEST_PITCH}..{HIGHEST_PITCH}, in order. "
                f"Received: lowest={lowest}, highest={highest}"
            )
        self.lowest = int(lowest)
        self.highest = int(highest)
        self.vocab_size = self.FIRST_PITCH + self.highest - self.lowest + 1
        self.counted = np.arange(self.vocab_size) >= self.SILENT
        # A piece ends between two steps, so only where a soprano's note could stand.
        self.may_follow = np.tile(self.counted, (len(VOICES), 1))
        self.may_follow[0, self.END] = True

    @classmethod
    def for_range(cls, lowest: int, highest: int) -> SatbCodec:
        """Return a codec for pitches `lowest..highest`, cut to what the layout can hold."""
        return cls(max(lowest, LOWEST_PITCH), min(highest, HIGHEST_PITCH))

    @property
    def pitch_ids(self) -> np.ndarray:
        """The id of each MIDI pitch: int32 `(128,)`; `PAD` where it has none."""
        ids = np.full(128, PAD, np.int32)
        ids[self.lowest : self.highest + 1] = np.arange(self.FIRST_PITCH, self.vocab_size)
        ids[SILENCE] = self.SILENT
        return ids

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(1 + 4 T + 1,)`.

        Raises:
            ValueError: more than four voices, two notes of one voice at a time, another grid,
                or a pitch that has no id.
        """
        if score.steps_per_quarter != STEPS_PER_QUARTER:
            raise ValueError(
                f"`steps_per_quarter` must be {STEPS_PER_QUARTER}. "
                f"Received: {score.steps_per_quarter} ({score.title or 'a score'})"
            )
        grid = score.to_grid(len(VOICES))  # (T, 4)
        ids = self.pitch_ids[grid]
        if (ids == PAD).any():
            step, voice = np.argwhere(ids == PAD)[0]
            raise ValueError(
                f"Pitches must be in {self.lowest}..{self.highest}, what this codec covers. "
                f"Received: {grid[step, voice]} ({VOICES[voice]}, step {step}"
                f"{', ' + score.title if score.title else ''})"
            )
        return np.concatenate([[self.START], ids.reshape(-1), [self.END]]).astype(np.int32)

    def decode(self, ids) -> Score:
        """Return the score of any sequence of ids that a model may emit.

        Padding and start are skipped, the end token ends the piece, and the voices that a
        partial last step lacks are silent in it.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`.

        Raises:
            ValueError: an id outside the vocabulary.
        """
        ids = np.asarray(ids, np.int64).reshape(-1)
        if ids.size and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(
                f"Ids must be in 0..{self.vocab_size - 1}. Received: {ids.min()}..{ids.max()}"
            )
        ends = np.flatnonzero(ids == self.END)
        music = ids[: ends[0]] if ends.size else ids
        music = music[music >= self.SILENT]
        missing = np.full(-music.size % len(VOICES), self.SILENT)
        steps = np.concatenate([music, missing]).reshape(-1, len(VOICES))  # (T, 4)
        pitches = steps - self.FIRST_PITCH + self.lowest
        grid = np.where(steps == self.SILENT, SILENCE, pitches)
        return Score.from_grid(grid, velocity=VELOCITIES)

    def voice_of(self, positions) -> np.ndarray:
        """Return the index into `voice_names` of the tokens at `positions` of a piece."""
        return np.asarray(positions) % len(VOICES)

    def transposition(self, shifts: Sequence[int]) -> np.ndarray:
        """Return what each id becomes under each shift: int32 `(len(shifts), vocab_size)`.

        Args:
            shifts: semitones. A pitch that would leave the vocabulary becomes padding.
        """
        table = np.tile(np.arange(self.vocab_size, dtype=np.int32), (len(shifts), 1))
        for row, shift in zip(table, shifts):
            moved = row[self.FIRST_PITCH :] + shift
            inside = (moved >= self.FIRST_PITCH) & (moved < self.vocab_size)
            row[self.FIRST_PITCH :] = np.where(inside, moved, PAD)
        return table

    def to_config(self) -> dict:
        """Return the arguments that make this codec again."""
        return {"lowest": self.lowest, "highest": self.highest}

    @classmethod
    def from_config(cls, config: dict) -> SatbCodec:
        """Return the codec of `to_config`."""
        return cls(**config)


CODECS = {"satb": SatbCodec}
