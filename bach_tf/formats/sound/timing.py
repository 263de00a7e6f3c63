"""Times of notes in seconds, and stereo positions of parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from bach_tf.formats.rendition import Rendition
from bach_tf.score import Part, Score

LONGEST_SECONDS = 3600  # rendering an hour takes 1.3 GB of memory
PLACES = 0.6  # pan of the outer voices; 1 is a single loudspeaker
MIDDLE, HIGHEST = 64, 127  # of MIDI's pan and volume


def step_seconds(score: Score, rendition: Rendition) -> np.ndarray:
    """Return the times in seconds of all steps and of the end: float `(length + 1,)`.

    Args:
        score: the piece.
        rendition: its tempo, if any, overrides that of the score.

    Raises:
        ValueError: a tempo out of bounds, or a score longer than an hour.

    Example:
        >>> score = Score.from_grid([[67]] * 3, tempi=[(0, 60), (2, 30)])
        >>> step_seconds(score, Rendition()).tolist()
        [0.0, 0.25, 0.5, 1.0]
    """
    starts, qpm = zip(*rendition.tempi_of(score))
    lengths = 60 / np.array(qpm, float) / score.steps_per_quarter
    spans = np.diff([*starts, max(score.length, starts[-1])])
    steps = np.repeat(lengths, spans)[: score.length]
    seconds = steps.sum()
    if seconds > LONGEST_SECONDS:
        raise ValueError(
            f"A score must last at most {LONGEST_SECONDS} s to be made into sound. Received: "
            f"{seconds:.0f} s at {qpm[0]} quarter notes per minute"
        )
    # Summed by stretches of equal tempo, so that long pieces do not drift.
    places = np.arange(score.length + 1)
    stretch = np.searchsorted(starts, places, side="right") - 1
    begins = np.concatenate([[0.0], np.cumsum(spans[:-1] * lengths[:-1])])
    return begins[stretch] + (places - np.array(starts)[stretch]) * lengths[stretch]


def damped(score: Score) -> np.ndarray:
    """Return the step at which each note is damped: int `(N,)`.

    This is its end, or, if the pedal is down, the step at which the pedal is lifted or the pitch is
    struck again.

    Example:
        >>> score = Score.from_grid([[60], [64], [0], [60]], pedals=[(0, 4, 0)])
        >>> damped(score).tolist()
        [3, 4, 4]
    """
    ends = score.onset + score.duration
    if not score.pedals:
        return ends
    spans = {
        voice: [span for span in score.pedals if span[2] == voice] for voice in range(score.voices)
    }
    lifted = [_lifted(int(end), spans[voice]) for end, voice in zip(ends, score.voice.tolist())]
    return np.minimum(lifted, _struck_again(score))


def _lifted(end: int, spans: Sequence[tuple[int, int, int]]) -> int:
    """Return the step at which a note is damped if its key is released at `end`."""
    last = bisect_right(spans, end, key=lambda span: span[0]) - 1
    return max(end, spans[last][1]) if last >= 0 else end


def _struck_again(score: Score) -> np.ndarray:
    """Return the next strike of each note's pitch in its voice, at or after its end."""
    following = np.full(len(score), score.length)
    latest: dict[tuple[int, int], int] = {}
    for note in reversed(range(len(score))):
        key = int(score.voice[note]), int(score.pitch[note])
        following[note] = latest.get(key, score.length)
        latest[key] = int(score.onset[note])
    return np.maximum(following, score.onset + score.duration)


def places_of(parts: Sequence[Part]) -> np.ndarray:
    """Return the stereo position of each part, -1 (left) to 1 (right): float `(voices,)`.

    Parts without a pan are spread from left to right in the order of voices.

    Example:
        >>> places_of([Part(), Part(pan=64), Part(pan=0)]).tolist()
        [-0.6, 0.0, -1.0]
    """
    usual = np.linspace(-PLACES, PLACES, len(parts)) if len(parts) > 1 else np.zeros(len(parts))
    said = [
        None if part.pan is None else (part.pan - MIDDLE) / (HIGHEST - MIDDLE) for part in parts
    ]
    return np.array([place if pan is None else max(-1.0, pan) for place, pan in zip(usual, said)])


def loudness_of(parts: Sequence[Part]) -> np.ndarray:
    """Return the gain of each part, 1 without a volume: float `(voices,)`.

    Source: General MIDI level 1 developer guidelines: the square of the value of controller 7.
    """
    volumes = [HIGHEST if part.volume is None else part.volume for part in parts]
    return (np.array(volumes, float) / HIGHEST) ** 2
