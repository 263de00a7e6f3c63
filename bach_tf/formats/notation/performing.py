"""A score in beats as a performance: its notes at the times at which they sound."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from bach_tf.score import PERFORMANCE_TEMPO_QPM, SECONDS, Score


def in_seconds(score: Score, steps_per_quarter: int, tempo_qpm: float) -> Score:
    """Return a score on a grid of seconds, as `read_midi_seconds` reads a performance.

    All notes are of one voice. There are no tempi, metres, fermatas or upbeat.

    Args:
        score: on a grid of beats.
        steps_per_quarter: of the new grid, at `PERFORMANCE_TEMPO_QPM`.
        tempo_qpm: where the score has no tempo.

    Example:
        >>> score = Score.from_grid([[60]] * 4 + [[62]] * 4, tempi=[(0, 60)])
        >>> in_seconds(score, 100, 90).duration.tolist()
        [125, 125]
    """
    begins, per_step = _clock(score, tempo_qpm)
    steps_per_second = steps_per_quarter * PERFORMANCE_TEMPO_QPM / 60
    ends = score.onset + score.duration
    onset, end, length = (
        np.rint(_seconds(steps, begins, per_step) * steps_per_second).astype(np.int64)
        for steps in (score.onset, ends, np.array([score.length]))
    )
    notes: dict[tuple[int, int], tuple[int, int]] = {}  # {(start, pitch): (end, velocity)}
    for begun, ended, pitch, velocity in zip(onset, end, score.pitch, score.velocity):
        key = int(begun), int(pitch)
        notes[key] = max(notes.get(key, (0, 0)), (max(int(ended), key[0] + 1), int(velocity)))
    onsets, pitches = np.array(list(notes), np.int64).reshape(-1, 2).T
    last, velocities = np.array(list(notes.values()), np.int64).reshape(-1, 2).T
    last = _until_struck_again(onsets, pitches, last)
    return replace(
        score,
        onset=onsets,
        duration=last - onsets,
        pitch=pitches,
        voice=np.zeros(onsets.size, np.int64),
        velocity=velocities,
        length=max(int(length[0]), int(last.max(initial=0))),
        steps_per_quarter=steps_per_quarter,
        timing=SECONDS,
        tempi=(),
        metres=(),
        upbeat=0,
        fermatas=(),
        parts=score.parts[:1],
    )


def _clock(score: Score, tempo_qpm: float) -> tuple[list[tuple[int, float]], list[float]]:
    """Return steps with their seconds where tempi begin, and the seconds of a step from there."""
    tempi = list(score.tempi) or [(0, tempo_qpm)]
    tempi = tempi if tempi[0][0] == 0 else [(0, tempi[0][1]), *tempi]
    per_step = [60 / qpm / score.steps_per_quarter for _, qpm in tempi]
    begins = [(0, 0.0)]
    for ((before, _), (step, _)), seconds in zip(pairwise(tempi), per_step):
        begins.append((step, begins[-1][1] + (step - before) * seconds))
    return begins, per_step


def _seconds(
    steps: np.ndarray, begins: list[tuple[int, float]], per_step: list[float]
) -> np.ndarray:
    starts, times = map(np.array, zip(*begins))
    place = np.searchsorted(starts, steps, side="right") - 1
    return times[place] + (steps - starts[place]) * np.array(per_step)[place]


def _until_struck_again(onsets: np.ndarray, pitches: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the ends of notes, cut where their pitch begins again."""
    order = np.lexsort((onsets, pitches))
    cut = ends.copy()
    for one, following in pairwise(order):
        if pitches[one] == pitches[following]:
            cut[one] = min(cut[one], onsets[following])
    return cut
