"""Sequences of notes or of chords, with or without rhythm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bach_tf._basics.settings import Several, Text, Whole
from bach_tf.codecs.base import MOST_TOKENS, PITCH, notes_of_range, pitch_range
from bach_tf.codecs.note_codec import (
    LONGEST_QUARTERS,
    Chord,
    Note,
    NoteCodec,
    Struck,
    chord_name,
    chord_pitches,
    moved,
)
from bach_tf.score import Score
from bach_tf.theory.note_names import HIGHEST_NUMBER

FEWEST = Whole(1, 2**31 - 1)


class PitchCodec(NoteCodec):
    """One note after another, in the order of onset, then pitch. See `NoteCodec`.

    A chord is spelled from below, with intervals of 0. Without rhythm it is the plainest of
    encodings: one pitch after another, and what is drawn never lets two begin together.

    Args:
        lowest: the lowest pitch with an id (MIDI number, 0..127); others are unknown.
        highest: the highest.
        **settings: those of `NoteCodec`.

    Raises:
        ValueError: bounds outside 0..127 or in the wrong order, or a setting out of bounds.

    Example:
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
        notes_of_range(lowest, highest)  # for its check
        self.lowest = int(lowest)
        self.highest = int(highest)
        super().__init__([(pitch,) for pitch in range(lowest, highest + 1)], **settings)

    @classmethod
    def fit(
        cls,
        scores: Sequence[Score],
        *,
        transpose: tuple[int, int] = (0, 0),
        rhythm: bool = True,
        longest_quarters: int = LONGEST_QUARTERS,
        max_notes: int | None = None,
    ) -> PitchCodec:
        """Return a codec for the range and the grid of the training split.

        Args:
            scores: of the training split.
            transpose: the lowest and the highest shift, in semitones.
            rhythm: whether intervals and durations have tokens.
            longest_quarters: the longest of them.
            max_notes: each piece is cut after so many notes.

        Raises:
            ValueError: no note, scores on different grids, or a setting out of bounds.
        """

        def vocabulary(pieces):
            pitches = [pitch for piece in pieces for _, (pitch,), _ in piece]
            return dict(zip(("lowest", "highest"), pitch_range(pitches, transpose)))

        return cls._fit(
            scores,
            vocabulary,
            rhythm=rhythm,
            longest_quarters=longest_quarters,
            max_notes=max_notes,
        )

    def to_config(self) -> dict:
        """Return the arguments that make this codec again."""
        return {"lowest": self.lowest, "highest": self.highest, **super().to_config()}

    @staticmethod
    def _group(notes: list[Note]) -> list[Struck]:
        return [(onset, (pitch,), duration) for onset, pitch, duration, _ in notes]

    @classmethod
    def _count_offsets(cls, pieces: Sequence[list[Struck]]) -> list[tuple[int, int]]:
        return [(steps, count) for steps, count in super()._count_offsets(pieces) if steps]


class ChordCodec(NoteCodec):
    """One chord after another, as `G3.C4`; a single note is a chord of one. See `NoteCodec`.

    A chord is the notes of one voice that begin and end together. The order is that of onset,
    then of the pitches from the lowest up. All is decoded into one voice, so chords that begin
    and end together are one chord if encoded again.

    Without rhythm two chords may be drawn to begin together, as two hands do: the piece stands
    still as often as the training split did, and moves on as long as some of its intervals did.

    Args:
        chords: their names.
        **settings: those of `NoteCodec`.

    Raises:
        ValueError: a name that is no chord, or one twice, or a setting out of bounds.

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
            raise ValueError(f"Each chord has one id. Received twice: {chord_name(twice)}")
        super().__init__(pitches, **settings)

    @classmethod
    def fit(
        cls,
        scores: Sequence[Score],
        *,
        transpose: tuple[int, int] = (0, 0),
        rhythm: bool = True,
        longest_quarters: int = LONGEST_QUARTERS,
        max_notes: int | None = None,
        fewest: int = 1,
    ) -> ChordCodec:
        """Return a codec for the chords and the grid of the training split.

        The chords are those of the split and, for each shift of `transpose`, those moved by it,
        so that each piece of the split may be moved by each shift.

        Args:
            scores: of the training split.
            transpose: the lowest and the highest shift, in semitones.
            rhythm: whether intervals and durations have tokens.
            longest_quarters: the longest of them.
            max_notes: each piece is cut after so many notes, each note of a chord counted.
            fewest: chords that come less often are unknown, in training as well, unless they
                are a common one moved: so the model learns how likely an unknown one is.

        Raises:
            ValueError: no chord that often, scores on different grids, or a setting out of bounds.
        """
        FEWEST.check("fewest", fewest)

        def vocabulary(pieces):
            counts = Counter(chord for piece in pieces for _, chord, _ in piece)
            often = [chord for chord, count in counts.items() if count >= fewest]
            if not often:
                raise ValueError(
                    f"Expected a chord that comes at least {fewest} times (`fewest`). "
                    f"Received: {len(counts)} chords, the commonest "
                    f"{max(counts.values(), default=0)} times"
                )
            chords = sorted(closed(often, counts, transpose))
            return {"chords": [chord_name(chord) for chord in chords]}

        return cls._fit(
            scores,
            vocabulary,
            rhythm=rhythm,
            longest_quarters=longest_quarters,
            max_notes=max_notes,
        )

    def to_config(self) -> dict:
        """Return the arguments that make this codec again."""
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

    @classmethod
    def _count_offsets(cls, pieces: Sequence[list[Struck]]) -> list[tuple[int, int]]:
        offsets = super()._count_offsets(pieces)
        # Where all begins at once, nothing drawn would ever move on.
        return offsets if any(steps for steps, _ in offsets) else []


def closed(
    often: Iterable[Chord], heard: Iterable[Chord], transpose: tuple[int, int]
) -> set[Chord]:
    """Return chords and all that they become within `transpose`.

    A rarer chord of the training split can be what a common one becomes. It has an id then, so
    what it becomes itself must have one too, or its piece could not be transposed.

    Args:
        often: the chords that come often enough.
        heard: all chords of the training split.
        transpose: the lowest and the highest shift, in semitones.
    """
    shifts = (0, *range(transpose[0], transpose[1] + 1))
    known, rarer, new = set(), set(heard) - set(often), set(often)
    while new:
        every = {moved(chord, shift) for chord in new for shift in shifts}
        known |= {chord for chord in every if 0 <= chord[0] <= chord[-1] <= HIGHEST_NUMBER}
        new = rarer & known
        rarer -= new
    return known
