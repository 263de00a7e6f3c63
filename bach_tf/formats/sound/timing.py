"""When the notes of a score sound, in seconds, and where their players stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from bach_tf.formats.rendition import Rendition
from bach_tf.score import Part, Score

LONGEST_SECONDS = 3600  # a score of an hour takes 1.3 GB while it is made
PLACES = 0.6  # how far from the middle the outer voices stand; 1 is one loudspeaker alone
MIDDLE, HIGHEST = 64, 127  # of MIDI's pan, and of its volume


def step_seconds(score: Score, rendition: Rendition) -> np.ndarray:
    """Return when each step begins, and when the last one ends: float `(length + 1,)`.

    Args:
        score: the piece.
        rendition: says the tempo, where that is not as the score says.

    Raises:
        ValueError: a tempo that cannot be, or a score of more than an hour.

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
    # Sums of whole stretches: a long piece does not drift.
    places = np.arange(score.length + 1)
    stretch = np.searchsorted(starts, places, side="right") - 1
    begins = np.concatenate([[0.0], np.cumsum(spans[:-1] * lengths[:-1])])
    return begins[stretch] + (places - np.array(starts)[stretch]) * lengths[stretch]


def damped(score: Score) -> np.ndarray:
    """Return the step at which each note falls silent: int `(N,)`.

    It is its end; or where the pedal that is down then is lifted, or its pitch is struck again.

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
    """Return when a note is damped whose key is released at a step."""
    last = bisect_right(spans, end, key=lambda span: span[0]) - 1
    return max(end, spans[last][1]) if last >= 0 else end


def _struck_again(score: Score) -> np.ndarray:
    """Return where the pitch of each note is struck next in its voice, not before its end."""
    following = np.full(len(score), score.length)
    latest: dict[tuple[int, int], int] = {}
    for note in reversed(range(len(score))):
        key = int(score.voice[note]), int(score.pitch[note])
        following[note] = latest.get(key, score.length)
        latest[key] = int(score.onset[note])
    return np.maximum(following, score.onset + score.duration)


def places_of(parts: Sequence[Part]) -> np.ndarray:
    """Return where each part stands, from -1 at the left to 1 at the right: float `(voices,)`.

    A part that has no pan stands where its voice does: the first at the left, the last at the
    right.

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
    """Return how loud each part is, 1 where it does not say: float `(voices,)`.

    Source: the General MIDI level 1 developer guidelines: the square of what controller 7 says.
    """
    volumes = [HIGHEST if part.volume is None else part.volume for part in parts]
    return (np.array(volumes, float) / HIGHEST) ** 2
