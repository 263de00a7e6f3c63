"""The voices of a MIDI file: its sounding channels, separated where one holds several voices."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import fmean

from bach_tf.formats.midi.contigs import (
    Note,
    cut_at_next,
    has_voices,
    is_line,
    most_at_once,
    separate,
)
from bach_tf.formats.midi.events import PERCUSSION, PROGRAM, Event, File, TickNote, Track
from bach_tf.formats.midi.metas import NAME, TEXT
from bach_tf.formats.midi.names import REORDERED, order_of
from bach_tf.formats.midi.timeline import choices
from bach_tf.formats.reading import Notices
from bach_tf.score import Part

AS_WRITTEN = "voices as written"  # text in files of bach_tf: tracks after the first are the voices

# Default names that programs give to pieces and tracks.
NO_NAME = re.compile(
    r"|un(titled|named)( ?track)?|(new ?)?(midi ?)?(track|sequence)|cond(uctor)?( ?track)?"
    r"|(control|tempo|master|meta|seq)[ -]?track",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Voice:
    """A voice of a file.

    Args:
        part: who plays it.
        channel: 0..15.
        notes: on a grid, ordered by onset.
    """

    part: Part
    channel: int
    notes: list[Note]


def sounding(file: File) -> list[tuple[Track, int, list[TickNote]]]:
    """Return each channel of each track that has notes, without drums, and its notes."""
    return [
        (track, channel, notes)
        for track in file.tracks
        for channel, notes in sorted(track.notes.items())
        if channel != PERCUSSION
    ]


def check_notes(file: File, notices: Notices) -> None:
    """Check that a file has notes; drums do not count and are reported.

    Raises:
        ValueError: no notes; the message names the drums, if any.
    """
    drums = ", ".join(filter(None, map(_drums_of, file.tracks)))
    if not sounding(file):
        raise ValueError("expected notes, got none" + (f" but drums: {drums}" if drums else ""))
    if drums:
        notices.remark(f"drums are left out: {drums}")


def _drums_of(track: Track) -> str:
    """Describe the drums of a track; "" if there are none."""
    notes = len(track.notes.get(PERCUSSION, []))
    if not notes:
        return ""
    name = _name_of(track)
    strokes = f"{notes} stroke{'s' * (notes != 1)}"
    return f"track {track.number}{f' {name!r}' if name else ''}, {strokes}"


def voices_of(file: File, to_step: Callable[[int], int], notices: Notices) -> list[Voice]:
    """Return the voices of a file, the highest first.

    Each channel of a track is a voice. Where several notes sound together for most of the time, it
    is separated into voices by `contigs.separate`; other polyphony stays as chords of one voice.
    The `notices` report both, with the number of voices, and changes of instrument, which a voice
    cannot have. In a melody played legato each note ends where the next begins. Files written by
    bach_tf may state that their tracks are the voices.

    Args:
        file: the open file.
        to_step: converts a tick to the nearest step.
        notices: of the file.
    """
    if is_as_written(file):
        return [_voice_as_written(file, track, to_step) for track in file.tracks[1:]]
    voices: list[Voice] = []
    for track, channel, notes in sounding(file):
        where = f"track {track.number}, channel {channel + 1}"
        part = part_of(file, track, channel, min(note[0] for note in notes))
        lines = _lines([Note(to_step(s), to_step(e), *rest) for s, e, *rest in notes])
        _tell_of_polyphony(lines, where, notices)
        _tell_of_other_instruments(file, channel, notes, part, where, notices)
        parts = _numbered(part, len(lines))
        voices += [Voice(part, channel, line) for part, line in zip(parts, lines)]
    means = [fmean(note.pitch for note in voice.notes) for voice in voices]
    order = order_of([voice.part.name for voice in voices], means)
    if order != sorted(order):
        notices.remark(REORDERED)
    return [voices[number] for number in order]


def _tell_of_polyphony(lines: Sequence[Sequence[Note]], where: str, notices: Notices) -> None:
    """Report voices that were separated, and chords that were not."""
    if len(lines) > 1:
        notices.remark(f"{len(lines)} voices of {where} were separated by contig mapping")
    elif (most := most_at_once(lines[0])) > 1:
        notices.remark(f"chords of up to {most} notes in {where} stay in one voice")


def _tell_of_other_instruments(
    file: File, channel: int, notes: Sequence[TickNote], part: Part, where: str, notices: Notices
) -> None:
    """Report instruments that a channel changes to while it has notes to come."""
    first, last = min(note[0] for note in notes), max(note[0] for note in notes)
    others = [
        event.value[0]
        for event in file.events
        if event.kind == PROGRAM and event.channel == channel and first < event.tick <= last
    ]
    others = [program for program in dict.fromkeys(others) if program != part.program]
    if others:
        named = ", ".join(map(str, others))
        what = f"a part has one instrument: {part.program} is kept, changes to {named} are left out"
        notices.remark(what, where)


def is_as_written(file: File) -> bool:
    """Return whether a file states that its tracks are its voices."""
    first = file.tracks[0].events
    return any(event.kind == TEXT and event.value == AS_WRITTEN for event in first)


def _voice_as_written(file: File, track: Track, to_step: Callable[[int], int]) -> Voice:
    channel = next((event.channel for event in track.events if event.channel >= 0), 0)
    ticked = track.notes.get(channel, [])
    notes = without_overlaps([Note(to_step(s), to_step(e), *rest) for s, e, *rest in ticked])
    first = min((start for start, *_ in ticked), default=0)
    return Voice(part_of(file, track, channel, first), channel, notes)


def _lines(notes: Sequence[Note]) -> list[list[Note]]:
    """Return the voices of a channel's notes."""
    apart = without_overlaps(notes)
    if is_line(apart):
        return [cut_at_next(apart)]
    if not has_voices(apart):
        return [apart]
    lines = separate(apart)
    struck = Counter((note.onset, note.pitch) for note in notes)
    unisons = [note for note in apart if struck[note.onset, note.pitch] > 1]
    if not unisons:
        return lines
    in_unison = separate(sorted([*apart, *unisons]))
    # Doublings of a sound are not a voice; a unison of two voices does not add one.
    return in_unison if len(in_unison) == len(lines) else lines


