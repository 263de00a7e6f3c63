"""An additive synthesiser in NumPy, for any of the tunings."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.formats.sound.timing import damped, loudness_of, places_of, step_seconds
from bach_tf.score import Part, Score
from bach_tf.theory.tunings import frequencies

SAMPLE_RATE = 48_000  # frames per second
FULL_SCALE = 32_767  # of 16-bit samples
PEAK = 10 ** (-1 / 20)  # 1 dB below full scale
TAIL_SECONDS = 1.0  # after the last step
FRAMES_AT_ONCE = 1 << 20  # converted to 16 bits

LOUDEST = 127  # velocity
HIGHEST_PROGRAM = 127
NOTES_KEPT = 256


@dataclass(frozen=True)
class Timbre:
    """The timbre of an instrument.

    Args:
        harmonics: amplitudes from the fundamental up.
        attack: seconds.
        release: seconds.
        decay: time constant of the fundamental in seconds, n times shorter for the nth harmonic;
            infinite for sustained instruments.
        swell: fraction of the amplitude that builds up after the attack.
    """

    harmonics: tuple[float, ...]
    attack: float = 0.008
    release: float = 0.06
    decay: float = math.inf
    swell: float = 0.0


SWELL_SECONDS = 0.25
ORGAN = Timbre((1, 0.7, 0.35, 0.4, 0.1, 0.18, 0.05, 0.15), attack=0.02, release=0.09)
PIANO = Timbre((1, 0.6, 0.35, 0.22, 0.14, 0.09, 0.05, 0.03), 0.004, 0.12, decay=1.6)
PLUCKED = Timbre((1, 0.8, 0.65, 0.5, 0.35, 0.28, 0.2, 0.14, 0.1, 0.07), 0.003, 0.08, decay=0.7)
BELL = Timbre((1, 0.1, 0.35, 0.05, 0.15), 0.002, 0.3, decay=0.9)
STRINGS = Timbre((1, 0.6, 0.45, 0.3, 0.22, 0.16, 0.1, 0.07), 0.06, 0.1, swell=0.25)
VOICES = Timbre((1, 0.55, 0.3, 0.2, 0.06, 0.04), 0.07, 0.12, swell=0.2)
BRASS = Timbre((1, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1), 0.03, 0.07, swell=0.1)
REED = Timbre((1, 0.25, 0.7, 0.2, 0.4, 0.12, 0.2, 0.08), 0.025, 0.06)
FLUTE = Timbre((1, 0.3, 0.1, 0.04), 0.04, 0.07, swell=0.1)

# The families of General MIDI, eight programs each, and programs unlike their family.
FAMILIES = (
    PIANO, BELL, ORGAN, PLUCKED, PLUCKED, STRINGS, STRINGS, BRASS,
    REED, FLUTE, REED, VOICES, STRINGS, PLUCKED, BELL, PLUCKED,
)  # fmt: skip
UNLIKE_FAMILY = {
    **dict.fromkeys((6, 7), PLUCKED),  # harpsichord, clavinet
    **dict.fromkeys((45, 46, 47), PLUCKED),  # pizzicato strings, harp, timpani
    **dict.fromkeys((52, 53, 54), VOICES),  # choir aahs, voice oohs, synth voice
    **dict.fromkeys((109, 110, 111), REED),  # bag pipe, fiddle, shanai
}


def timbre_of(program: int) -> Timbre:
    """Return the timbre of a General MIDI program.

    Raises:
        ValueError: a program outside 0..127.
    """
    if not 0 <= program <= HIGHEST_PROGRAM:
        raise ValueError(f"`program` must be in 0..{HIGHEST_PROGRAM}. Received: {program}")
    return UNLIKE_FAMILY.get(program, FAMILIES[program // 8])


def synthesise(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Synthesise a score: float32 `(frames, 2)`, left and right, at 48 kHz.

    The peak is at -1 dB; a score without notes is silent. One second follows the last step. Volume
    and pan of the parts are applied; without them, voices are spread from left to right. Notes held
    by the pedal ring on.

    Args:
        score: the piece, at most one hour.
        rendition: determines tempo, instruments and tuning.

    Raises:
        ValueError: a score that is too long, or a tempo out of bounds.

    Example:
        >>> synthesise(Score.from_grid([[67, 60]] * 4), Rendition(tempo_qpm=60)).shape
        (96000, 2)
    """
    parts = rendition.parts_of(score)
    timbres = [timbre_of(part.program) for part in parts]
    hertz = frequencies(rendition.tuning, rendition.reference_hz)
    frame = step_seconds(score, rendition) * SAMPLE_RATE  # at which each step begins
    starts = np.rint(frame[score.onset]).astype(int)
    held = np.rint(frame[damped(score)] - frame[score.onset]).astype(int)
    frames = round(frame[-1] + TAIL_SECONDS * SAMPLE_RATE)
    sound = np.zeros((frames, 2), np.float32)
    at_ears = _loudness_at_ears(parts)
    # Chorales have few combinations of pitch and length: each is synthesised once.
    note_of = lru_cache(NOTES_KEPT)(_note)
    for note, pitch in enumerate(score.pitch):
        one = note_of(timbres[score.voice[note]], hertz[pitch], held[note])
        loudness = (score.velocity[note] / LOUDEST) ** 2
        here = sound[starts[note] : starts[note] + len(one)]
        here += one[: len(here), None] * (loudness * at_ears[score.voice[note]])
    return normalised(sound)


