"""Recorded instruments: a soundfont, if the extra `sound` is installed.

MidiRenderer plays the soundfont TimGM6mb, which ships with pretty_midi: the 128 instruments of
General MIDI in equal temperament at 440 Hz.
"""

from __future__ import annotations

import io
import math
import tempfile
import wave
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bach_tf.formats.midi import write_midi
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.formats.sound.synthesis import (
    SAMPLE_RATE,
    TAIL_SECONDS,
    normalised,
)
from bach_tf.formats.sound.timing import HIGHEST, MIDDLE, places_of, step_seconds
from bach_tf.score import Part, Score

PACKAGES = ("midirenderer", "pretty_midi")
SOUNDFONT = "TimGM6mb.sf2"  # in the folder of pretty_midi
HOW_TO_INSTALL = "Install the extra `sound`: pip install '.[sound]' in the checkout of bach_tf."
FADE_SECONDS = 0.2  # fade-out at the end of the tail


def missing_packages() -> list[str]:
    """Return the packages of the extra `sound` that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def play(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Render a score with the soundfont: float32 `(frames, 2)`, left and right, at 48 kHz.

    The peak is at -1 dB; a score without notes is silent. One second follows the last step, with a
    fade-out. Volume and pan of the parts are applied; without them, voices are spread from left to
    right.

    Args:
        score: at most 15 voices and one hour.
        rendition: determines tempo and instruments.

    Raises:
        ValueError: missing packages, a score that is too long, too many voices, or a tempo out of
            bounds.

    Example:
        >>> play(Score.from_grid([[67, 60]] * 4), Rendition(tempo_qpm=60)).shape  # doctest: +SKIP
        (96000, 2)
    """
    soundfont, midi = _instruments_and_midi(score, rendition)
    from midirenderer import render_wave_from

    rendered = _samples(render_wave_from(soundfont, midi))
    seconds = step_seconds(score, rendition)[-1] + TAIL_SECONDS
    sound = np.zeros((round(seconds * SAMPLE_RATE), 2), np.float32)
    sound[: len(rendered)] = rendered[: len(sound)]
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    sound[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return normalised(sound)


def _instruments_and_midi(score: Score, rendition: Rendition) -> tuple[bytes, bytes]:
    """Return the soundfont and the score as a MIDI file with a silent tail."""
    if missing := missing_packages():
        raise ValueError(
            f"Recorded instruments need {' and '.join(missing)}, which this Python does not have. "
            f"{HOW_TO_INSTALL} Without it there is the additive synthesiser."
        )
    step_seconds(score, rendition)  # checks the length
    _, last_qpm = rendition.tempi_of(score)[-1]
    tail = math.ceil(TAIL_SECONDS * last_qpm / 60 * score.steps_per_quarter)
    parts = rendition.parts_of(score)
    placed = [_placed(part, place) for part, place in zip(parts, places_of(parts))]
    longer = replace(score, length=score.length + tail, parts=placed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        write_midi(longer, path, Rendition(tempo_qpm=rendition.tempo_qpm))
        return _soundfont().read_bytes(), path.read_bytes()


def _placed(part: Part, place: float) -> Part:
    """Return a part with its pan, and with full volume if it has none."""
    volume = HIGHEST if part.volume is None else part.volume
    return replace(part, volume=volume, pan=MIDDLE + round(place * (HIGHEST - MIDDLE)))


def _soundfont() -> Path:
    """Return the soundfont in pretty_midi, without the second that importing it takes."""
    return Path(find_spec("pretty_midi").submodule_search_locations[0]) / SOUNDFONT


def _samples(wav: bytes) -> np.ndarray:
    """Return the samples of a WAV file: float32 `(frames, 2)` in -1..1."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        assert file.getframerate() == SAMPLE_RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.reshape(-1, 2).astype(np.float32) / 32_768
