"""Pieces from Humdrum `**kern` files: `.krn`.

Supported are spines that split and join, notes, chords and rests with dots, ties and fermatas, bar
lines with repeats, section order, metres, key signatures, tempi, instruments and the title. Signs
that do not affect the sound, such as phrase marks, are ignored.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf.formats.kern.spines import KERN, begin, follow
from bach_tf.formats.kern.spines import Path as Column
from bach_tf.formats.kern.tokens import KEY_SIGNATURE, PROGRAMS, is_grace, read_tokens, sharps_of
from bach_tf.formats.notation import Bar, Head, Sheet, Signs, piece_of
from bach_tf.formats.notation.sheet import (
    MOST_BARS,
    MOST_QUARTERS,
    KeyAt,
    cut_at,
    part_in_words,
    with_metres,
)
from bach_tf.formats.notation.text import SUMMED, UNMEASURED, decode, read_meter
from bach_tf.formats.notation.voices import names_of_voices, tell_of_voices, voices_of_lines
from bach_tf.formats.reading import Grid, Notices, Piece
from bach_tf.formats.tunes import tune_of
from bach_tf.score import Part, Score

MOST_BYTES = 5_000_000
TITLE = re.compile(r"!!!OTL[^:]*:(.*)")
METRE, UNMETRED = re.compile(r"\*M[\d(XZ?]"), ("X", "Z", "?")
TEMPO = re.compile(r"\*MM(\d{1,4}(\.\d{1,6})?)")
NAME, CODE = re.compile(r'\*I"(.+)'), re.compile(r"\*I([a-z]+)")
SECTION, SECTIONS = re.compile(r"\*>([^\[]+)"), re.compile(r"\*>\[(.*)\]")
NUMBER = re.compile(r"\d{1,6}")
Line = tuple[int, int]  # a spine, and one of its paths


def read_kern_file(
    path: Path, grid: Grid | None = None, strict: bool = False, unfold: bool = False
) -> Piece:
    """Read a piece.

    Each `**kern` spine is a voice, the last one the highest. A path that splits off is a voice of
    its own if it has notes in more than half of the bars. Grace notes are left out.

    Args:
        path: of the file.
        grid: to quantise to; `None` for the coarsest grid, from sixteenths on, that holds all
            notes.
        strict: refuse a file with faults.
        unfold: write out its repeats, in the section order of the file if it has one.

    Raises:
        ValueError: no `**kern`, a piece without notes, or one above the size limits; with
            `strict`, any fault. The message names the row.

    Example:
        >>> piece = read_kern_file(Path("quartet.krn"))  # doctest: +SKIP
    """
    notices = Notices(path, strict)
    text = decode(read_limited(path, MOST_BYTES))
    try:
        sheet = read_sheet(text, notices)
        sheet.title = sheet.title or path.stem
        return piece_of(sheet, notices, grid, unfold)
    except ValueError as error:
        said = str(error)
        raise ValueError(said if said.startswith(path.name) else f"{path.name}: {said}") from None


def read_kern(text: str) -> Score:
    r"""Read a monophonic tune in sixteenths.

    Args:
        text: of a file.

    Raises:
        OffGridError: the tune does not fit a grid of sixteenths.
        ValueError: no `**kern`, several voices, or an invalid token, as `row N, ...`.

    Example:
        >>> score = read_kern("**kern\n*M3/4\n4d\n=1\n4.g\n8a\n4f#\n=2\n2.g\n==\n*-")
        >>> score.pitch.tolist(), score.duration.tolist(), score.upbeat
        ([62, 67, 69, 66, 67], [4, 6, 2, 4, 12], 4)
    """
    return tune_of(read_sheet(text, Notices(Path(), strict=True)))


def read_sheet(text: str, notices: Notices) -> Sheet:
    """Parse the text of a file.

    Raises:
        ValueError: no `**kern`, or a row whose number of columns is not that of the spines.
    """
    reader = _Reader(notices)
    for row, line in enumerate(text.split("\n"), start=1):
        try:
            reader.read_line(row, line.rstrip("\r"))
        except _RowError as error:
            raise ValueError(f"row {row}: {error}") from None
    return reader.sheet()


class _RowError(ValueError):
    """A row after which parsing cannot continue."""


class _Reader:
    """The state of the parser within a file."""

    def __init__(self, notices: Notices):
        self.notices = notices
        self.row = 0
        self.title = ""
        self.columns: list[Column] = []
        self.spines = 0
        self.begun = False
        self.heads: list[tuple[Line, Head]] = []
        self.bars: list[Bar] = []
        self.bar_begun = Fraction(0)
        self.number = ""
        self.forward = False  # whether a repeat begins with the current bar
        self.metres: list[tuple[Fraction, tuple[int, int]]] = []
        self.keys: list[KeyAt] = []
        self.tempi: dict[Fraction, float] = {}
        self.names: dict[int, str] = {}
        self.programs: dict[int, int] = {}
        self.sections: dict[tuple[str, Fraction], None] = {}
        self.order: list[str] | None = None

    def read_line(self, row: int, line: str) -> None:
        self.row = row
        title = TITLE.match(line)
        if title:
            self.title = self.title or title[1].strip()
        if line.startswith("!") or not line.strip():
            return
        fields = line.rstrip("\t ").split("\t")
        if not self.columns:
            self.begin(fields)
            return
        if len(fields) != len(self.columns):
            raise _RowError(f"expected {len(self.columns)} spines, got {len(fields)}")
        if fields[0].startswith("*"):
            self.read_interpretations(fields)
        elif fields[0].startswith("="):
            here = [field for column, field in zip(self.columns, fields) if column.is_kern]
            self.read_bar_line(here[0] if here else "")
        else:
            self.read_data(fields)

    def begin(self, fields: list[str]) -> None:
        """Begin the spines; a second set of spines is not read."""
        if self.begun:
            if any(field == KERN for field in fields):
                self.notices.remark("a second piece is left out", f"row {self.row}")
            return
        self.columns = begin(fields)
        self.begun, self.spines = True, len(fields)

    def now(self) -> Fraction:
        """Return the time that most paths have reached; of several such times the earliest."""
        times = Counter(column.now for column in self.columns if column.is_kern)
        most = max(times.values(), default=0)
        return min((time for time, count in times.items() if count == most), default=Fraction(0))

    def place(self, column: Column | None = None) -> str:
        spine = [] if column is None or self.spines == 1 else [f"spine {column.spine + 1}"]
        measure = [f"measure {self.number}"] if self.number else []
        return ", ".join([f"row {self.row}", *spine, *measure])

    def read_interpretations(self, fields: list[str]) -> None:
        for column, field in zip(self.columns, fields):
            if column.is_kern:
                self.read_interpretation(column, field)
        self.spines += fields.count("*+")
        try:
            self.columns = follow(self.columns, fields, self.spines)
        except ValueError as error:
            raise _RowError(str(error)) from None

    def read_interpretation(self, column: Column, field: str) -> None:
        key, tempo, section = (form.match(field) for form in (KEY_SIGNATURE, TEMPO, SECTION))
        name, code, order = (form.match(field) for form in (NAME, CODE, SECTIONS))
        if METRE.match(field):
            self.read_metre(column, field[2:])
        elif key:
            sharps = sharps_of(key[1])
            self.keys += [] if sharps is None else [(self.now(), sharps)]
        elif tempo:
            self.tempi[self.now()] = float(tempo[1])
        elif name:
            self.names.setdefault(column.spine, name[1].strip())
        elif code and code[1] in PROGRAMS:
            self.programs.setdefault(column.spine, PROGRAMS[code[1]])
        elif order and self.order is None:
            self.order = [label.strip() for label in order[1].split(",")]
        elif section:
            self.sections[section[1], self.now()] = None

    def read_metre(self, column: Column, text: str) -> None:
        metre = read_meter(text)
        if metre is None:
            free = text.startswith(UNMETRED)
            what = UNMEASURED if free else "expected a metre such as *M3/4: left out"
            self.notices.remark(what, self.place(column))
            return
        if "+" in text:
            self.notices.remark(SUMMED, self.place(column))
        if not self.metres or self.metres[-1] != (self.now(), metre):
            self.metres.append((self.now(), metre))

    def read_bar_line(self, field: str) -> None:
        self.end_bar(self.now(), repeats=":|" in field)
        self.forward = self.forward or "|:" in field
        number = NUMBER.search(field)
        self.number = number[0] if number else self.number

    def end_bar(self, time: Fraction, *, repeats: bool = False) -> None:
        """Append the bar that ends at a time, unless it is empty."""
        if time > MOST_QUARTERS:
            raise _RowError(f"expected at most {MOST_QUARTERS} quarters, got a longer piece")
        if time > self.bar_begun:
            signs = Signs(forward=self.forward)
            self.bars.append(Bar(self.bar_begun, time, self.number, signs=signs))
            self.bar_begun, self.forward = time, False
        if repeats and self.bars:
            signs = self.bars[-1].signs._replace(backward=2)
            self.bars[-1] = self.bars[-1]._replace(signs=signs)

    def read_data(self, fields: list[str]) -> None:
        notes = []
        for column, field in zip(self.columns, fields):
            line = column.spine, column.line
            if not column.is_kern or field in (".", ""):
                continue
            if is_grace(field):
                self.notices.remark("grace notes are left out", self.place(column))
            else:
                notes.append((line, column, field))
        times = {column.now for _, column, _ in notes}
        if len(times) > 1:
            what = "notes that stand in one row begin at different times: the latest is taken"
            self.notices.fault(what, self.place())
        for line, column, field in notes:
            self.read_notes(line, column, field, max(times))

    def read_notes(self, line: Line, column: Column, field: str, start: Fraction) -> None:
        try:
            tokens = read_tokens(field)
        except ValueError:
            place = f"{self.place(column)}, {shortened(field, 20)}"
            self.notices.fault("expected a note or rest such as 4.ff#: left out", place)
            return
        for token in tokens:
            end = start + token.quarters
            if token.pitch is None:
                continue
            if 0 <= token.pitch <= 127:
                head = Head(start, end, token.pitch, 0, token.from_tie, token.fermata)
                self.heads.append((line, head))
            else:
                self.notices.fault("notes outside MIDI's pitches are left out", self.place(column))
        column.now = start + tokens[0].quarters

    def sheet(self) -> Sheet:
        if not self.begun:
            raise ValueError("expected a file in Humdrum **kern, got 'an empty file'")
        ends = [head.end for _, head in self.heads]
        last = max([self.bar_begun, *ends, *(column.now for column in self.columns)])
        had_bar_lines = bool(self.bars)
        self.end_bar(last)
        sections = [time for _, time in self.sections]
        bars = with_metres(cut_at(self.bars, sections), self.metres, had_bar_lines)
        sheet = Sheet(
            bars=bars,
            title=self.title,
            keys=self.keys,
            tempi=sorted(self.tempi.items()),
            order=self.bars_in_order(bars),
        )
        self.add_voices(sheet)
        return sheet

    def bars_in_order(self, bars: list[Bar]) -> list[int] | None:
        """Return the bars in the section order of the file; `None` without one."""
        if self.order is None or not self.sections or not bars:
            return None
        begins = [bar.start for bar in bars]
        labels = list(self.sections)
        ends = [*(time for _, time in labels[1:]), bars[-1].end]
        spans: dict[str, range] = {}
        for (name, start), end in zip(labels, ends):
            bars_of_it = range(bisect_left(begins, start), bisect_left(begins, end))
            spans.setdefault(name, bars_of_it)
        played: list[int] = []
        for label in self.order:
            if len(played) <= MOST_BARS:
                played += spans.get(label, ())
        return played or None

    def add_voices(self, sheet: Sheet) -> None:
        """Add the voices of each spine, starting with the last spine."""
        begins = [bar.start for bar in sheet.bars]
        by_spine: dict[int, list[tuple[Line, Head]]] = defaultdict(list)
        for line, head in self.heads:
            by_spine[line[0]].append((line, head))
        for spine in sorted(by_spine, reverse=True):
            lines: dict[Line, set[int]] = {line: set() for line in sorted(dict(by_spine[spine]))}
            for line, head in by_spine[spine]:
                lines[line].add(bisect_right(begins, head.start))
            voices = voices_of_lines(lines, dict.fromkeys(lines, spine))
            first = len(sheet.parts)
            sheet.heads += [
                head._replace(voice=first + voices[line]) for line, head in by_spine[spine]
            ]
            part = self.names.get(spine, "")
            names = names_of_voices(part, max(voices.values()) + 1)
            tell_of_voices(names, part, part_in_words(spine, part, "spine"), self.notices)
            sheet.parts += [Part(name, self.programs.get(spine)) for name in names]
