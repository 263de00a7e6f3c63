"""Bars and voices in requests, such as "5-8,12" and "bass:5-8+12".

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

import re

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.composing.given import bar_start
from bach_tf.composing.lines import NUMBERS
from bach_tf.score import Score

BARS = re.compile(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?")

Bars = list[tuple[int, int]]  # the first and last bar of each range


def bars_in(text: str, separator: str = ",") -> Bars:
    """Return the first and last bar of each range in a request.

    Args:
        text: the ranges.
        separator: what is between two of them.

    Raises:
        ValueError: if there are no bars, or a range ends before it begins.

    Example:
        >>> bars_in("5-8,12")
        [(5, 8), (12, 12)]
    """
    ranges = []
    for part in text.split(separator):
        match = BARS.fullmatch(part.strip())
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(
                f"Expected bars such as 5-8 or 5-8{separator}12, got: {shortened(text)}"
            )
        ranges.append((int(match[1]), int(match[2] or match[1])))
    return ranges


def kept_in(text: str) -> tuple[str, Bars | None]:
    """Return the name of a voice to keep, and the bars in which it is kept; `None` for all.

    Raises:
        ValueError: if the voice is unknown, or the bars are invalid.

    Example:
        >>> kept_in("soprano"), kept_in("bass:5-8+12")
        (('soprano', None), ('bass', [(5, 8), (12, 12)]))
    """
    if BARS.fullmatch(text.strip()):
        raise ValueError(
            f"Expected voices to keep, got the bars {shortened(text)} without a voice. Further "
            "bars of a voice follow after a plus: bass:5-8+12"
        )
    name, colon, bars = (part.strip() for part in text.partition(":"))
    choose(NUMBERS, name, "voice")
    return name, bars_in(bars, "+") if colon else None


def steps_of(score: Score, first: int, last: int) -> slice:
    """Return the steps of some bars of a piece.

    Args:
        score: the piece.
        first: number of the first bar; 1 is the first full bar, 0 the upbeat.
        last: number of the last bar.

    Raises:
        ValueError: if the piece does not have these bars.

    Example:
        >>> steps_of(Score.from_grid([[60]] * 40, upbeat=4), 0, 1)
        slice(0, 20, None)
    """
    return slice(bar_start(score, first), bar_start(score, last + 1))