def reads_as_written(voices: Sequence[Sequence[Note]], parts: Sequence[Part]) -> bool:
    """Return whether `voices_of` would recover voices that are written as a track each.

    Args:
        voices: the notes of each.
        parts: of the voices.
    """
    if not all(voices) or any(_lines(notes) != [list(notes)] for notes in voices):
        return False
    means = [fmean(note.pitch for note in notes) for notes in voices]
    return order_of([part.name for part in parts], means) == list(range(len(voices)))


def _numbered(part: Part, voices: int) -> list[Part]:
    if voices == 1 or not part.name:
        return [part] * voices
    return [replace(part, name=f"{part.name} {number + 1}") for number in range(voices)]


def part_of(file: File, track: Track, channel: int, tick: int) -> Part:
    """Return the part of a channel of a track.

    Settings that the track does not make are taken from other tracks with the same channel; a
    channel without an instrument has the first one of the file.

    Args:
        file: the open file.
        track: that has its notes.
        channel: 0..15.
        tick: of its first note.
    """
    first = next((e.value[0] for e in file.events if _is_instrument(e)), None)
    about = {"program": first} | choices(file.events, channel, tick)
    about |= choices(track.events, channel, tick)
    # The name of an only track is the title.
    shared = file.kind == 0 and len(track.notes) > 1
    return Part("" if shared else _name_of(track), **about)


def _is_instrument(event: Event) -> bool:
    return event.kind == PROGRAM and event.channel != PERCUSSION


def _name_of(track: Track) -> str:
    names = [event for event in track.events if event.kind == NAME]
    names = [event for event in names if not NO_NAME.fullmatch(event.value)]
    # Of several at the same tick the last one holds, as for all events.
    return next((event.value for event in reversed(names) if event.tick == names[0].tick), "")


def title_of(file: File) -> str:
    """Return the title: the name of the first track, if it has no notes or is the only one."""
    first = file.tracks[0]
    return "" if file.kind and first.notes else _name_of(first)


def without_overlaps(notes: Iterable[Note]) -> list[Note]:
    """Return the notes, each at least one step long and cut where its pitch is struck again.

    Notes of the same pitch and onset are merged into one with the longest duration and the highest
    velocity.
    """
    strikes: dict[int, dict[int, Note]] = defaultdict(dict)  # {pitch: {onset: note}}
    for note in notes:
        other = strikes[note.pitch].get(note.onset, note)
        end = max(note.end, other.end, note.onset + 1)
        loudest = max(note.velocity, other.velocity)
        strikes[note.pitch][note.onset] = note._replace(end=end, velocity=loudest)
    apart = []
    for by_onset in strikes.values():
        onsets = sorted(by_onset)
        for onset, following in zip_longest(onsets, onsets[1:]):
            note = by_onset[onset]
            end = note.end if following is None else min(note.end, following)
            apart.append(note._replace(end=end))
    return sorted(apart)
