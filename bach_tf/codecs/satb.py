"""Four voices with one token each per sixteenth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bach_tf._basics.settings import Pair, Several, Whole
from bach_tf.codecs.base import (
    PAD,
    REST,
    Codec,
    move_block,
    notes_of_range,
    pitch_range,
    sum_of,
)
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES
from bach_tf.score import SILENCE, STEPS_PER_QUARTER, Part, Score

NATURAL_ORDER = (0, 1, 2, 3)
VELOCITIES = (92, 74, 74, 84)  # of the four voices: the outer ones are louder
PITCH = Whole(LOWEST_PITCH, HIGHEST_PITCH)
ORDER = Several(Whole(0, 3), len(VOICES), len(VOICES))


class SatbCodec(Codec):
    """Four-part music: the voices of each step in turn, by default from the soprano down.

    A piece of `T` steps has `1 + 4 T + 1` tokens: start, the four voices of each step, end.

        id               0    1      2    3        4 ...
        token            pad  start  end  silence  lowest pitch, and the next one, ...

    Args:
        lowest: lowest pitch with an id (MIDI number, 21..108).
        highest: highest pitch with an id.
        ranges: lowest and highest pitch of each voice in generated pieces, from the soprano
            down; unrestricted if `None`.
        order: the voice of each token of a step, 0 for the soprano.

    Raises:
        ValueError: if the bounds are outside 21..108 or in the wrong order, or `order` is not a
            permutation.

    Example:
        >>> codec = SatbCodec(lowest=36, highest=81)
        >>> codec.encode(Score.from_grid([[67, 62, 59, 43]])).tolist()
        [1, 35, 30, 27, 11, 2]
    """

    ARGUMENTS = {
        "lowest": PITCH,
        "highest": PITCH,
        "ranges": Several(Pair(PITCH, PITCH), len(VOICES), len(VOICES), optional=True),
        "order": ORDER,
    }
    NEEDED = ()
    ENCODING = {"order": ORDER}

    SILENT, FIRST_PITCH = 3, 4
    unknown = None
    part_names = VOICES
    step_name = "sixteenth"
    steps_per_quarter = STEPS_PER_QUARTER
    steps_per_bar = 4 * STEPS_PER_QUARTER

    def __init__(
        self,
        lowest: int = LOWEST_PITCH,
        highest: int = HIGHEST_PITCH,
        ranges: Sequence[Sequence[int]] | None = None,
        order: Sequence[int] = NATURAL_ORDER,
    ):
        if sorted(order) != list(NATURAL_ORDER):
            raise ValueError(f"`order` must be a permutation of 0, 1, 2 and 3. Received: {order}")
        self.order = [int(voice) for voice in order]
        self.voice_names = tuple(VOICES[voice] for voice in self.order)
        notes = notes_of_range(lowest, highest, (LOWEST_PITCH, HIGHEST_PITCH))
        super().__init__([REST, *notes])
        self.lowest = int(lowest)
        self.highest = int(highest)
        self.ranges = None if ranges is None else [[int(low), int(high)] for low, high in ranges]
        if self.ranges is not None:
            pitches = np.arange(self.vocab_size) - self.FIRST_PITCH + self.lowest  # (V,)
            low, high = np.array(self.ranges)[self.order].T[:, :, None]  # (4, 1) each
            beyond = (pitches < low) | (pitches > high)  # (4, V)
            beyond[:, : self.FIRST_PITCH] = False
            self.may_write = self.may_follow & ~beyond

    @classmethod
    def fit(
        cls,
        scores: Sequence[Score],
        *,
        transpose: tuple[int, int] = (0, 0),
        order: Sequence[int] = NATURAL_ORDER,
    ) -> SatbCodec:
        """Return a codec for the pitch range of the training split, limited to 21..108.

        Generated pieces keep to the range that each voice has before transposition: models
        occasionally sample a wrong note, and one from another voice's range can derail the piece.

        Args:
            scores: the training split.
            transpose: lowest and highest shift, in semitones.
            order: the voice of each token of a step.

        Raises:
            ValueError: if there are no notes, or `order` is not a permutation.
        """
        return cls.fit_counts(sum_of(map(cls.count, scores)), transpose=transpose, order=order)

    @classmethod
    def count(cls, score: Score, **settings: object) -> Counter:
        """Return how often each voice has each pitch: `(voice, pitch)`.

        Args:
            score: a piece of the training split.
            **settings: those of `fit`; without effect.
        """
        return Counter(zip(score.voice.tolist(), score.pitch.tolist()))

    @classmethod
    def fit_counts(
        cls,
        counts: Counter,
        *,
        transpose: tuple[int, int] = (0, 0),
        order: Sequence[int] = NATURAL_ORDER,
    ) -> SatbCodec:
        """Return the codec for the counts of a training split, see `fit`.

        Args:
            counts: the sum of those that `count` returns.
            transpose: lowest and highest shift, in semitones.
            order: the voice of each token of a step.

        Raises:
            ValueError: if there are no notes, or `order` is not a permutation.
        """
        codec = cls.for_range(*pitch_range([pitch for _, pitch in counts], transpose))
        voices = [
            [pitch for voice, pitch in counts if voice == number] for number in range(len(VOICES))
        ]
        ranges = [
            [min(voice), max(voice)] if voice else [codec.lowest, codec.highest] for voice in voices
        ]
        return cls(codec.lowest, codec.highest, ranges, order)

    @classmethod
    def for_range(cls, lowest: int, highest: int) -> SatbCodec:
        """Return a codec for pitches `lowest..highest`, clipped to what the layout can hold."""
        return cls(max(lowest, LOWEST_PITCH), min(highest, HIGHEST_PITCH))

    @property
    def pitch_ids(self) -> np.ndarray:
        """The id of each MIDI pitch: int32 `(128,)`; `PAD` for pitches without an id."""
        ids = np.full(128, PAD, np.int32)
        ids[self.lowest : self.highest + 1] = np.arange(self.FIRST_PITCH, self.vocab_size)
        ids[SILENCE] = self.SILENT
        return ids

    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(1 + 4 T + 1,)`.

        Raises:
            ValueError: if there are more than four voices, notes of one voice overlap, the grid
                differs, or a pitch has no id.
        """
        self._check_grid(score)
        grid = score.to_grid(len(VOICES))  # (T, 4)
        ids = self.pitch_ids[grid]
        if (ids == PAD).any():
            step, voice = np.argwhere(ids == PAD)[0]
            raise ValueError(
                f"Pitches must be in {self.lowest}..{self.highest}, the range of this codec. "
                f"Received: {grid[step, voice]} ({VOICES[voice]}, step {step}"
                f"{', ' + score.title if score.title else ''})"
            )
        return self._piece(ids[:, self.order].reshape(-1))

    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids.

        Padding and start tokens are skipped, the end token ends the piece, and voices missing
        from an incomplete last step are silent in it.

        Args:
            ids: ints `(T,)` in `0..vocab_size - 1`.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        music = self._music(ids)
        missing = np.full(-music.size % len(VOICES), self.SILENT)
        steps = np.concatenate([music, missing]).reshape(-1, len(VOICES))  # (T, 4)
        steps = steps[:, np.argsort(self.order)]
        pitches = steps - self.FIRST_PITCH + self.lowest
        grid = np.where(steps == self.SILENT, SILENCE, pitches)
        return Score.from_grid(grid, velocity=VELOCITIES, parts=map(Part, self.part_names))

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        config = {"lowest": self.lowest, "highest": self.highest, "ranges": self.ranges}
        natural = self.order == list(NATURAL_ORDER)
        return config if natural else {**config, "order": self.order}

    def _move(self, row: np.ndarray, shift: int) -> None:
        move_block(row, slice(self.FIRST_PITCH, self.vocab_size), shift)
