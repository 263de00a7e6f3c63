"""A score as sound: a plain additive synthesiser, in equal or in a well temperament."""

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

SAMPLE_RATE = 48_000  # frames a second
FULL_SCALE = 32_767  # of 16-bit samples
PEAK = 10 ** (-1 / 20)  # 1 dB below full scale
TAIL_SECONDS = 1.0  # after the last step
FRAMES_AT_ONCE = 1 << 20  # that are turned into 16-bit samples

LOUDEST = 127  # velocity
HIGHEST_PROGRAM = 127
NOTES_KEPT = 256


@dataclass(frozen=True)
class Timbre:
    """How an instrument sounds.

    Args:
        harmonics: amplitudes from the fundamental up.
        attack: seconds until a note is there.
        release: seconds until it is gone after its end.
        decay: seconds in which the fundamental falls to 1/e, and the nth harmonic in an nth of
            them; infinite where the player sustains it.
        swell: part of the loudness that comes only after the attack.
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

# The General MIDI families, of eight programs each, and the programs that are unlike theirs.
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
    """Return how a General MIDI program sounds.

    Raises:
        ValueError: a program outside 0..127.
    """
    if not 0 <= program <= HIGHEST_PROGRAM:
        raise ValueError(f"`program` must be in 0..{HIGHEST_PROGRAM}. Received: {program}")
    return UNLIKE_FAMILY.get(program, FAMILIES[program // 8])


def synthesise(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Return the sound of a score: float32 `(frames, 2)`, left and right, 48,000 a second.

    The loudest sample is 1 dB below 1; a score without notes is silent. A second follows the
    last step. Parts are as loud and stand where they say; else the first voice stands at the left
    and the last one at the right. What a pedal holds sounds on.

    Args:
        score: the piece, of an hour at most.
        rendition: says the tempo, the instruments and the tuning.

    Raises:
        ValueError: a score that is too long, or of a tempo that cannot be.

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
    # A chorale has few notes that differ in pitch or length: each is made once.
    note_of = lru_cache(NOTES_KEPT)(_note)
    for note, pitch in enumerate(score.pitch):
        one = note_of(timbres[score.voice[note]], hertz[pitch], held[note])
        loudness = (score.velocity[note] / LOUDEST) ** 2
        here = sound[starts[note] : starts[note] + len(one)]
        here += one[: len(here), None] * (loudness * at_ears[score.voice[note]])
    return normalised(sound)


def normalised(sound: np.ndarray) -> np.ndarray:
    """Return a sound whose loudest sample is `PEAK`; silence stays as it is."""
    highest = np.abs(sound).max(initial=0)
    return sound * np.float32(PEAK / highest) if highest > 0 else sound


def _loudness_at_ears(parts: Sequence[Part]) -> np.ndarray:
    """Return how loud each part is at the left and at the right: float32 `(voices, 2)`."""
    angle = (1 + places_of(parts)) * np.pi / 4  # the squares of both add up to 1
    at_ears = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (at_ears * loudness_of(parts)[:, None]).astype(np.float32)


def _note(timbre: Timbre, hertz: float, held: int) -> np.ndarray:
    """Return the sound of one note: float32 `(frames,)`, `held` frames and the release.

    The nth harmonic is the nth power of one turning and shrinking complex number, so that the
    sum over the harmonics is a polynomial of it.
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
    """Return a smooth way from 0 to 1: float32 `(frames,)`."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(frames) / frames)).astype(np.float32)


def save_wav(sound: np.ndarray, path: Path) -> None:
    """Write samples as a WAV file: 48,000 frames a second, 16 bits, two channels.

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
