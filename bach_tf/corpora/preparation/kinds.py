"""Kinds of music, and which of a user's files fit them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from bach_tf.corpora.preparation.layouts import ABOUT
from bach_tf.corpora.preparation.own_files import Kind
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES
from bach_tf.formats.midi.names import rank_of
from bach_tf.formats.notation.performing import in_seconds
from bach_tf.formats.reading import MILLISECONDS, Grid
from bach_tf.formats.rendition import TEMPO_QPM
from bach_tf.score import COLUMNS, SECONDS, SILENCE, STEPS_PER_QUARTER, Score
from bach_tf.theory.bars import place_of
from bach_tf.theory.grids import regrid

SINGERS = tuple(rank_of(name)[0] for name in VOICES)  # type: ignore[index]


def four_voices(score: Score) -> Score:
    """Return a score of soprano, alto, tenor and bass in sixteenths.

    If there are more parts, those with these names are chosen.

    Args:
        score: a score from any file.

    Raises:
        ValueError: if there are not four voices, notes of a voice overlap or begin between two
            sixteenths, or pitches are outside the range of voices.
    """
    score = only_singers(score)
    voices = max(score.voices, len(score.parts))
    if voices != len(VOICES):
        raise ValueError(f"expected {len(VOICES)} voices, got {voices}")
    score = _in_sixteenths(score)
    grid = score.to_grid(len(VOICES))
    outside = np.argwhere((grid != SILENCE) & ((grid < LOWEST_PITCH) | (grid > HIGHEST_PITCH)))
    if outside.size:
        step, voice = outside[0]
        raise ValueError(
            f"expected pitches in {LOWEST_PITCH}..{HIGHEST_PITCH}, got {grid[step, voice]} in the "
            f"{VOICES[voice]}, {place_of(score, int(step))}"
        )
    # Such a corpus does not distinguish repeated from held notes.
    return Score.from_grid(grid, **{name: getattr(score, name) for name in ABOUT})


def melody(score: Score) -> Score:
    """Return a monophonic score in sixteenths.

    Args:
        score: a score from any file.

    Raises:
        ValueError: if there are several voices, or notes overlap or begin between two sixteenths.
    """
    if score.voices != 1:
        raise ValueError(f"expected a melody of one voice, got {score.voices} voices")
    score = _in_sixteenths(score)
    score.to_grid(1)
    return score


def on_beats(score: Score, steps_per_quarter: int) -> Score:
    """Return a score on a grid of beats, with onsets rounded to the nearest step.

    Args:
        score: a score from any file.
        steps_per_quarter: resolution of the grid.

    Raises:
        ValueError: if it is a performance in seconds.
    """
    return regrid(score, steps_per_quarter, quantize=True)


def as_performance(score: Score) -> Score:
    """Return a score in steps of `MILLISECONDS`, following its tempi if it is in beats.

    Args:
        score: a score from any file.
    """
    if score.timing == SECONDS:
        return score
    return in_seconds(score, MILLISECONDS.steps_per_quarter, TEMPO_QPM)


def only_singers(score: Score) -> Score:
    """Return only the parts named soprano, alto, tenor and bass.

    If there is not exactly one of each, the score is returned unchanged.

    Args:
        score: any score.

    Example:
        >>> from bach_tf.score import Part
        >>> names = ["Soprano", "Alto", "Tenor", "Bass", "Organ"]
        >>> score = Score.from_grid([[72, 67, 62, 48, 36]], parts=map(Part, names))
        >>> only_singers(score).pitch.tolist()
        [72, 67, 62, 48]
    """
    ranks = [rank_of(part.name) for part in score.parts]
    kinds = [rank and rank[0] for rank in ranks]
    if len(kinds) <= len(SINGERS) or any(kinds.count(singer) != 1 for singer in SINGERS):
        return score
    chosen = [kinds.index(singer) for singer in SINGERS]
    mine = np.isin(score.voice, chosen)
    columns = {name: getattr(score, name)[mine] for name in COLUMNS}
    columns["voice"] = np.array([chosen.index(voice) for voice in columns["voice"]], np.int64)
    parts = tuple(score.parts[voice] for voice in chosen)
    return replace(score, **columns, parts=parts, pedals=())


def _in_sixteenths(score: Score) -> Score:
    return regrid(score, STEPS_PER_QUARTER)


CHORALES = Kind(
    what="pieces of four voices in sixteenths (soprano, alto, tenor and bass)",
    fitted=four_voices,
    layout="grid",
)
MELODIES = Kind(what="melodies of one voice in sixteenths", fitted=melody)
PERFORMANCES = Kind(
    what="pieces to be played",
    fitted=as_performance,
    grid=MILLISECONDS,
    fractions=(0.7, 0.15, 0.15),
)


def pieces_on(steps_per_quarter: int, fractions: tuple[float, float, float]) -> Kind:
    """Return the kind of music with any number of voices in beats.

    Args:
        steps_per_quarter: resolution of the grid.
        fractions: of train, valid and test.
    """
    return Kind(
        what="pieces of any voices",
        fitted=partial(on_beats, steps_per_quarter=steps_per_quarter),
        grid=Grid(steps_per_quarter),
        fractions=fractions,
    )
