"""How many parallel fifths and octaves a model of four voices expects to write, in given contexts.

    python -m benchmarks.parallels --run RUN --corpus jsb --split valid

Over the contexts of the pieces themselves: the probability that the model gives to notes that would
make a parallel fifth or octave with a voice already written in the step, both voices moving in one
direction; summed up, per 1,000 notes. Beside it stands how many there are in the pieces. Other than
in new pieces, chance and the drift of a piece have no part in it.
"""

from __future__ import annotations

import sys

from bach_tf.cli.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.codecs import SatbCodec
from bach_tf.learning.runs import Run
from benchmarks.on_a_split import report

PERFECT = (0, 7)  # semitones modulo 12: unisons and octaves, fifths
VOICES = 4


def measure(run: Run, pieces: list[np.ndarray]) -> tuple[float, float]:
    """Return the parallels that the model expects and those that stand there, per 1,000 notes.

    Args:
        run: of four voices.
        pieces: ids `(1 + 4 T + 1,)` each.
    """

    @tf.function(reduce_retracing=True)
    def chances_of(ids):
        return tf.nn.softmax(run.model(ids[:, :-1], training=False))

    totals = np.zeros(3)
    for ids in pieces:
        chances = chances_of(tf.constant(ids[None]))[0, :-1].numpy()
        totals += count(ids[1:-1].reshape(-1, VOICES), chances.reshape(-1, VOICES, len(chances[0])))
    expected, written, notes = totals
    return 1000 * expected / notes, 1000 * written / notes


def count(chords: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Return the expected parallels of a piece, those in it, and its notes: float64 `(3,)`.

    Args:
        chords: int `(T, 4)`, ids in the order in which they are written.
        chances: float `(T, 4, V)`, of each id at each place.
    """
    before, now = chords[:-1], chords[1:]
    notes = VOICES + (now != before).sum()
    expected = written = 0.0
    pitch = np.arange(chances.shape[-1])
    for other in range(VOICES):
        for voice in range(other + 1, VOICES):
            forbidden = parallels(before[:, [other]], before[:, [voice]], now[:, [other]], pitch)
            expected += chances[1:, voice][forbidden].sum()
            written += np.take_along_axis(forbidden, now[:, [voice]], axis=1).sum()
    return np.array([expected, written, notes])


def parallels(other_before, before, other, pitch) -> np.ndarray:
    """Return which pitches make a parallel with another voice: bool `(T, V)`.

    Args:
        other_before: int `(T, 1)`, what the other voice had.
        before: int `(T, 1)`, what this voice had.
        other: int `(T, 1)`, what the other voice has.
        pitch: int `(V,)`, what this voice might have.
    """
    first = SatbCodec.FIRST_PITCH
    sounds = (np.minimum(np.minimum(other_before, before), other) >= first) & (pitch >= first)
    interval = np.abs(other_before - before) % 12
    kept = np.isin(interval, PERFECT) & (np.abs(other - pitch) % 12 == interval)
    moves = (other != other_before) & (pitch != before)
    return sounds & kept & moves & ((other > other_before) == (pitch > before))


def format_both(run: Run, pieces: list[np.ndarray]) -> str:
    """Return what `measure` finds, in words."""
    expected, written = measure(run, pieces)
    return (
        f"parallel fifths and octaves per 1,000 notes: expected {expected:.2f}, "
        f"written {written:.2f}"
    )


def main(argv: list[str] | None = None) -> int:
    """Print both figures; return the exit status."""
    return report("parallels", __doc__.splitlines()[0], argv, format_both)


if __name__ == "__main__":
    sys.exit(main())
