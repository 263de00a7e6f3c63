"""Piano rolls: pitch over time, one colour per voice."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import SECONDS, Score
from bach_tf.theory.note_names import note_name

# Safe for colour-blind readers and in greyscale: the palette of M. Okabe and K. Ito (2008).
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7500", "#000000")
BLACK_KEYS, VEIL, INK, GREY = "#f4f4f4", "#efe9dc", "#222222", "#777777"
BAR_LINES, NUMBERED_LINES, OCTAVE_LINES = "#d9d9d9", "#b4b4b4", "#cccccc"
VEIL_ALPHA = 0.62  # over the primer
GIVEN_ALPHA, GIVEN_LINE = 0.3, 0.9  # of the faces of given notes, and points of their outlines
LARGE, SMALL = 11, 8  # points

WIDTH_INCHES = (6.0, 16.0)  # of the plot area: minimum and maximum
HEIGHT_INCHES = (2.4, 5.2)
INCHES_PER_QUARTER, INCHES_PER_SEMITONE = 0.22, 0.125
LEFT, RIGHT, TOP, BOTTOM, TITLE = 0.65, 0.3, 0.4, 0.6, 0.3  # margins in inches
TITLE_FROM_TOP = 0.22  # inches
LETTER = 0.075  # inches, of a letter in the legend
DOTS_PER_INCH = 110
FEWEST_SEMITONES = 12  # on the axis, even for a single note
NOTE_HEIGHT = 0.84  # semitones
UNISON = 0.5  # of that: height of a note drawn over one of an earlier voice
GAP_INCHES, LARGEST_GAP = 0.018, 0.2  # between notes; at most this fraction of a note
NUMBER_INCHES, LINE_INCHES = 0.45, 0.1  # minimum distance of bar numbers and of bar lines
WHOLE_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)

OCTAVE = 12
BLACK = {1, 3, 6, 8, 10}  # pitch classes
# Labelled pitch classes, the most first, and the inches per semitone that they need.
NAMED = (({0, 2, 4, 5, 7, 9, 11}, 0.12), ({0, 4, 7}, 0.045), ({0}, 0.0))


def write_piano_roll(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Draw a score as a piano roll.

    Bars are separated by lines and numbered, in 4/4 if the score has no time signature; a
    performance has seconds instead. Pitches are labelled on the left; several voices have a legend.

    Args:
        score: the piece.
        path: of the picture; its suffix determines the format, such as `.png`.
        rendition: determines the tempo of a performance, the length of the primer, which is shaded,
            and the voices that were given, whose notes are pale with an outline.

    Raises:
        ValueError: a tempo that MIDI cannot express.

    Example:
        >>> write_piano_roll(Score.from_grid([[67, 60]]), Path("two.png"))  # doctest: +SKIP
    """
    tempo_qpm = rendition.tempo_of(score)
    parts = rendition.parts_of(score)
    names = [part.name or f"voice {number}" for number, part in enumerate(parts, start=1)]
    quarters = max(score.length / score.steps_per_quarter, 1)
    lowest, highest = _pitches(score)
    figure, axes = _paper(quarters, highest - lowest + 1, score.title, names)
    axes.set(xlim=(0, quarters), ylim=(lowest - 0.5, highest + 0.5))
    _draw_keys(axes, lowest, highest)
    if score.timing == SECONDS:
        _draw_seconds(axes, quarters, tempo_qpm)
    else:
        _draw_bars(axes, score, quarters)
    drawn = [_draw_voice(axes, score, voice, rendition) for voice in range(score.voices)]
    if rendition.primer_steps > 0:
        _veil(axes, min(rendition.primer_steps / score.steps_per_quarter, quarters))
    elif rendition.given:
        _say(axes, "outlined: given")
    if len(names) > 1:
        _draw_legend(axes, drawn, names)
    with warnings.catch_warnings():
        # Characters missing from the font are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(path)


def _paper(quarters: float, semitones: int, title: str, names: Sequence[str]) -> tuple:
    """Return a figure with a title, and its axes, sized for the music."""
    from matplotlib.figure import Figure  # takes a moment to import

    width = float(np.clip(quarters * INCHES_PER_QUARTER, *WIDTH_INCHES))
    height = float(np.clip(semitones * INCHES_PER_SEMITONE, *HEIGHT_INCHES))
    right = RIGHT + (0.4 + LETTER * max(map(len, names)) if len(names) > 1 else 0)
    whole = width + LEFT + right, height + BOTTOM + TOP + (TITLE if title else 0)
    figure = Figure(figsize=whole, dpi=DOTS_PER_INCH)
    place = LEFT / whole[0], BOTTOM / whole[1], width / whole[0], height / whole[1]
    axes = figure.add_axes(place)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=GREY)
    above = 1 - TITLE_FROM_TOP / whole[1]
    figure.text(place[0], above, title, size=LARGE, color=INK, va="top", parse_math=False)
    return figure, axes


def _inches(axes) -> tuple[float, float]:
    """Return the width and the height of axes."""
    box = axes.get_position()
    width, height = axes.figure.get_size_inches()
    return box.width * width, box.height * height


def _pitches(score: Score) -> tuple[int, int]:
    """Return the lowest and highest pitch of the axis."""
    lowest, highest = (int(score.pitch.min()), int(score.pitch.max())) if len(score) else (60, 60)
    missing = max(0, FEWEST_SEMITONES - (highest - lowest))
    return lowest - 1 - missing // 2, highest + 1 + (missing + 1) // 2


