import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bach_tf.formats import read
from bach_tf.formats.musicxml import container, read_musicxml, safe_xml, to_musicxml
from bach_tf.formats.musicxml.rhythm import GRIDS
from bach_tf.formats.reading import MILLISECONDS, Grid
from bach_tf.formats.rendition import Rendition
from bach_tf.score import Part, Score

METRES = [(4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (1, 4), (12, 16)]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


def notes_of(score):
    columns = (score.onset, score.duration, score.pitch, score.voice)
    return list(zip(*(column.tolist() for column in columns)))


# What is written is read back.


@st.composite
def metres_and_upbeats(draw, steps_per_quarter, length):
    """Draw metres that begin with the piece, none of which changes nothing, and an upbeat."""
    metres = []
    for step in sorted({0, *draw(st.sets(st.integers(0, length - 1), max_size=2))}):
        metre = draw(st.sampled_from(METRES))
        bar = 4 * steps_per_quarter * metre[0] / metre[1]
        if bar % 1 == 0 and (not metres or metre != metres[-1][1:]):
            metres.append((step, *metre))
    if not metres or metres[0][0]:
        metres = [(0, 4, 4)]
    bar = 4 * steps_per_quarter * metres[0][1] // metres[0][2]
    longest = min(bar - 1, length, *(step for step, *_ in metres[1:]))
    return metres, draw(st.integers(0, max(longest, 0)))


@st.composite
def scores(draw):
    """Draw scores that say all that they can, on a grid that note values can say."""
    steps_per_quarter = draw(st.sampled_from(GRIDS))
    length = draw(st.integers(1, 12 * steps_per_quarter))
    notes, free = [], {}
    for _ in range(draw(st.integers(1, 14))):
        voice, pitch = draw(st.integers(0, 2)), draw(st.sampled_from([36, 55, 60, 61, 66, 72, 80]))
        onset = draw(st.integers(free.get((voice, pitch), 0), length))
        if onset < length:
            end = draw(st.integers(onset + 1, length))
            free[voice, pitch] = end
            notes.append((onset, end - onset, pitch, voice, draw(st.sampled_from([80, 1, 64, 127]))))
    notes = notes or [(0, 1, 60, 0, 80)]
    onset, duration, pitch, voice, velocity = np.array(notes).T
    metres, upbeat = draw(metres_and_upbeats(steps_per_quarter, length))
    numbers = st.none() | st.integers(0, 127)
    parts = st.builds(Part, NAMES, st.integers(0, 127), numbers, numbers)
    qpm = st.floats(4, 1000) | st.integers(4, 1000)
    later = draw(st.dictionaries(st.integers(1, length), qpm, max_size=2))
    tempi = {0: draw(qpm)} | {step: tempo for step, tempo in sorted(later.items()) if step < length}
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=length,
        steps_per_quarter=steps_per_quarter,
        title=draw(NAMES),
        key_signature=draw(st.integers(-7, 7)),
        tempi=without_repeats(tempi),
        metres=metres,
        upbeat=upbeat,
        fermatas=sorted(draw(st.sets(st.sampled_from(onset.tolist()), max_size=3))),
        parts=draw(st.lists(parts, min_size=int(voice.max()) + 1, max_size=int(voice.max()) + 1)),
    )


def without_repeats(tempi):
    """Return tempi, of which none is that of the one before."""
    kept = []
    for step, qpm in tempi.items():
        if not kept or kept[-1][1] != qpm:
            kept.append((step, qpm))
    return kept


@given(scores())
@settings(max_examples=300)
def test_what_is_written_is_read_back_equal(tmp_path_factory, score):
    path = tmp_path_factory.getbasetemp() / "a.musicxml"
    path.write_text(to_musicxml(score), encoding="utf-8")
    piece = read_musicxml(path, Grid(score.steps_per_quarter))
    assert piece.score == score
    assert piece.warnings == ()