def normalised(sound: np.ndarray) -> np.ndarray:
    """Scale a sound to the peak `PEAK`; silence is unchanged."""
    highest = np.abs(sound).max(initial=0)
    return sound * np.float32(PEAK / highest) if highest > 0 else sound


def _loudness_at_ears(parts: Sequence[Part]) -> np.ndarray:
    """Return the left and right gain of each part: float32 `(voices, 2)`."""
    angle = (1 + places_of(parts)) * np.pi / 4  # constant power
    at_ears = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (at_ears * loudness_of(parts)[:, None]).astype(np.float32)


def _note(timbre: Timbre, hertz: float, held: int) -> np.ndarray:
    """Synthesise a note: float32 `(frames,)`, `held` frames and the release.

    The nth harmonic is the nth power of a decaying complex exponential, so the sum over the
    harmonics is evaluated as a polynomial by Horner's rule.
    """
    release = round(timbre.release * SAMPLE_RATE)
    seconds = np.arange(held + release) / SAMPLE_RATE
    turning = np.exp((2j * np.pi * hertz - 1 / timbre.decay) * seconds).astype(np.complex64)
    audible = max(1, int(SAMPLE_RATE / 2 // hertz))
    sum_above = np.zeros(len(seconds), np.complex64)
    for amplitude in reversed(timbre.harmonics[:audible]):
        sum_above += np.float32(amplitude)
        sum_above *= turning
    sound = sum_above.imag / np.float32(sum(timbre.harmonics))
    if timbre.swell:
        sound *= 1 - timbre.swell * np.exp(-seconds / SWELL_SECONDS, dtype=np.float32)
    attack = min(round(timbre.attack * SAMPLE_RATE), len(sound))
    sound[:attack] *= _ramp(round(timbre.attack * SAMPLE_RATE))[:attack]
    sound[held:] *= _ramp(release)[::-1]
    return sound


def _ramp(frames: int) -> np.ndarray:
    """Return a raised-cosine ramp from 0 to 1: float32 `(frames,)`."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(frames) / frames)).astype(np.float32)


def save_wav(sound: np.ndarray, path: Path) -> None:
    """Write samples as a WAV file: 48 kHz, 16 bits, stereo.

    Args:
        sound: float `(frames, 2)` in -1..1, left and right.
        path: of the file.

    Example:
        >>> save_wav(np.zeros((48_000, 2)), Path("silence.wav"))  # doctest: +SKIP
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for start in range(0, len(sound), FRAMES_AT_ONCE):
            part = np.rint(sound[start : start + FRAMES_AT_ONCE] * FULL_SCALE)
            file.writeframes(part.astype("<i2").tobytes())
