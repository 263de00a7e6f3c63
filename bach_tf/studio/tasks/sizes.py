"""How large a piece may be for each kind of work, so that nobody waits for minutes."""

from __future__ import annotations

import math

import numpy as np

from bach_tf.score import Score

LONGEST_TEXT = 1_000  # characters of a title or a name
MOST_STEPS_PER_QUARTER = 8_191  # four times as many, of a harmonised piece, fit into MIDI files
# Note heads, and bars of each voice: those of a page are engraved in about ten seconds, those of a
# file in a minute.
ON_PAGE, IN_FILE = 4_000, 20_000
MOST_MEASURED = 200_000  # sixteenths of which part-writing is measured


def check_engraving(score: Score, most: int) -> None:
    """Check that a piece is not too large to be engraved.

    Args:
        score: the piece.
        most: number of note heads and bars of voices, such as `ON_PAGE`.

    Raises:
        ValueError: if it is too large.
    """
    lines = bar_lines(score)
    bars = lines.size * max(score.voices, len(score.parts), 1)
    size = bars if bars > most else bars + heads(score, lines)
    if size > most:
        remedy = "Take a part of it, or save it as MIDI."
        raise ValueError(
            f"The piece is too large to be engraved here: expected at most {most:,} notes and bars "
            f"of voices. Received: {size:,}. {remedy}"
        )


def check_measured(score: Score) -> None:
    """Check that a piece is not too long for its part-writing to be measured.

    Raises:
        ValueError: if it is too long.
    """
    steps = math.ceil(4 * score.length / score.steps_per_quarter)
    if steps > MOST_MEASURED:
        raise ValueError(
            f"Part-writing is measured in pieces of at most {MOST_MEASURED:,} sixteenths. "
            f"Received: {steps:,}"
        )


def bar_lines(score: Score) -> np.ndarray:
    """Return the steps at which bars begin, at most one at each step.

    Example:
        >>> bar_lines(Score.from_grid([[60]] * 20, metres=[(0, 2, 4), (10, 1, 4)])).tolist()
        [0, 8, 10, 14, 18]
    """
    metres = score.metres or ((0, 4, 4),)
    ends = [*(step for step, *_ in metres[1:]), score.length]
    spans = [
        np.arange(start, end, max(1, 4 * score.steps_per_quarter * beats // value))
        for (start, beats, value), end in zip(metres, ends)
    ]
    return np.concatenate(spans)


def heads(score: Score, lines: np.ndarray) -> int:
    """Return the number of note heads of a piece, with those of ties.

    Notes are tied over bar lines, and where a chord changes while they sound.

    Args:
        score: the piece.
        lines: the steps at which bars begin, in order.

    Example:
        >>> heads(Score.from_grid([[60]] * 20), np.array([0, 16]))
        2
    """
    count = 0
    for voice in np.unique(score.voice):
        own = score.voice == voice
        begin, end = score.onset[own], (score.onset + score.duration)[own]
        cuts = np.unique(np.concatenate([begin, end, lines]))
        count += int((np.searchsorted(cuts, end) - np.searchsorted(cuts, begin)).sum())
    return count