def _draw_keys(axes, lowest: int, highest: int) -> None:
    """Shade the black keys of a piano, and label as many pitches as fit."""
    for pitch in range(lowest, highest + 1):
        if pitch % OCTAVE in BLACK:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEYS, linewidth=0, zorder=0)
        if pitch % OCTAVE == 0:
            axes.axhline(pitch - 0.5, color=OCTAVE_LINES, linewidth=0.8, zorder=1)
    room = _inches(axes)[1] / (highest - lowest + 1)
    named = next(classes for classes, needed in NAMED if room >= needed)
    shown = [p for p in range(max(lowest, 0), min(highest, 127) + 1) if p % OCTAVE in named]
    axes.set_yticks(shown, [note_name(pitch) for pitch in shown])
    for pitch, label in zip(shown, axes.get_yticklabels()):
        label.set_fontweight("bold" if pitch % OCTAVE == 0 else "normal")


def _draw_bars(axes, score: Score, quarters: float) -> None:
    """Draw bar lines, and number as many bars as fit."""
    bar = score.steps_per_bar / score.steps_per_quarter
    upbeat = score.upbeat % score.steps_per_bar / score.steps_per_quarter
    begins = np.arange(upbeat, quarters, bar)
    inches = bar * _inches(axes)[0] / quarters
    every = 1
    while every * inches < NUMBER_INCHES:
        every *= 2
    for number, begin in enumerate(begins):
        if number % every == 0 or inches >= LINE_INCHES:
            colour = NUMBERED_LINES if every > 1 and number % every == 0 else BAR_LINES
            axes.axvline(begin, color=colour, linewidth=0.8, zorder=1)
    axes.set_xticks(begins[::every], [str(1 + number) for number in range(len(begins))[::every]])
    axes.set_xlabel("bar", size=SMALL, color=GREY)


def _draw_seconds(axes, quarters: float, tempo_qpm: float) -> None:
    """Draw lines at regular seconds, as densely as their numbers fit."""
    seconds = quarters * 60 / tempo_qpm
    inches = _inches(axes)[0] / seconds
    every = next((n for n in WHOLE_SECONDS if n * inches >= NUMBER_INCHES), WHOLE_SECONDS[-1])
    shown = np.arange(0, seconds, every)
    for second in shown:
        axes.axvline(second * tempo_qpm / 60, color=BAR_LINES, linewidth=0.8, zorder=1)
    axes.set_xticks(shown * tempo_qpm / 60, [f"{second:g}" for second in shown])
    axes.set_xlabel("seconds", size=SMALL, color=GREY)


def _draw_voice(axes, score: Score, voice: int, rendition: Rendition):
    """Draw the notes of a voice; return the artist for the legend."""
    from matplotlib.collections import PolyCollection

    mine = np.flatnonzero(score.voice == voice)
    starts = score.onset[mine] / score.steps_per_quarter
    lengths = score.duration[mine] / score.steps_per_quarter
    gap = GAP_INCHES * np.diff(axes.get_xlim()) / _inches(axes)[0]
    ends = starts + lengths - np.minimum(gap, LARGEST_GAP * lengths)
    half = NOTE_HEIGHT / 2 * UNISON ** _hidden_voices(score, mine, voice)
    below, above = score.pitch[mine] - half, score.pitch[mine] + half
    corners = [(starts, below), (starts, above), (ends, above), (ends, below)]
    boxes = np.array(corners).transpose(2, 0, 1)  # (notes, 4, 2)
    colour = COLOURS[voice % len(COLOURS)]
    pale = _given(score, mine, voice, rendition)
    style: dict[str, Any] = {"facecolor": colour, "linewidth": 0}
    if pale.any():
        faces = [(colour, GIVEN_ALPHA) if is_pale else colour for is_pale in pale]
        style = {"facecolor": faces, "edgecolor": colour, "linewidth": GIVEN_LINE * pale}
    notes = PolyCollection(boxes, zorder=2, snap=True, **style)
    return axes.add_collection(notes, autolim=False)


def _given(score: Score, mine: np.ndarray, voice: int, rendition: Rendition) -> np.ndarray:
    """Return which notes of a voice begin where it was given: bool `(notes,)`."""
    spans = [(start, end) for start, end, of in rendition.given if of == voice]
    onset = score.onset[mine]
    inside = [(start <= onset) & (onset < end) for start, end in spans]
    return np.any(inside, axis=0) if inside else np.zeros(len(mine), bool)


def _hidden_voices(score: Score, mine: np.ndarray, voice: int) -> np.ndarray:
    """Return the number of earlier voices that each note would cover: int `(notes,)`."""
    hidden = np.zeros(len(mine), int)
    end = score.onset + score.duration
    for pitch in np.unique(score.pitch[mine]):
        here = np.flatnonzero(score.pitch[mine] == pitch)
        start_here, end_here = score.onset[mine[here], None], end[mine[here], None]
        for other in range(voice):
            theirs = (score.pitch == pitch) & (score.voice == other)
            meet = (score.onset[theirs] < end_here) & (end[theirs] > start_here)
            hidden[here] += meet.any(axis=1)
    return hidden


def _veil(axes, primer: float) -> None:
    """Shade and label the primer, given its length in quarters."""
    axes.axvspan(0, primer, color=VEIL, alpha=VEIL_ALPHA, linewidth=0, zorder=3)
    axes.axvline(primer, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    _say(axes, "primer")


def _say(axes, text: str) -> None:
    """Write a word above the notes, at the left."""
    axes.annotate(
        text,
        (0, 1),
        (0, 3),  # points from there
        xycoords="axes fraction",
        textcoords="offset points",
        size=SMALL,
        style="italic",
        color=GREY,
    )


def _draw_legend(axes, drawn: Sequence, names: Sequence[str]) -> None:
    legend = axes.legend(
        drawn,
        names,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=1.2,
        handleheight=0.7,
        borderaxespad=0,
        borderpad=0.6,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
