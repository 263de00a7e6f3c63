"""The voices of a sheet: polyphonic parts are separated, and upside-down parts are reordered.

The rules are those for MIDI files, in `midi.contigs` and `midi.names`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

from bach_tf.formats.midi.contigs import Note, has_voices, most_at_once, separate
from bach_tf.formats.midi.names import REORDERED, order_of
from bach_tf.formats.notation.sheet import TICKS, Head, Sheet
from bach_tf.formats.notation.voices import names_of_voices
from bach_tf.formats.reading import Notices
from bach_tf.score import Part

Voiced = tuple[list[Part], list[Head]]  # parts, and notes with one of them as their voice


def in_voices(sheet: Sheet, notes: Sequence[Head], notices: Notices) -> Voiced:
    """Return the parts and notes of a sheet, with polyphonic parts separated into voices.

    If several notes of a part sound together most of the time, as with a choir on one staff, they
    are separated by contig mapping. Occasional chords, as at the end or where a part divides for a
    bar, stay in one voice.

    Args:
        sheet: what was read.
        notes: with ties joined; notes of one voice and pitch must not overlap.
        notices: report both.
    """
    by_voice: dict[int, list[Head]] = defaultdict(list)
    for note in notes:
        by_voice[note.voice].append(note)
    parts: list[Part] = []
    found: list[Head] = []
    for voice, part in enumerate(sheet.parts):
        lines = _lines(sheet, sorted(by_voice[voice], key=_in_time), notices)
        found += [
            note._replace(voice=len(parts) + number)
            for number, line in enumerate(lines)
            for note in line
        ]
        names = names_of_voices(part.name, len(lines))
        parts += [replace(part, name=name) for name in names]
    return parts, found


def _lines(sheet: Sheet, notes: list[Head], notices: Notices) -> list[list[Head]]:
    """Separate the notes of a part, in order, into voices; the highest comes first."""
    together = next((b for a, b in pairwise(notes) if b.start < a.end), None)
    if together is None:
        return [notes]
    place = sheet.place(together.start, together.voice)
    ticked = {_ticked(note): note for note in notes}
    if not has_voices(list(ticked)):
        most = most_at_once(list(ticked))
        notices.remark(f"chords of up to {most} notes stay in one voice", place)
        return [notes]
    lines = [[ticked[note] for note in line] for line in separate(list(ticked))]
    notices.remark(f"{len(lines)} voices were separated by contig mapping", place)
    return lines


def _ticked(note: Head) -> Note:
    return Note(int(note.start * TICKS), int(note.end * TICKS), note.pitch, note.velocity)


def _in_time(note: Head) -> tuple[float, float, int]:
    return float(note.start), float(note.end), note.pitch


def from_the_highest(voiced: Voiced, notices: Notices) -> Voiced:
    """Return parts and notes in the order of `midi.names.order_of`."""
    parts, notes = voiced
    pitches: list[list[int]] = [[] for _ in parts]
    for note in notes:
        pitches[note.voice].append(note.pitch)
    means = [fmean(each) if each else 0.0 for each in pitches]
    order = order_of([part.name for part in parts], means)
    if order == sorted(order):
        return voiced
    notices.remark(REORDERED)
    to = {voice: place for place, voice in enumerate(order)}
    moved = [note._replace(voice=to[note.voice]) for note in notes]
    return [parts[voice] for voice in order], moved
