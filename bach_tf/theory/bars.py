"""Bar and beat of a step."""

from __future__ import annotations

from fractions import Fraction

from bach_tf.score import Score


def bar_and_beat(score: Score, step: float) -> tuple[int, Fraction]:
    """Return the bar number (0 for an upbeat) and the beat within it, counted from 1.

    Beats follow the metre; 4/4 is assumed where none is known.

    Args:
        score: the piece.
        step: a position in steps, which may be fractional.

    Example:
        >>> bar, beat = bar_and_beat(Score.from_grid([[60]] * 16, metres=[(0, 3, 4)]), 14)
        >>> bar, float(beat)
        (2, 1.5)
    """
    places = list(score.metres) or [(0, 4, 4)]
    if places[0][0] > 0:
        places.insert(0, (0, 4, 4))
    bars = 0 if score.upbeat else 1  # number of the bar at which the metre begins
    for (begin, beats, value), following in zip(places, [*places[1:], None]):
        beat = Fraction(4 * score.steps_per_quarter, value)
        # An upbeat is the end of an incomplete bar.
        lead = (score.upbeat - begin) % (beats * beat) if bars == 0 else Fraction(0)
        start = begin + lead - (beats * beat if lead else 0)
        if following is None or step < following[0]:
            whole, rest = divmod(Fraction(step) - start, beats * beat)
            return bars + int(whole), 1 + rest / beat
        bars += -int((start - following[0]) // (beats * beat))
    raise AssertionError("the last metre holds to the end")


def place_of(score: Score, step: float) -> str:
    """Return the position of a step in words.

    Example:
        >>> place_of(Score.from_grid([[60]] * 36, upbeat=4), 6)
        'bar 1, beat 1.5'
    """
    bar, beat = bar_and_beat(score, step)
    return f"bar {bar}, beat {float(beat):.3g}"
