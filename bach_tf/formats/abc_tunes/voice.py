"""The state of one voice while an ABC tune is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from bach_tf.formats.abc_tunes.fields import ALTERATION, Key
from bach_tf.formats.abc_tunes.tokens import (
    IN_CHORD,
    NO_NOTES,
    TUPLET_TIME,
    passes,
    times,
    written_pitch,
)
from bach_tf.formats.notation.sheet import Bar, Head, Signs, in_ticks
from bach_tf.score import MOST_VOICES

COMPOUND = ((6, 8), (9, 8), (12, 8))
FERMATAS = ("H", "fermata", "invertedfermata")
JUMPS: dict[str, dict] = {
    "segno": {"segno": "segno"}, "S": {"segno": "segno"}, "d.s.": {"dal_segno": "segno"},
    "d.s.alcoda": {"dal_segno": "segno"}, "d.s.alfine": {"dal_segno": "segno"},
    "d.c.": {"da_capo": True}, "d.c.alcoda": {"da_capo": True}, "d.c.alfine": {"da_capo": True},
    "dacapo": {"da_capo": True}, "fine": {"fine": True}, "O": {"to_coda": "coda"},
    "coda": {"to_coda": "coda"},
}  # fmt: skip


@dataclass
class Common:
    """Fields of the header, which apply to all voices."""

    metre: tuple[int, int] | None = None
    unit: Fraction | None = None  # unit length in quarters
    key: Key = field(default_factory=lambda: Key(0, {}))
    symbols: dict[str, str] = field(default_factory=dict)  # decorations by letter, of `U:`

    def default_unit(self) -> Fraction:
        """Return the unit length, by default that of the standard for the metre."""
        if self.unit is not None:
            return self.unit
        beats, value = self.metre or (4, 4)
        return Fraction(1, 4) if Fraction(beats, value) < Fraction(3, 4) else Fraction(1, 2)


class Voice:
    """The parser's state in a voice.

    Args:
        common: fields of the header.
        offset: semitones from written to sounding pitch, in addition to the key's.
    """

    def __init__(self, common: Common, offset: int = 0):
        self.offset = offset
        self.symbols = common.symbols
        self.metre, self.unit, self.key = common.metre, common.default_unit(), common.key
        self.now = Fraction(0)
        self.heads: list[Head] = []
        self.bars: list[Bar] = []
        self.had_bar_lines = False
        self.bar_begun = Fraction(0)
        self.signs: dict = {}  # of the current bar
        self.in_ending = False
        self.in_bar: dict[str, int] = {}  # accidentals of the current bar, in all octaves
        self.ties: dict[str, int] = {}  # tied notes of the last event and their pitches
        self.sounded: dict[str, int] = {}  # all notes of the last event
        self.tuplet_notes, self.tuplet_factor = 0, Fraction(1)
        self.last: tuple[int, Fraction] | None = (
            None  # number of heads before the last event, and its length
        )
        self.broken = Fraction(1)  # factor of the next event
        self.fermata = False
        self.overlaid = Fraction(0)  # where the layers before the current overlay end
        self.line = 0  # the layer within the bar: each `&` begins another
        self.ties_of_lines: dict[int, dict[str, int]] = {}  # ties of the other layers

    def read(self, token: re.Match) -> None:
        """Read a token of music.

        Raises:
            ValueError: an invalid length, or a pitch outside the range of MIDI.
        """
        for kind, read in KINDS.items():
            if token[kind]:
                read(self, token)
                return

    def _read_note(self, token: re.Match) -> None:
        quarters = self._quarters(token["length"])
        self._sound([(token, quarters)], quarters, tied=False)

    def _read_chord(self, token: re.Match) -> None:
        factor = self._quarters(token["chord_length"] or "")
        text = NO_NOTES.sub("", token["notes"] or token["old_notes"])
        notes = [
            (note, in_ticks(factor * times(note["length"]))) for note in IN_CHORD.finditer(text)
        ]
        if not notes:
            raise ValueError(f"expected notes in a chord, got {token[0][:40]!r}")
        self._sound(notes, notes[0][1], tied=bool(token["chord_tie"]))

    def _sound(
        self, notes: list[tuple[re.Match, Fraction]], quarters: Fraction, tied: bool
    ) -> None:
        """Add notes that begin together and advance by the length of the first."""
        first, ties = len(self.heads), self.ties
        self.ties, self.sounded = {}, {}
        for note, length in notes:
            name = note["letter"] + note["octave"]
            pitch = self._pitch(note, ties)
            if not 0 <= pitch + self.offset + self.key.offset <= 127:
                raise ValueError(f"expected MIDI's pitches, got {note[0]!r}")
            self.heads.append(
                Head(
                    self.now,
                    self.now + length,
                    pitch + self.offset + self.key.offset,
                    voice=self.line,
                    from_tie=pitch in ties.values(),
                    fermata=self.fermata,
                )
            )
            self.sounded[name] = pitch
            if tied or note["tie"]:
                self.ties[name] = pitch
        self._go_on(first, quarters)

    def _pitch(self, note: re.Match, ties: dict[str, int]) -> int:
        letter, name = note["letter"].lower(), note["letter"] + note["octave"]
        if note["accidental"]:
            self.in_bar[letter] = ALTERATION[note["accidental"]]
        elif name in ties:  # a tied note keeps its accidental across the bar line
            return ties[name]
        altered = self.in_bar.get(letter, self.key.semitones.get(letter, 0))
        return written_pitch(note["letter"], note["octave"]) + altered

    def _read_late_tie(self, token: re.Match) -> None:
        self.ties = dict(self.sounded)

    def _read_rest(self, token: re.Match) -> None:
        self.ties, self.sounded = {}, {}
        self._go_on(len(self.heads), self._quarters(token["rest_length"]))

    def _read_bars_of_rest(self, token: re.Match) -> None:
        beats, value = self.metre or (4, 4)
        self.ties = {}
        for _ in range(int(token["bars"] or 1)):
            self.end_bar({})
            self.now += Fraction(4 * beats, value)
        self.last = None

    def _quarters(self, length: str) -> Fraction:
        """Return the duration of a note or a rest with this length."""
        quarters = self.unit * times(length) * self.broken
        self.broken = Fraction(1)
        if self.tuplet_notes:
            self.tuplet_notes -= 1
            quarters *= self.tuplet_factor
        return in_ticks(quarters)

    def _go_on(self, first: int, quarters: Fraction) -> None:
        self.now += quarters
        self.last = first, quarters
        self.fermata = False

    def _read_broken(self, token: re.Match) -> None:
        """Apply broken rhythm: lengthen the last note and shorten the next, or the reverse."""
        shorter = Fraction(1, 2 ** len(token["broken"]))
        before, after = 2 - shorter, shorter
        if token["broken"].startswith("<"):
            before, after = after, before
        if self.last is None:
            raise ValueError(f"expected a note before {token['broken']!r}")
        first, quarters = self.last
        change = in_ticks(quarters * (before - 1))
        self.heads[first:] = [head._replace(end=head.end + change) for head in self.heads[first:]]
        self.now += change
        self.broken = after
        self.last = None

    def _read_tuplet(self, token: re.Match) -> None:
        notes = int(token["p"])
        time = 3 if self.metre in COMPOUND else 2
        of = int(token["q"] or TUPLET_TIME.get(notes, time))
        if notes < 2 or not of:
            raise ValueError(f"expected a tuplet such as (3, got {token['tuplet']!r}")
        self.tuplet_notes = int(token["r"] or notes)
        self.tuplet_factor = Fraction(of, notes)

    def _read_overlay(self, token: re.Match) -> None:
        self.overlaid = max(self.overlaid, self.now)
        self.now = self.bar_begun
        self._go_to_line(min(self.line + 1, MOST_VOICES - 1))
        self.last = None

    def _go_to_line(self, line: int) -> None:
        """Continue in another layer of the bar, with its pending ties."""
        self.ties_of_lines[self.line] = self.ties
        self.ties, self.line = self.ties_of_lines.pop(line, {}), line

    def _read_decoration(self, token: re.Match) -> None:
        sign = token["decoration"]
        name = self.symbols.get(sign, sign.strip("!+"))
        name = name if len(name) == 1 else name.lower()  # single letters are case-sensitive
        self.fermata = self.fermata or name in FERMATAS
        self.signs |= JUMPS.get(name, {})

    def _read_bar_line(self, token: re.Match) -> None:
        text = token["bar"] or ""
        bare = text.partition("[")[0] if text[:1] != "[" else text
        line = re.sub(r"[\s\d,.\-\[]", "", bare)
        repeats = line.startswith(":") and ("|" in line or line == "::")
        begins = line.endswith(":") and ("|" in line or line == "::")
        ending = passes(token["ending"] or token["lone_ending"] or "")
        ends = bool(ending) or repeats or "||" in line or "]" in line
        closing: dict = {"backward": 2} if repeats else {}
        if self.in_ending and ends:
            closing["last_of_ending"] = True
            self.in_ending = False
        self.end_bar(closing)
        if begins:
            self.signs["forward"] = True
        if ending:
            self.signs["endings"] = ending
            self.in_ending = True

    def end_bar(self, closing: dict) -> None:
        """Append the bar that ends here, unless it is empty, with the signs at its end."""
        self.now, self.overlaid = max(self.now, self.overlaid), Fraction(0)
        self.in_bar = {}
        self._go_to_line(0)
        if self.now > self.bar_begun:
            bar = Bar(self.bar_begun, self.now, signs=Signs(**self.signs | closing))
            self.bars.append(bar)
            self.bar_begun, self.signs, self.had_bar_lines = self.now, {}, True
        elif self.bars and closing:
            signs = self.bars[-1].signs._replace(**closing)
            self.bars[-1] = self.bars[-1]._replace(signs=signs)

    def end(self) -> None:
        """Close the last bar, and tell the coda itself from the jump to it."""
        had_bar_lines = self.had_bar_lines
        self.end_bar({})
        self.had_bar_lines = had_bar_lines
        with_coda = [number for number, bar in enumerate(self.bars) if bar.signs.to_coda]
        for number in with_coda[1:]:
            signs = self.bars[number].signs._replace(to_coda="", coda="coda")
            self.bars[number] = self.bars[number]._replace(signs=signs)


KINDS = {
    "note": Voice._read_note,
    "rest": Voice._read_rest,
    "bars_of_rest": Voice._read_bars_of_rest,
    "chord": Voice._read_chord,
    "old_chord": Voice._read_chord,
    "late_tie": Voice._read_late_tie,
    "tuplet": Voice._read_tuplet,
    "bar": Voice._read_bar_line,
    "lone_ending": Voice._read_bar_line,
    "broken": Voice._read_broken,
    "overlay": Voice._read_overlay,
    "decoration": Voice._read_decoration,
}
