"""A tune while it is read: notes of one voice in exact quarters, then a `Score` in sixteenths."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from bach_tf.score import STEPS_PER_QUARTER, VELOCITY, Score

SEMITONES = dict(zip("cdefgab", (0, 2, 4, 5, 7, 9, 11)))
MOST_BEATS = 255
SHARPS_ORDER = "fcgdaeb"  # the order in which a key signature adds sharps; flats backwards


class OffGridError(ValueError):
    """A tune that cannot be written in sixteenths, though it was read well."""


class Tune:
    """What was read of a tune so far. Times are in quarters, as fractions.

    Example:
        >>> tune = Tune()
        >>> tune.add(Fraction(1, 2), 67)
        >>> tune.end_bar()
        >>> tune.add(Fraction(2), 72)
        >>> tune.score(time_signature=(2, 4)).upbeat
        2
    """

    def __init__(self):
        self.notes: list[tuple[Fraction, Fraction, int]] = []  # onset, duration, pitch
        self.time = Fraction(0)
        self.bar_lines: list[Fraction] = []  # those with something before them

    def add(self, quarters: Fraction, pitch: int | None = None, *, tied: bool = False) -> None:
        """Add a note, or a rest where `pitch` is `None`.

        Args:
            quarters: how long it is.
            pitch: MIDI number.
            tied: go on with the note before, if that has this pitch and ends here.
        """
        if tied and self.notes and pitch == self.notes[-1][2] and self._last_end() == self.time:
            onset, before, _ = self.notes.pop()
            self.notes.append((onset, before + quarters, pitch))
        elif pitch is not None:
            self.notes.append((self.time, quarters, pitch))
        self.time += quarters

    def end_bar(self) -> None:
        """Take note of a bar line."""
        if self.time > (self.bar_lines[-1] if self.bar_lines else 0):
            self.bar_lines.append(self.time)

    def check_bars(self, time_signature: tuple[int, int]) -> None:
        """Check that no bar is too long by a part of a beat; the last one is not looked at.

        Bars of more beats are sound: many a folk song changes its metre without saying so. So
        is one of several bars' length: in some collections the end of a line is a bar line too.

        Raises:
            ValueError: a bar is too long by a part of a beat; the message says which.
        """
        beats, value = time_signature
        beat = Fraction(4, value)
        bar = beats * beat
        for start, end in pairwise([Fraction(0), *self.bar_lines]):
            too_long = (end - start) % bar
            if bar < end - start < self.time - start and 0 < too_long < beat:
                raise ValueError(
                    f"expected whole beats in bars of {beats}/{value}, got {end - start} quarters "
                    f"from quarter {start} to the bar line: a triplet was lost, perhaps"
                )

    def score(self, *, time_signature: tuple[int, int] | None = None, **about: Any) -> Score:
        """Return the tune on the grid of sixteenths; a first bar that is short is an upbeat.

        Args:
            time_signature: beats in a bar and the note value of a beat.
            **about: `title` and `key_signature` of the score.

        Raises:
            OffGridError: a note or a rest begins or ends between two sixteenths.
            ValueError: there is no note, or one outside the MIDI pitches.
        """
        if not self.notes:
            raise ValueError("expected a tune, got no note")
        onsets, durations, pitches = zip(*self.notes)
        return Score(
            onset=[_steps(onset) for onset in onsets],
            duration=[_steps(duration) for duration in durations],
            pitch=pitches,
            voice=[0] * len(pitches),
            velocity=[VELOCITY] * len(pitches),
            length=_steps(self.time),
            metres=() if time_signature is None else [(0, *time_signature)],
            upbeat=self._upbeat(time_signature),
            **about,
        )

    def _last_end(self) -> Fraction:
        onset, quarters, _ = self.notes[-1]
        return onset + quarters

    def _upbeat(self, time_signature: tuple[int, int] | None) -> int:
        if time_signature is None:
            return 0
        bar = Fraction(4 * time_signature[0], time_signature[1])
        first = self.bar_lines[0] if self.bar_lines else bar
        return _steps(first) if first < bar else 0


def read_meter(text: str) -> tuple[int, int] | None:
    """Return the time signature that `6/8` is; `None` where the text is none, as in `Frei`.

    Example:
        >>> read_meter("6/8"), read_meter("Frei")
        ((6, 8), None)
    """
    beats, slash, value = text.strip().partition("/")
    numbers = [part for part in (beats, value) if part.isascii() and part.isdigit()]
    if not slash or len(numbers) < 2 or max(map(len, numbers)) > 3:
        return None
    signature = int(beats), int(value)
    # Notes are halved, and MIDI files have a byte for the beats.
    is_metre = min(signature) > 0 and signature[1].bit_count() == 1 and signature[0] <= MOST_BEATS
    return signature if is_metre else None


def _steps(quarters: Fraction) -> int:
    steps = quarters * STEPS_PER_QUARTER
    if steps.denominator != 1:
        raise OffGridError(f"expected sixteenths only, got a time of {quarters} quarters")
    return int(steps)
