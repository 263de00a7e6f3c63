"""A score as sound of recorded instruments: a soundfont, where the extra `sound` is installed.

MidiRenderer plays the soundfont TimGM6mb, which pretty_midi carries: 128 instruments of General
MIDI, in equal temperament at 440 Hz.
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
FADE_SECONDS = 0.2  # at the end of the tail, for what still rings


def missing_packages() -> list[str]:
    """Return which of the packages of the extra `sound` are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def play(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Return the sound of a score: float32 `(frames, 2)`, left and right, 48,000 a second.

    The loudest sample is 1 dB below 1; a score without notes is silent. A second follows the
    last step, in which what still rings fades. Parts are as loud and stand where they say; else
    the first voice stands at the left and the last one at the right.

    Args:
        score: at most 15 voices and an hour.
        rendition: says the tempo and the instruments.

    Raises:
        ValueError: packages that are missing, a score that is too long, too many voices, or a
            tempo that cannot be.

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
    """Return the soundfont, and the score as a MIDI file with a silent tail."""
    if missing := missing_packages():
        raise ValueError(
            f"Recorded instruments need {' and '.join(missing)}, which this Python does not have. "
            f"{HOW_TO_INSTALL} Without it there is the additive synthesiser."
        )
    step_seconds(score, rendition)  # which checks how long it is
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
    """Return a part with its place, and all the loudness there is where it does not say."""
    volume = HIGHEST if part.volume is None else part.volume
    return replace(part, volume=volume, pan=MIDDLE + round(place * (HIGHEST - MIDDLE)))


def _soundfont() -> Path:
    """Return where pretty_midi keeps its soundfont; importing it would take a second."""
    return Path(find_spec("pretty_midi").submodule_search_locations[0]) / SOUNDFONT


def _samples(wav: bytes) -> np.ndarray:
    """Return the samples of a WAV file: float32 `(frames, 2)` in -1..1."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        assert file.getframerate() == SAMPLE_RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.reshape(-1, 2).astype(np.float32) / 32_768
