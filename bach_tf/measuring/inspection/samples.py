"""The opening of a piece as sound and as an image, small enough to keep many of them."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.formats.piano_roll import write_piano_roll
from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound.synthesis import SAMPLE_RATE, synthesise
from bach_tf.recipes import Preset
from bach_tf.score import Score

SECONDS = 20.0  # duration of a sample, about eight bars: 1 MB as sound
FRAMES_PER_SECOND = SAMPLE_RATE // 2


def steps_of_opening(preset: Preset, codec: Codec) -> int:
    """Return the length of a sample in steps of the codec.

    If steps have no fixed duration, this is a whole piece, of which the opening is used.

    Args:
        preset: provides length and tempo of a piece.
        codec: defines a step.
    """
    if codec.steps_per_bar is None:
        return preset.music.length
    bars = SECONDS * preset.music.tempo_qpm / 60 / 4
    return min(math.ceil(bars * codec.steps_per_bar), preset.music.length)


def opening(score: Score, tempo_qpm: float, seconds: float = SECONDS) -> Score:
    """Return the first seconds of a piece, truncating notes that go on.

    Args:
        score: the piece.
        tempo_qpm: quarter notes per minute.
        seconds: duration of the opening.

    Example:
        >>> opening(Score.from_grid([[60]] * 9), tempo_qpm=60, seconds=1.0).duration.tolist()
        [4]
    """
    return score.opening(math.ceil(seconds * tempo_qpm / 60 * score.steps_per_quarter))


def as_sound(score: Score, preset: Preset) -> np.ndarray:
    """Return a piece as mono sound for `tf.summary.audio`.

    Args:
        score: the piece.
        preset: provides tempo and instrument.

    Returns:
        float32 `(1, frames, 1)` in -1..1, at `FRAMES_PER_SECOND`.
    """
    sound = synthesise(
        score, Rendition(tempo_qpm=preset.music.tempo_qpm, program=preset.music.program)
    )
    pairs = sound[: len(sound) // 2 * 2].reshape(-1, 2, 2)  # (F, 2 in time, left and right)
    return pairs.mean(axis=(1, 2))[None, :, None]


def as_picture(score: Score, preset: Preset) -> np.ndarray:
    """Return a piano roll for `tf.summary.image`.

    Args:
        score: the piece.
        preset: provides the tempo.

    Returns:
        uint8 `(1, height, width, 4)`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roll.png"
        write_piano_roll(score, path, Rendition(tempo_qpm=preset.music.tempo_qpm))
        return tf.io.decode_png(path.read_bytes()).numpy()[None]
