"""The reader of one ABC tune: header, voices and music lines."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from bach_tf._basics.messages import shortened
from bach_tf.formats.abc_tunes.fields import (
    Key,
    parts_in_order,
    read_key,
    read_metre_field,
    read_tempo,
    read_text,
    read_unit,
    sounding_offset,
    sounding_sharps,
    symbol_of,
    voice_settings,
)
from bach_tf.formats.abc_tunes.tokens import tokens
from bach_tf.formats.abc_tunes.voice import Common, Voice
from bach_tf.formats.notation import Bar, Sheet
from bach_tf.formats.notation.playing import order_of_play
from bach_tf.formats.notation.sheet import (
    MOST_BARS,
    MOST_QUARTERS,
    KeyAt,
    cut_at,
    part_in_words,
    with_metres,
)
from bach_tf.formats.notation.text import SUMMED, UNMEASURED
from bach_tf.formats.notation.voices import names_of_voices, tell_of_voices, voices_of_lines
from bach_tf.formats.reading import Notices
from bach_tf.formats.tunes import check_bars, tune_of
from bach_tf.score import HIGHEST_NUMBER, MOST_VOICES, Part, Score

FIELD = re.compile(r"([A-Za-z+]):(.*)")
LETTERS_OF_NOTES = "ABCDFGabcdefg"  # in the body "C:|" is a note and a bar line, not a field
PROGRAM = re.compile(r"%%MIDI\s+program\s+(?:\d{1,2}\s+)?(\d{1,3})")
TRANSPOSE = re.compile(r"%%MIDI\s+transpose\s+([+-]?\d{1,2})\b")
LONGEST_LINE = 4_000  # characters
FREE = ("none", "frei", "free")  # "Frei" in German collections
KEYNOTE = re.compile(r"[CGDAEBF]|[DAEBG]b")


def read_abc(text: str) -> Score:
    r"""Read a monophonic tune in sixteenths, without playing its repeats.

    Raises:
        OffGridError: the tune does not fit a grid of sixteenths.
        ValueError: invalid ABC, as `row N, ...: expected ...` counting from the first row of the
            tune, or a bar that is too long by a fraction of a beat.

    Example:
        >>> score = read_abc("X:1\nM:3/4\nL:1/8\nK:G\nD2 | G3AF2 | G6 |]")
        >>> score.pitch.tolist(), score.duration.tolist(), score.upbeat
        ([62, 67, 69, 66, 67], [4, 6, 2, 4, 12], 4)
    """
    sheet = read_sheet(text, Notices(Path(), strict=True))
    check_bars(sheet)
    return tune_of(sheet)


def read_sheet(text: str, notices: Notices, first_row: int = 1, defaults: str = "") -> Sheet:
    """Parse the text of a tune.

    Args:
        text: from `X:` on.
        notices: collects what is repaired or skipped.
        first_row: the row of the file where the tune begins.
        defaults: fields that apply to all tunes of the file.

    Raises:
        ValueError: a tune or a number of voices above the limits.
    """
    reader = _Reader(notices)
    for line in defaults.splitlines():
        reader.read_line(line)
    for row, line in enumerate(text.splitlines(), start=first_row):
        reader.row = row
        reader.read_line(line)
    return reader.sheet()


class _Reader:
    """The state of the parser within a tune."""

    def __init__(self, notices: Notices):
        self.notices = notices
        self.row = 1
        self.title = ""
        self.common = Common()
        self.in_header = True
        self.metres: list[tuple[Fraction, tuple[int, int] | None]] = []
        self.keys: list[KeyAt] = []
        self.tempo = ""  # of the header; it may count unit lengths, which are given later
        self.tempi: dict[Fraction, float] = {}
        self.voices: dict[str, Voice] = {}
        self.settings: dict[str, dict[str, str]] = {}  # of the voices
        self.programs: dict[str, int] = {}
        self.transposed: dict[str, int] = {}  # semitones, of `%%MIDI transpose`
        self.layers = 0  # of a passage in several ones: how many have begun
        self.declared = ""  # the last voice named in the header
        self.name = ""  # of the current voice
        self.playing: list[str] = []  # labels of parts, in the order of the header's `P:`
        self.sections: dict[str, Fraction] = {}  # where each part begins

    @property
    def voice(self) -> Voice:
        if self.name not in self.voices:
            if len(self.voices) >= MOST_VOICES:
                raise ValueError(f"row {self.row}: expected at most {MOST_VOICES} voices, got more")
            self.voices[self.name] = Voice(self.common, self._offset_of(self.name))
        return self.voices[self.name]

    def _offset_of(self, name: str) -> int:
        settings = self.settings.get(name, {})
        offset = sounding_offset(" ".join(f"{key}={value}" for key, value in settings.items()))
        return offset + self.transposed.get(name, self.transposed.get("", 0))

    def place(self) -> str:
        voice = self.voices.get(self.name)
        bar = 1 if voice is None else len(voice.bars) + 1
        said = f", voice {self.name[:20]}" if len(self.voices) > 1 else ""
        return f"row {self.row}{said}, measure {bar}"

    def fault(self, what: str, got: str = "") -> None:
        place = f"{self.place()}, '{shortened(got, 20)}'" if got else self.place()
        self.notices.fault(what, place)

    def read_line(self, line: str) -> None:
        if len(line) > LONGEST_LINE:
            raise ValueError(
                f"row {self.row}: expected lines of at most {LONGEST_LINE:,} characters, got "
                f"{len(line):,}"
            )
        self.read_directive(line)
        line = line.partition("%")[0].strip()
        field = FIELD.match(line)
        if field and (self.in_header or field[1] not in LETTERS_OF_NOTES):
            self.read_field(field[1], field[2].strip())
            return
        if line and self.in_header:
            what = "expected a field such as K:G before the first note: read without a key"
            self.fault(what, line)
            self.end_header()
        self.read_music(line)

    def read_directive(self, line: str) -> None:
        """Read `%%MIDI program` and `transpose`, of the current voice, in a header the last one."""
        name = self.declared if self.in_header else self.name
        program, transpose = PROGRAM.match(line), TRANSPOSE.match(line)
        if program and int(program[1]) <= HIGHEST_NUMBER:
            self.programs[name] = int(program[1])
        if transpose:
            self.transposed[name] = int(transpose[1])
            if name in self.voices:
                self.voices[name].offset = self._offset_of(name)

    def read_field(self, letter: str, text: str) -> None:
        read = FIELDS.get(letter)
        try:
            if read is not None:
                read(self, text)
        except ValueError as error:
            major = KEYNOTE.match(text) if letter == "K" else None
            self.fault(f"{error}; {'read as major' if major else 'it is left out'}")
            if major:
                self.read_key_field(major[0])
        if letter == "K":
            self.end_header()

    def end_header(self) -> None:
        if self.in_header and self.tempo:
            self.tempo_at(Fraction(0), self.tempo)
        self.in_header = False

    def read_title(self, text: str) -> None:
        self.title = self.title or read_text(text)

    def read_metre(self, text: str) -> None:
        metre = read_metre_field(text)
        if metre is None:
            self.tell_of_no_metre(text)
        elif "+" in text:
            self.notices.remark(SUMMED, self.place())
        if self.in_header:
            self.common.metre = metre
            self.metres = [(Fraction(0), metre)]
            return
        self.voice.metre = metre
        if self.voice is next(iter(self.voices.values())):
            self.metres.append((self.voice.now, metre))

    def tell_of_no_metre(self, text: str) -> None:
        """Report an invalid metre, or a change from measured to free metre."""
        free = not text or text.lower().startswith(FREE)
        if not free:
            self.notices.remark("expected a metre such as M:3/4: left out", self.place())
        elif not self.in_header and self.metres:
            self.notices.remark(UNMEASURED, self.place())

    def read_unit_field(self, text: str) -> None:
        unit = read_unit(text)
        if self.in_header:
            self.common.unit = unit
        else:
            self.voice.unit = unit

    def read_key_field(self, text: str) -> None:
        if self.in_header:
            self.common.key = read_key(text)
            self.keys = [(Fraction(0), self.sharps_in(self.common.key))]
        else:
            self.voice.key = read_key(text, self.voice.key)
            if self.voice is next(iter(self.voices.values())):
                self.keys.append((self.voice.now, self.sharps_in(self.voice.key)))

    def sharps_in(self, key: Key) -> int:
        """Return the sharps of a key as it sounds."""
        return sounding_sharps(key.sharps, key.offset + self.transposed.get("", 0))

    def read_tempo_field(self, text: str) -> None:
        if self.in_header:
            self.tempo = text
        else:
            self.tempo_at(self.voice.now, text)

    def tempo_at(self, time: Fraction, text: str) -> None:
        qpm = read_tempo(text, self.common.default_unit())
        if qpm:
            self.tempi[time] = qpm

    def read_voice(self, text: str) -> None:
        name, settings = voice_settings(text)
        self.settings[name] = self.settings.get(name, {}) | settings
        if not self.in_header:
            self.name = name
            if settings and name in self.voices:
                self.voices[name].offset = self._offset_of(name)
            return
        self.declared = name
        if not self.name:
            self.name = name  # music before any `V:` belongs to the first voice

    def read_symbol(self, text: str) -> None:
        self.common.symbols |= symbol_of(text)

    def read_music(self, line: str) -> None:
        for token in tokens(line):
            if isinstance(token, str):
                if token[0] not in "\\@#":
                    self.fault("expected notes, rests and bar lines: left out", token)
            elif token["field"]:
                self.read_field(token["field"], token["value"].strip())
            else:
                self.read_token(token)

    def read_token(self, token: re.Match) -> None:
        if self.is_left_out(token):
            return
        try:
            self.voice.read(token)
        except ValueError as error:
            self.fault(f"{error}; it is left out")
        if token["grace"]:
            self.notices.remark("grace notes are left out", self.place())
        if self.voice.now > MOST_QUARTERS:
            raise ValueError(f"row {self.row}: expected at most {MOST_QUARTERS} quarters, got more")

    def is_left_out(self, token: re.Match) -> bool:
        """Return whether a token is of a second layer through several bars: `(& one & other &)`."""
        if token["layers"]:
            self.layers = 1
            what = "layers over several bars, '(& ... & ... &)', are left out but for the first"
            self.notices.remark(what, self.place())
        elif token["end_of_layers"]:
            self.layers = 0
        elif token["overlay"] and self.layers:
            self.layers = 2
        return self.layers > 1

    def read_part(self, text: str) -> None:
        """Read the part order of the header, or the label of a part in the body."""
        if self.in_header:
            self.playing = parts_in_order(text)
        elif len(text) == 1 and (not self.voices or self.voice is next(iter(self.voices.values()))):
            self.sections.setdefault(text, self.voice.now)

    def sheet(self) -> Sheet:
        sounding = {name: voice for name, voice in self.voices.items() if voice.heads}
        sheet = Sheet(title=self.title, keys=self.keys, tempi=sorted(self.tempi.items()))
        if not sounding:
            return sheet
        for voice in sounding.values():
            voice.end()
        first = max(sounding.values(), key=lambda voice: len(voice.bars))
        bars = cut_at(first.bars, self.sections.values())
        sheet.bars = with_metres(bars, self.metres, first.had_bar_lines)
        sheet.order = self.bars_in_order(sheet.bars)
        for number, name in enumerate(sounding):
            settings = self.settings.get(name, {})
            said = settings.get("name", settings.get("nm", name if len(sounding) > 1 else ""))
            program = self.programs.get(name, self.programs.get(""))
            self.add_voice(sheet, sounding[name], Part(said.replace("\\n", " "), program), number)
        return sheet

    def add_voice(self, sheet: Sheet, voice: Voice, part: Part, number: int) -> None:
        """Add a voice, or several where overlays run through it."""
        begins = [bar.start for bar in sheet.bars]
        bars: dict[int, set[int]] = {line: set() for line in sorted({h.voice for h in voice.heads})}
        for head in voice.heads:
            bars[head.voice].add(bisect_right(begins, head.start))
        lines = voices_of_lines(bars, dict.fromkeys(bars, 0))
        first = len(sheet.parts)
        sheet.heads += [head._replace(voice=first + lines[head.voice]) for head in voice.heads]
        names = names_of_voices(part.name, max(lines.values()) + 1)
        sheet.parts += [replace(part, name=name) for name in names]
        place = part_in_words(number, part.name, "voice")
        tell_of_voices(names, part.name, place, self.notices)

    def bars_in_order(self, bars: list[Bar]) -> list[int] | None:
        """Return the bars in the order of the header's `P:`; `None` without one."""
        missing = [part for part in self.playing if part not in self.sections]
        if missing or not self.playing:
            if missing:
                self.notices.remark(f"no part begins with P:{missing[0]}: P: of the header is left")
            return None
        begins = [bar.start for bar in bars]
        starts = [bisect_left(begins, time) for time in self.sections.values()]
        spans = dict(zip(self.sections, pairwise([*starts, len(bars)])))
        order = list(range(min(starts)))  # an introduction before the first part
        for part in self.playing:
            first, end = spans[part]
            if len(order) <= MOST_BARS:
                order += [first + number for number in order_of_play(bars[first:end])]
        return order


FIELDS = {
    "T": _Reader.read_title,
    "M": _Reader.read_metre,
    "L": _Reader.read_unit_field,
    "K": _Reader.read_key_field,
    "Q": _Reader.read_tempo_field,
    "V": _Reader.read_voice,
    "P": _Reader.read_part,
    "U": _Reader.read_symbol,
}
