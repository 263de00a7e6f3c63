"""The events of a MIDI file, read as far as they can be understood.

Only events that matter to a score are kept. Faults are read over and reported to the `Notices`
with their place.

Source: The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0"
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from bach_tf._basics.files import read_limited
from bach_tf.formats.midi.chunks import Header, find_tracks, read_header
from bach_tf.formats.midi.metas import META_READERS, TEMPO
from bach_tf.formats.reading import Notices

SMPTE = 0x8000  # a division with this bit set counts fractions of a second, not of a beat
# Frames per second by the byte that stands for them; 29 is the television rate, 30 less 0.1 %.
FRAME_RATES = {24: Fraction(24), 25: Fraction(25), 29: Fraction(30_000, 1001), 30: Fraction(30)}
PERCUSSION = 9  # the channel, counted from 0
# Size limit of a file: the largest recordings and orchestral scores have less than half of it.
MOST_BYTES = 2_000_000
LONGEST_NUMBER = 4  # bytes of a variable-length quantity
HIGHEST = 127  # value of a data byte

META, SYSEX, END_OF_TRACK = 0xFF, (0xF0, 0xF7), 0x2F
# Number of data bytes after each status byte. Those from 0xF1 on do not belong in files.
DATA_BYTES = {
    **dict.fromkeys(range(0x80, 0xC0), 2),
    **dict.fromkeys(range(0xC0, 0xE0), 1),
    **dict.fromkeys(range(0xE0, 0xF0), 2),
    **dict.fromkeys(range(0xF1, 0xFF), 0),
    **dict.fromkeys((0xF1, 0xF3), 1),
    0xF2: 2,
}
SILENCING = (120, 123)  # controllers: all sound off, all notes off
STRIKE, RELEASE, CONTROL, PROGRAM = "strike", "release", "control", "program"
TickNote = tuple[int, int, int, int]  # start and end in ticks, pitch, velocity
KINDS = {0x80: RELEASE, 0x90: STRIKE, 0xB0: CONTROL, 0xC0: PROGRAM}


class Event(NamedTuple):
    """An event at a tick.

    Args:
        tick: since the beginning.
        kind: `STRIKE` or `RELEASE` with pitch and velocity, `CONTROL` with number and value,
            `PROGRAM` with its number, or a name from `META_READERS`.
        channel: 0..15; -1 for meta events.
        value: the data of the event.
    """

    tick: int
    kind: str
    channel: int
    value: Any


@dataclass(frozen=True)
class Track:
    """A track of a file.

    Args:
        number: counted from 1.
        events: ordered by tick.
        ticks: length.
    """

    number: int
    events: list[Event]
    ticks: int

    @property
    def notes(self) -> dict[int, list[TickNote]]:
        """The notes of each channel."""
        return self._heard[0]

    @property
    def unreleased(self) -> int:
        """How many notes, drums left out, are never released."""
        return self._heard[1]

    @cached_property
    def _heard(self) -> tuple[dict[int, list[TickNote]], int]:
        return _notes_and_unreleased(self)


@dataclass(frozen=True)
class File:
    """A MIDI file.

    Args:
        kind: 0 or 1, as the standard calls its types.
        ticks_per_quarter: the division; of a file in seconds, the ticks in half a second.
        tracks: in the order of the file.
        has_beats: `False` where ticks are fractions of a second: no tempo, no bars.
    """

    kind: int
    ticks_per_quarter: int | Fraction
    tracks: list[Track]
    has_beats: bool = True

    @cached_property
    def events(self) -> list[Event]:
        """The events of all tracks, ordered by tick."""
        return sorted(
            chain.from_iterable(track.events for track in self.tracks), key=attrgetter("tick")
        )

    @property
    def ticks(self) -> int:
        """Length of the longest track."""
        return max((track.ticks for track in self.tracks), default=0)


def _notes_and_unreleased(track: Track) -> tuple[dict[int, list[TickNote]], int]:
    """Return the notes of each channel, and how many of them, drums left out, have no release.

    A pitch that is struck again while it sounds waits for two releases. The first is attributed to
    the earlier note and the second to the later one; in files with fewer releases than strikes,
    the first ends the later note if no second one comes before the next strike. A pitch struck
    twice at the same tick is two notes of equal length, a unison. All notes of a channel end with
    "all notes off"; a note that is never released ends with its track.

    Returns:
        start and end in ticks, pitch and velocity of each note, by channel; and a number.
    """
    notes: dict[int, list[TickNote]] = defaultdict(list)
    # {(channel, pitch): [start, end or None, velocity of each]}, the latest
    struck: dict[tuple[int, int], list] = {}
    unreleased: dict[int, Counter[int]] = defaultdict(Counter)  # {channel: pitches that sound}
    missing = _missing_releases(track)

    def end(key: tuple[int, int], now: int) -> None:
        start, released, *velocities = struck[key]
        until = now if released is None else released
        notes[key[0]] += [(start, until, key[1], velocity) for velocity in velocities]

    for event in track.events:
        if event.kind == CONTROL and event.value[0] in SILENCING:
            for pitch in +unreleased.pop(event.channel, Counter()):
                struck[event.channel, pitch][1] = event.tick
        if event.kind not in (STRIKE, RELEASE):
            continue
        key = event.channel, event.value[0]
        waiting = unreleased[event.channel]
        if event.kind == STRIKE:
            waiting[key[1]] += 1
            if key in struck and struck[key][0] == event.tick:
                struck[key].append(event.value[1])
                continue
            if key in struck:
                end(key, event.tick)
            struck[key] = [event.tick, None, event.value[1]]
        elif waiting[key[1]]:
            sounding = len(struck[key]) - 2
            if missing[key] or waiting[key[1]] <= sounding:  # else it is an earlier note's
                struck[key][1] = event.tick
            waiting[key[1]] -= 1
    for key in struck:
        end(key, track.ticks)
    hanging = [key for key, note in struck.items() if note[1] is None and key[0] != PERCUSSION]
    return notes, len(hanging)


def _missing_releases(track: Track) -> Counter[tuple[int, int]]:
    """Return by how much strikes outnumber releases for each channel and pitch."""
    missing: Counter[tuple[int, int]] = Counter()
    for event in track.events:
        if event.kind in (STRIKE, RELEASE):
            missing[event.channel, event.value[0]] += 1 if event.kind == STRIKE else -1
    return missing


def open_midi(path: Path, notices: Notices | None = None) -> File:
    """Open a MIDI file.

    Args:
        path: of the file.
        notices: receive a report of each fault; faults are ignored silently when `None`.

    Raises:
        ValueError: no MIDI file, or one whose unit of time is unknown.
    """
    path = Path(path)
    notices = Notices(path) if notices is None else notices
    content = read_limited(path, MOST_BYTES)
    try:
        header = read_header(content, notices)
        unit, has_beats = _unit_of(header)
    except ValueError as error:
        raise ValueError(f"{path.name}: expected a MIDI file, got: {error}") from None
    content = content[: header.limit]
    tracks = [
        _TrackReader(content, number, notices).read(start, end)
        for number, (start, end) in enumerate(find_tracks(content, header, notices), start=1)
    ]
    if not tracks:
        raise ValueError(f"{path.name}: expected a MIDI file, got: one without a track")
    tracks = tracks if has_beats else [_without_tempi(track) for track in tracks]
    return _as_one_piece(File(header.kind, unit, tracks, has_beats), notices)


def _unit_of(header: Header) -> tuple[int | Fraction, bool]:
    """Return the ticks of a quarter, or of half a second; and whether ticks divide the beat.

    Raises:
        ValueError: a division that is neither.
    """
    if 0 < header.division < SMPTE:
        return header.division, True
    frames, ticks = FRAME_RATES.get(256 - (header.division >> 8)), header.division & 0xFF
    if frames is None or not ticks:
        raise ValueError(f"one of an unknown unit of time, 0x{header.division:04X}")
    half_second = frames * ticks / 2
    return int(half_second) if half_second.denominator == 1 else half_second, False


def _without_tempi(track: Track) -> Track:
    return replace(track, events=[event for event in track.events if event.kind != TEMPO])


def _as_one_piece(file: File, notices: Notices) -> File:
    """Return a file as of type 0 or 1: of a type 2, the first track that has notes."""
    if file.kind > 2:
        notices.fault(f"the unknown type {file.kind} is read as type 1")
        return replace(file, kind=1)
    if file.kind < 2:
        return file
    sounding = [track for track in file.tracks if track.notes]
    if len(sounding) > 1:
        notices.remark(
            f"the first of {len(sounding)} pieces is read: in a file of type 2 each track is a "
            "piece of its own"
        )
    return replace(file, kind=0, tracks=[*sounding, *file.tracks][:1])


class _EarlyEndError(Exception):
    """The rest of a track cannot be parsed."""


class _TrackReader:
    """Reads the events of a track.

    Args:
        content: the whole file.
        number: of the track, counted from 1.
        notices: receive a report of each fault.
    """

    def __init__(self, content: bytes, number: int, notices: Notices):
        self.content = content
        self.number = number
        self.notices = notices
        self.at = self.end = self.tick = 0
        self.events: list[Event] = []
        self.ended = False
        self.running: int | None = None  # the status of messages without one of their own
        self.interrupted = False  # whether it has lapsed, by the standard

    def read(self, start: int, end: int) -> Track:
        """Return the track with its data between two offsets."""
        self.at, self.end = start, end
        try:
            while self.at < self.end and not self.ended:
                self.tick += self._number()
                self._event()
            if not self.ended:
                raise _EarlyEndError("a track has no end")
        except _EarlyEndError as why:
            self._say(str(why))
        track = Track(self.number, self.events, self.tick)
        for _ in range(track.unreleased * self.ended):  # else an early end has been reported
            what = "a note that is never released lasts to the end of its track"
            self.notices.fault(what, f"track {self.number}")
        return track

    def _say(self, why: str) -> None:
        """Report why a track is not read to its end."""
        if self.at >= self.end == len(self.content):
            why = "the file ends in the middle of a track, which is read as far as it goes"
        elif self.at < self.end:
            why = f"{why}: the rest of the track is left out"
        self.fault(why, self.at)

    def fault(self, what: str, at: int) -> None:
        self.notices.fault(what, f"track {self.number}, byte {at}")

    def _byte(self) -> int:
        if self.at >= self.end:
            raise _EarlyEndError("a track ends within an event")
        self.at += 1
        return self.content[self.at - 1]

    def _number(self) -> int:
        """Read a variable-length quantity: one to four bytes, all but the last above 127."""
        value = 0
        for _ in range(LONGEST_NUMBER):
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        self.at -= LONGEST_NUMBER
        raise _EarlyEndError(f"a number of more than {LONGEST_NUMBER} bytes")

    def _event(self) -> None:
        """Read an event."""
        status = self._byte()
        if status == META:
            self._meta()
            self.interrupted = True
        elif status in SYSEX:
            self._skip(self._number())
            self.interrupted = True
        elif status > SYSEX[0]:
            self._skip(DATA_BYTES[status])
            self.fault("messages that have no place in a file are left out", self.at)
        else:
            self._message(status)

    def _message(self, status: int) -> None:
        """Read a channel message; one without a status of its own has that of the last one."""
        if status < 0x80:
            self.at -= 1
            if self.running is None:
                raise _EarlyEndError("data without a status")
            if self.interrupted:
                what = "a status is missing after a meta or system exclusive event"
                self.fault(f"{what}: the last one is taken", self.at)
            status = self.running
        self.running, self.interrupted = status, False
        self._channel_event(status, [self._byte() for _ in range(DATA_BYTES[status])])

    def _channel_event(self, status: int, data: list[int]) -> None:
        kind, channel = KINDS.get(status & 0xF0), status & 0x0F
        if kind is None:
            return
        first, *second = data
        if first > HIGHEST:
            self.fault("messages of a pitch or number above 127 are left out", self.at - len(data))
            return
        if second and second[0] > HIGHEST:
            what = "velocities" if kind in (STRIKE, RELEASE) else "values"
            self.fault(f"{what} above {HIGHEST} are read as {HIGHEST}", self.at - 1)
            second = [HIGHEST]
        if kind == STRIKE and second == [0]:
            kind = RELEASE
        self.events.append(Event(self.tick, kind, channel, (first, *second)))

    def _skip(self, length: int) -> int:
        """Skip bytes; return the offset of the first one."""
        start = self.at
        if start + length > self.end:
            raise _EarlyEndError("a track ends within an event")
        self.at += length
        return start

    def _meta(self) -> None:
        at, kind = self.at - 1, self._byte()
        length = self._number()
        start = self._skip(length)
        if kind == END_OF_TRACK:
            self.ended = True
        if kind not in META_READERS:
            return
        name, read = META_READERS[kind]
        try:
            value = read(self.content[start : self.at])
        except ValueError as error:
            self.fault(f"{error} is left out", at)
        else:
            self.events.append(Event(self.tick, name, -1, value))
