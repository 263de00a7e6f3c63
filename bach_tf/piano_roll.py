"""A picture of a score: pitch over time, one colour for each voice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bach_tf.note_names import note_name
from bach_tf.score import Score

# Told apart by most eyes, also in grey: M. Okabe and K. Ito's palette (2008).
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a7500", "#000000")
INCHES_PER_QUARTER = 0.22
WIDTH_INCHES = (7.0, 24.0)  # the narrowest and the widest picture
HEIGHT_INCHES = 4.5
DOTS_PER_INCH = 110
FEWEST_SEMITONES = 12  # on the axis, so that a piece of one note has one
OCTAVE = 12


def write_piano_roll(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = 0.0,
    program: int = 0,
    voice_names: Sequence[str] = (),
) -> None:
    """Draw a score as a piano roll.

    Bars of four quarters, or of the score's own time signature, are told apart by lines; the
    axis names each C and what lies between at the edges.

    Args:
        score: the piece.
        path: of the picture; its ending says the format, such as `.png`.
        tempo_qpm: ignored.
        program: ignored.
        voice_names: for the legend; "voice 1" and so on where there are none. A single voice
            needs no legend.

    Example:
        >>> write_piano_roll(Score.from_grid([[67, 60]]), Path("two.png"))  # doctest: +SKIP
    """
    from matplotlib.figure import Figure  # takes a moment to import

    quarters = max(score.length / score.steps_per_quarter, 1)
    narrowest, widest = WIDTH_INCHES
    width = min(max(quarters * INCHES_PER_QUARTER, narrowest), widest)
    figure = Figure(figsize=(width, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    for voice in range(score.voices):
        name = (voice_names[voice] if voice < len(voice_names) else "") or f"voice {voice + 1}"
        _draw_voice(axes, score, voice, name)
    _name_pitches(axes, score)
    _draw_bars(axes, score, quarters)
    axes.set_title(score.title, loc="left", fontsize="medium")
    if score.voices > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(path)


def _draw_voice(axes, score: Score, voice: int, name: str) -> None:
    mine = score.voice == voice
    starts = score.onset[mine] / score.steps_per_quarter
    lengths = score.duration[mine] / score.steps_per_quarter
    # A little gap, so that repeated notes are seen as such.
    gap = min(0.04, 0.2 * lengths.min()) if mine.any() else 0
    axes.barh(
        score.pitch[mine],
        lengths - gap,
        left=starts,
        height=0.8,
        color=COLOURS[voice % len(COLOURS)],
        label=name,
    )


def _name_pitches(axes, score: Score) -> None:
    lowest = int(score.pitch.min()) if len(score) else 60
    highest = max(int(score.pitch.max()) if len(score) else 60, lowest + FEWEST_SEMITONES)
    octaves = [p for p in range(lowest, highest + 1) if p % OCTAVE == 0]
    inside = [p for p in (lowest, highest) if all(abs(p - c) > 2 for c in octaves)]
    ticks = sorted(octaves + inside)
    axes.set_yticks(ticks, [note_name(pitch) for pitch in ticks])
    axes.set_ylim(lowest - 1, highest + 1)
    for pitch in octaves:
        axes.axhline(pitch - 0.5, color="0.85", linewidth=0.8, zorder=0)


def _draw_bars(axes, score: Score, quarters: float) -> None:
    bar = score.steps_per_bar / score.steps_per_quarter
    first = (score.upbeat / score.steps_per_quarter) or bar
    numbered = -(-quarters // (bar * 16)) * 4 if quarters > bar * 16 else 1
    lines = [first + n * bar for n in range(int((quarters - first) // bar) + 1)]
    for line in lines:
        axes.axvline(line, color="0.9", linewidth=0.8, zorder=0)
    begins = [0.0, *lines] if not score.upbeat else lines
    shown = begins[:: int(numbered)]
    axes.set_xticks(shown, [str(1 + int(numbered) * n) for n in range(len(shown))])
    axes.set_xlabel("bar")
    axes.set_xlim(0, quarters)
    axes.spines[["top", "right"]].set_visible(False)
