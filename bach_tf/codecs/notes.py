"""Sequences of notes or chords, with or without rhythm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bach_tf._basics.settings import Several, Text, Whole
from bach_tf.codecs.base import MOST_TOKENS, PITCH, notes_of_range, pitch_range
from bach_tf.codecs.note_codec import (
    Chord,
    Note,
    NoteCodec,
    Struck,
    chord_name,
    chord_pitches,
    moved,
)
from bach_tf.theory.note_names import HIGHEST_NUMBER

FEWEST = Whole(1, 2**31 - 1)


class PitchCodec(NoteCodec):
    """Single notes, sorted by onset, then pitch. See `NoteCodec`.

    Chords are spelled from the lowest note up, with intervals of 0. Without rhythm this is the
    simplest possible encoding, pitch after pitch; sampled rhythms then have no simultaneous notes.

    Args:
        lowest: lowest pitch with an id (MIDI number, 0..127); pitches out of range are unknown.
        highest: highest pitch with an id.
        **settings: those of `NoteCodec`.

    Raises:
        ValueError: if the bounds are outside 0..127 or in the wrong order, or a setting is invalid.

    Example:
        >>> from bach_tf.score import Score
        >>> codec = PitchCodec(lowest=60, highest=72, steps_per_quarter=4)
        >>> ids = codec.encode(Score.from_grid([[0], [60], [60], [64]]))
        >>> " ".join(codec.tokens[number] for number in ids)
        '<start> +1 C4 :2 +2 E4 :1 <end>'
    """

    ARGUMENTS = {**NoteCodec.ARGUMENTS, "lowest": PITCH, "highest": PITCH}
    NEEDED = ("lowest", "highest", "steps_per_quarter")

    notes_name = "pitch"
    step_name = "note"

    def __init__(self, lowest: int, highest: int, **settings: Any):
        notes_of_range(lowest, highest)  # checks the bounds
        self.lowest = int(lowest)
        self.highest = int(highest)
        super().__init__([(pitch,) for pitch in range(lowest, highest + 1)], **settings)

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        return {"lowest": self.lowest, "highest": self.highest, **super().to_config()}

    @staticmethod
    def _group(notes: list[Note]) -> list[Struck]:
        return [(onset, (pitch,), duration) for onset, pitch, duration, _ in notes]

    @staticmethod
    def _vocabulary(chords: dict[Chord, int], transpose: tuple[int, int], fewest: int = 1) -> dict:
        return dict(
            zip(("lowest", "highest"), pitch_range([pitch for (pitch,) in chords], transpose))
        )

    @staticmethod
    def _usable(offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(steps, count) for steps, count in offsets if steps]


class ChordCodec(NoteCodec):
    """Chords such as `G3.C4`; a single note is a chord of one. See `NoteCodec`.

    A chord is a set of notes of one voice with the same onset and duration. Chords are sorted by
    onset, then by their pitches from the lowest up. Everything is decoded into one voice, so that
    simultaneous chords of equal duration merge if encoded again.

    Without rhythm, sampled chords may be simultaneous, as in music for two hands: intervals of 0
    are as frequent as in the training split.

    Args:
        chords: their names.
        **settings: those of `NoteCodec`.

    Raises:
        ValueError: if a name is not a chord or is repeated, or a setting is invalid.

    Example:
        >>> codec = ChordCodec(["C4", "C4.E4"], steps_per_quarter=4, rhythm=False)
        >>> codec.tokens[4:], codec.decode([5, 4]).pitch.tolist()
        (('C4', 'C4.E4'), [60, 64, 60])
    """

    ENCODING = {**NoteCodec.ENCODING, "fewest": FEWEST}
    ARGUMENTS = {**NoteCodec.ARGUMENTS, "chords": Several(Text(1024), 0, MOST_TOKENS)}
    NEEDED = ("chords", "steps_per_quarter")

    notes_name = "chord"
    step_name = "chord"

    def __init__(self, chords: Sequence[str], **settings: Any):
        pitches = [chord_pitches(name) for name in chords]
        if len(set(pitches)) < len(pitches):
            twice = next(chord for chord, times in Counter(pitches).items() if times > 1)
            raise ValueError(f"Expected each chord once. Received twice: {chord_name(twice)}")
        super().__init__(pitches, **settings)

    def to_config(self) -> dict:
        """Return the constructor arguments."""
        return {"chords": [chord_name(chord) for chord in self.chords], **super().to_config()}

    @staticmethod
    def _group(notes: list[Note]) -> list[Struck]:
        together: dict[tuple[int, int, int], set[int]] = {}
        for onset, pitch, duration, voice in notes:
            together.setdefault((onset, voice, duration), set()).add(pitch)
        return sorted(
            (onset, tuple(sorted(pitches)), duration)
            for (onset, _, duration), pitches in together.items()
        )

    @staticmethod
    def _vocabulary(chords: dict[Chord, int], transpose: tuple[int, int], fewest: int = 1) -> dict:
        """Return the chords of the training split and their transpositions by `transpose`.

        Every piece of the split can thus be transposed by every shift. Chords that occur less than
        `fewest` times are unknown, in training too, unless they are transpositions of a common one.
        The model thus learns how likely unknown chords are.
        """
        FEWEST.check("fewest", fewest)
        often = [chord for chord, count in chords.items() if count >= fewest]
        if not often:
            raise ValueError(
                f"Expected a chord that occurs at least {fewest} times (`fewest`). "
                f"Received: {len(chords)} chords, the most frequent one "
                f"{max(chords.values(), default=0)} times"
            )
        return {"chords": [chord_name(chord) for chord in sorted(closed(often, chords, transpose))]}

    @staticmethod
    def _usable(offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
        # If everything is simultaneous, sampling would never advance.
        return offsets if any(steps for steps, _ in offsets) else []


def closed(
    often: Iterable[Chord], heard: Iterable[Chord], transpose: tuple[int, int]
) -> set[Chord]:
    """Return chords together with their transpositions within `transpose`.

    A transposition of a common chord may itself be a rare chord of the training split. As it
    has an id then, its transpositions need ids too, or its piece could not be transposed.

    Args:
        often: the chords that are frequent enough.
        heard: all chords of the training split.
        transpose: lowest and highest shift, in semitones.
    """
    shifts = (0, *range(transpose[0], transpose[1] + 1))
    known, rarer, new = set(), set(heard) - set(often), set(often)
    while new:
        every = {moved(chord, shift) for chord in new for shift in shifts}
        known |= {chord for chord in every if 0 <= chord[0] <= chord[-1] <= HIGHEST_NUMBER}
        new = rarer & known
        rarer -= new
    return known
