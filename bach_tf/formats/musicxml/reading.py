"""The reader of MusicXML files: `.musicxml`, `.xml` and compressed `.mxl`.

It builds on Python's expat rather than on music21, which the corpora need: music21 takes a second
to import and another per chorale, has no limits for untrusted files, and does not tell where a file
is faulty.

Source: W3C, MusicXML 4.0, https://www.w3.org/2021/06/musicxml40/
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, zip_longest
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf.formats.musicxml.container import MOST_BYTES, score_in
from bach_tf.formats.musicxml.guesses import unsay
from bach_tf.formats.musicxml.measures import Measure, PartReader, Placed
from bach_tf.formats.musicxml.players import Listed, listed_parts, text_of
from bach_tf.formats.musicxml.safe_xml import CUT, parse_xml
from bach_tf.formats.notation import Bar, Head, Sheet, piece_of
from bach_tf.formats.notation.sheet import (
    MOST_BARS,
    MOST_QUARTERS,
    KeyAt,
    Metre,
    cut_at,
    part_in_words,
)
from bach_tf.formats.notation.voices import (
    in_order,
    names_of_voices,
    singers_named,
    sung,
    tell_of_voices,
    voices_of_lines,
)
from bach_tf.formats.reading import Grid, Notices, Piece
from bach_tf.score import MOST_VOICES, Part

OURS = "bach_tf"  # the software named in our own files, whose parts are taken as voices unchanged
# Elements without information for a score.
SKIPPED = frozenset(
    ("defaults", "credit", "print", "lyric", "beam", "stem", "notehead", "harmony", "figured-bass")
)
Line = tuple[int, str]  # a staff, and the file's name of a voice
Voices = tuple[dict[Line, int], list[Part]]
FILES = (".xml", ".mxl", ".musicxml", ".mscz", ".mscx", ".musx", ".sib", ".mus")
PARTWISE, TIMEWISE = "score-partwise", "score-timewise"


def read_musicxml(
    path: Path, grid: Grid | None = None, strict: bool = False, unfold: bool = False
) -> Piece:
    """Read a score.

    Each part is a voice. If several layers run through a part, as with two singers on a staff or
    the hands of a pianist, each is a voice. Tied notes are joined, grace notes are left out,
    repeats are written out only on request, and pitches are sounding pitches.

    Args:
        path: of the file.
        grid: to quantise to; `None` for the coarsest grid, from sixteenths on, that holds all
            notes.
        strict: refuse a file with faults.
        unfold: write out its repeats.

    Raises:
        ValueError: not MusicXML, a piece without notes, or one above the size limits; with
            `strict`, any fault. The message names the part, the measure and the beat.

    Example:
        >>> piece = read_musicxml(Path("hymn.musicxml"))  # doctest: +SKIP
    """
    notices = Notices(path, strict)
    content = read_limited(path, MOST_BYTES)

    try:
        root = _root_in(content, notices)
        sheet = _Assembly(_partwise(root), notices).sheet()
        title = Path(sheet.title)  # some programs use the file name as title
        sheet.title = (title.stem if title.suffix in FILES else sheet.title) or path.stem
        return piece_of(sheet, notices, grid, unfold)
    except ValueError as error:
        said = str(error)
        raise ValueError(said if said.startswith(path.name) else f"{path.name}: {said}") from None


def _root_in(content: bytes, notices: Notices) -> Element:
    """Parse a score; a truncated or damaged file as far as possible."""
    damaged: list[str] = []

    def if_archive_is_damaged() -> None:
        damaged.append(
            "the archive is damaged or stops in the middle: what can be unpacked is read"
        )
        notices.fault(damaged[0])

    def if_cut(line: int, what: str) -> None:
        damaged.append(f"line {line}: expected XML, got: {what}")
        if what in CUT and len(damaged) == 1:
            notices.fault("the file stops in the middle: what is there is read", f"line {line}")
        elif len(damaged) == 1:  # of an archive it has been said
            notices.fault(
                f"the file is damaged ({what}): what stands before is read", f"line {line}"
            )

    root = parse_xml(score_in(content, if_archive_is_damaged), SKIPPED, if_cut)
    if damaged and next(root.iter("note"), None) is None:
        raise ValueError(damaged[-1])
    return root


def _partwise(root: Element) -> Element:
    """Return the score with measures inside parts, converting time-wise files."""
    if root.tag == PARTWISE:
        return root
    if root.tag != TIMEWISE:
        got = shortened(root.tag, 40)
        raise ValueError(f"expected MusicXML, which begins with <{PARTWISE}>, got <{got}>")
    parts: dict[str, Element] = {}
    for measure in root.findall("measure"):
        for inside in measure.findall("part"):
            id = inside.get("id", "")
            part = parts.setdefault(id, Element("part", id=id))
            SubElement(part, "measure", measure.attrib).extend(inside)
    root.extend(parts.values())
    return root


class _Assembly:
    """Combines the parts of a score."""

    def __init__(self, root: Element, notices: Notices):
        self.root = root
        self.notices = notices
        # Programs that edit a file add their names.
        software = root.iterfind("identification/encoding/software")
        self.ours = {(each.text or "").strip() for each in software} == {OURS}
        listed = listed_parts(root)
        self.listed: list[Listed] = []
        self.measures: list[list[Measure]] = []  # of each part
        self.keys: list[
            list[tuple[int, Fraction, int]]
        ] = []  # per part, parts without keys omitted
        elements = root.findall("part")
        if len(elements) > MOST_VOICES:
            raise ValueError(f"expected at most {MOST_VOICES} parts, got {len(elements)}")
        for number, element in enumerate(elements):
            id = element.get("id", "")
            self.listed.append(listed.get(id, Listed(id)))
            self._read_part(number, element)
        if not self.measures:
            raise ValueError("expected a score with parts, got none")

    def _read_part(self, number: int, element: Element) -> None:
        words = part_in_words(number, self.listed[number].part().name)
        reader = PartReader(words, self.notices)
        found = element.findall("measure")
        if len(found) > MOST_BARS:
            raise ValueError(f"{words}: expected at most {MOST_BARS:,} measures, got more")
        self.measures.append([reader.read(each, count) for count, each in enumerate(found, 1)])
        self.keys += [reader.keys] if reader.keys else []

    def sheet(self) -> Sheet:
        bars = self._bars()
        sheet = Sheet(
            bars=bars,
            title=text_of(self.root, "work/work-title") or text_of(self.root, "movement-title"),
            keys=self._keys(bars),
            tempi=self._tempi(bars),
            as_written=self.ours,
        )
        for listed, measures in zip(self.listed, self.measures):
            self._add_part(sheet, listed, measures)
        sheet.bars = self._cut_at_metres(bars)
        if self.ours:
            unsay(sheet, self.root)
        return sheet

    def _cut_at_metres(self, bars: list[Bar]) -> list[Bar]:
        """Return the bars, split where time signatures stand within them."""
        later: dict[Fraction, Metre] = {}
        for measures in reversed(self.measures):  # the first part takes precedence
            for bar, measure in zip(bars, measures):
                later |= {bar.start + time: metre for time, metre in measure.later}
        return [
            bar if bar.new else bar._replace(metre=later.get(bar.start, bar.metre))
            for bar in cut_at(bars, later)
        ]

    def _bars(self) -> list[Bar]:
        bars, now = [], Fraction(0)
        for column in zip_longest(*self.measures):
            here = [measure for measure in column if measure is not None]
            metre = next((each.metre for each in here if each.metre is not None), None)
            if len({each.metre for each in here if each.metre is not None}) > 1:
                self.notices.remark(
                    "parts have different time signatures: that of the first is taken",
                    f"measure {shortened(here[0].number, 20)}",
                )
            length = _length_of(here, metre)
            signs = max((each.signs for each in here), key=lambda signs: sum(map(bool, signs)))
            bar = Bar(now, now + length, here[0].number, metre, signs)
            # Many files count their upbeat as bar 1.
            first = not bars and (not self.ours and len(self.measures[0]) > 1)
            called = not bars and any(each.upbeat for each in here)
            said = any(each.says_metre for each in here)
            bars.append(bar._replace(upbeat=(first or called) and length < bar.whole, new=said))
            now += length
            if now > MOST_QUARTERS:
                raise ValueError(f"expected at most {MOST_QUARTERS} quarters, got a longer piece")
        return bars

    def _tempi(self, bars: Sequence[Bar]) -> list[tuple[Fraction, float]]:
        found: dict[Fraction, float] = {}
        for measures in reversed(self.measures):  # the first part takes precedence
            for bar, measure in zip(bars, measures):
                found |= {bar.start + time: qpm for time, qpm in measure.tempi}
        return sorted(found.items())

    def _keys(self, bars: Sequence[Bar]) -> list[KeyAt]:
        """Return the key signatures of the first part whose initial key is the most common."""
        firsts = Counter(keys[0][2] for keys in self.keys)
        usual = next(iter(firsts.most_common(1)), (None,))[0]
        chosen = next((keys for keys in self.keys if keys[0][2] == usual), [])
        return [(bars[number].start + time, sharps) for number, time, sharps in chosen]

    def _add_part(self, sheet: Sheet, listed: Listed, measures: Sequence[Measure]) -> None:
        if not any(measure.notes for measure in measures) and not self.ours:
            if len(self.measures) > 1:
                words = part_in_words(self.listed.index(listed), listed.part().name)
                self.notices.remark("a part without notes is left out", words)
            return
        if listed.drums and not self.ours:
            words = part_in_words(self.listed.index(listed), listed.part().name)
            self.notices.remark("drums (channel 10) are left out", words)
            return
        voices, parts = self._voices(listed, measures)
        heads = [
            _head(note, voices[note.staff, note.voice], bar.start)
            for bar, measure in zip(sheet.bars, measures)
            for note in measure.notes
        ]
        if len(parts) > len({*voices.values(), 0}):
            heads = sung(heads, len(parts))
        first = len(sheet.parts)
        sheet.heads += [head._replace(voice=first + head.voice) for head in heads]
        sheet.parts += parts

    def _voices(self, listed: Listed, measures: Sequence[Measure]) -> Voices:
        """Return the voice of each layer of a part, counted from 0, and the names of the voices."""
        by_instrument = _by_instrument(listed, measures)
        if by_instrument is not None:
            return by_instrument
        part = listed.part()
        lines = _lines(measures)
        if len(lines) > MOST_VOICES:
            raise ValueError(f"expected at most {MOST_VOICES} voices in a part, got {len(lines)}")
        if self.ours:
            name = names_of_voices(part.name, 1)[0]
            return dict.fromkeys(lines, 0), [replace(part, name=name)]
        bars: dict[Line, set[int]] = {line: set() for line in in_order({*lines.values()})}
        for number, measure in enumerate(measures):
            for note in measure.notes:
                bars[lines[note.staff, note.voice]].add(number)
        voice_of = voices_of_lines(bars, {line: line[0] for line in bars})
        voices = {written: voice_of[line] for written, line in lines.items()}
        count = max(voices.values()) + 1
        names = names_of_voices(part.name, count) if count > 1 else singers_named(part.name)
        place = part_in_words(self.listed.index(listed), part.name)
        tell_of_voices(names, part.name, place, self.notices)
        return voices, [replace(part, name=name) for name in names]


def _length_of(measures: Sequence[Measure], metre: tuple[int, int] | None) -> Fraction:
    """Return the length of a measure: that of its longest part, ignoring whole-measure rests.

    Whole-measure rests stand for any length. A measure without anything else has the length of its
    metre, or that of the rest if it is shorter.
    """
    longest = max(measure.end for measure in measures)
    resting = max(measure.resting for measure in measures)
    whole = resting if metre is None else Fraction(4 * metre[0], metre[1])
    if longest:
        return longest
    return min(whole, resting) if resting else whole


def _lines(measures: Sequence[Measure]) -> dict[Line, Line]:
    """Return the layer of each staff and voice; a voice that changes staff is one layer."""
    counts = Counter((note.staff, note.voice) for measure in measures for note in measure.notes)
    lines = {line: line for line in counts}
    staves: dict[str, list[Line]] = defaultdict(list)
    for line in counts:
        staves[line[1]].append(line)
    doubled = set().union(*map(_at_once, measures))
    for voice, mine in staves.items():
        if len(mine) > 1 and voice not in doubled:
            lines |= dict.fromkeys(mine, max(mine, key=lambda line: counts[line]))
    return lines


def _at_once(measure: Measure) -> set[str]:
    """Return the voices that have overlapping notes on two staves, chords aside."""
    in_order = sorted(measure.notes, key=lambda note: (note.voice, note))
    return {
        note.voice
        for note, following in pairwise(in_order)
        if following.voice == note.voice
        and following.start < note.end
        and following.staff != note.staff
        and (note.start, note.end) != (following.start, following.end)
    }


def _by_instrument(listed: Listed, measures: Sequence[Measure]) -> Voices | None:
    """Return the voices of a part with one instrument per layer; `None` for other parts."""
    used: dict[Line, set[str]] = defaultdict(set)
    for measure in measures:
        for note in measure.notes:
            used[note.staff, note.voice].add(note.instrument)
    if len(listed.instruments) < 2 or any(len(instruments) > 1 for instruments in used.values()):
        return None
    names = list(listed.instruments)
    if {*names} != {instrument for one in used.values() for instrument in one}:
        return None
    voices = {line: names.index(min(instruments)) for line, instruments in used.items()}
    return voices, list(listed.instruments.values())


def _head(note: Placed, voice: int, offset: Fraction) -> Head:
    start, end = note.start + offset, note.end + offset
    return Head(start, end, note.pitch, voice, note.from_tie, note.fermata, note.velocity)
