"""A codec: at each step one pitch, struck anew, or a rest."""

from collections import Counter

import numpy as np

from bach_tf.codecs.base import (
    PITCH,
    REST,
    Codec,
    move_block,
    notes_of_range,
    pitch_range,
    pitches_of,
)
from bach_tf.score import STEPS_PER_QUARTER, Score

SILENCE, FIRST_PITCH = 4, 5


class StepCodec(Codec):
    ARGUMENTS = {"lowest": PITCH, "highest": PITCH}
    NEEDED = ("lowest", "highest")
    voice_names = ("line",)
    step_name = "sixteenth"
    steps_per_quarter = STEPS_PER_QUARTER
    steps_per_bar = 4 * STEPS_PER_QUARTER

    def __init__(self, lowest, highest):
        super().__init__([REST, *notes_of_range(lowest, highest)])
        self.lowest, self.highest = lowest, highest

    @classmethod
    def fit(cls, scores, *, transpose=(0, 0)):
        return cls(*pitch_range(pitches_of(scores), transpose))

    @classmethod
    def count(cls, score):
        return Counter(score.pitch.tolist())

    @classmethod
    def fit_counts(cls, counts, *, transpose=(0, 0)):
        return cls(*pitch_range(list(counts), transpose))

    def encode(self, score):
        pitches = score.to_grid(1)[:, 0]  # (T,)
        return self._piece(np.where(pitches, pitches - self.lowest + FIRST_PITCH, SILENCE))

    def decode(self, ids):
        ids = self._music(ids)
        pitches = np.where(ids >= FIRST_PITCH, ids - FIRST_PITCH + self.lowest, 0)
        return Score.from_grid(pitches[:, None])

    def to_config(self):
        return {"lowest": int(self.lowest), "highest": int(self.highest)}

    def _move(self, row, shift):
        move_block(row, slice(FIRST_PITCH, self.vocab_size), shift)
