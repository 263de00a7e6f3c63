"""Voice separation by contig mapping.

A contig is a passage with a constant number of sounding notes. Where all voices sound, notes are
assigned from the highest voice to the lowest; from there outwards, each contig is connected to its
neighbour by the smallest leaps, and a held note keeps its voice.

Source: E. Chew, X. Wu: "Separating Voices in Polyphonic Music: A Contig Mapping Approach",
CMMR 2004, LNCS 3310
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

MOST_VOICES = 8  # that can be separated
# Minimum share of the sounding time in which all voices sound, or all but one. In chorales it is
# 0.9; in one hand of a piano part with occasional chords it is lower than this.
USUAL = 0.5
FARTHEST = 32  # contigs searched for the nearest note of a voice


class Note(NamedTuple):
    """A note of a track, on a grid.

    Args:
        onset: the step at which it begins.
        end: the first step after it.
        pitch: MIDI number.
        velocity: 1..127.
    """

    onset: int
    end: int
    pitch: int
    velocity: int


Slice = tuple[int, ...]  # the notes sounding between two changes, the highest first


def is_line(notes: Sequence[Note]) -> bool:
    """Return whether notes form a melody, possibly played legato.

    Consecutive notes may overlap by less than half of the shorter one.

    Args:
        notes: ordered by onset.

    Example:
        >>> is_line([Note(0, 5, 60, 80), Note(4, 9, 62, 80)])
        True
        >>> is_line([Note(0, 8, 60, 80), Note(4, 9, 62, 80)])
        False
    """
    for note, following in pairwise(notes):
        overlap = note.end - following.onset
        shorter = min(note.end - note.onset, following.end - following.onset)
        if note.onset == following.onset or 2 * max(0, overlap) >= shorter:
            return False
    return True


def cut_at_next(notes: Sequence[Note]) -> list[Note]:
    """Return the notes of a melody, each cut where the next one begins.

    If all of them overlap, the last note is shortened by the smallest overlap.

    Example:
        >>> legato = [Note(0, 5, 60, 80), Note(4, 9, 62, 80), Note(8, 13, 64, 80)]
        >>> [note.end for note in cut_at_next(legato)]
        [4, 8, 12]
    """
    overlaps = [note.end - following.onset for note, following in pairwise(notes)]
    # Repeated pitches were already cut at the next strike.
    others = [o for o, (note, after) in zip(overlaps, pairwise(notes)) if note.pitch != after.pitch]
    last = max(0, min(others, default=0))
    return [
        note._replace(end=note.end - max(0, overlap))
        for note, overlap in zip(notes, [*overlaps, last])
    ]


def has_voices(notes: Sequence[Note]) -> bool:
    """Return whether notes form several voices: the full number sounds for most of the time.

    Example:
        >>> duet = [Note(0, 4, 67, 80), Note(0, 4, 60, 80)]
        >>> has_voices(duet), has_voices([*duet, Note(4, 32, 65, 80)])
        (True, False)
    """
    spans: dict[int, int] = {}
    for sounding, length in _timed_slices(notes):
        spans[len(sounding)] = spans.get(len(sounding), 0) + length
    total = sum(spans.values())
    most = max(spans, default=0)
    often = sum(length for number, length in spans.items() if number >= most - 1 and number > 1)
    return 1 < most <= MOST_VOICES and often >= USUAL * total


def most_at_once(notes: Sequence[Note]) -> int:
    """Return how many notes sound together at most.

    Example:
        >>> most_at_once([Note(0, 4, 67, 80), Note(0, 4, 60, 80), Note(4, 8, 59, 80)])
        2
    """
    return max((len(sounding) for sounding, _ in _timed_slices(notes)), default=0)


def separate(notes: Sequence[Note]) -> list[list[Note]]:
    """Separate notes into monophonic voices, the highest first.

    Args:
        notes: without overlaps of the same pitch.

    Example:
        >>> duet = [Note(0, 4, 67, 80), Note(0, 4, 60, 80), Note(4, 8, 59, 80)]
        >>> [[note.pitch for note in voice] for voice in separate(duet)]
        [[67], [60, 59]]
    """
    slices = [sounding for sounding, _ in _timed_slices(notes)]
    contigs = _contigs(slices)
    voices = max(map(len, slices), default=0)
    voice_of: dict[int, int] = {}
    for number in _outwards([len(contig[0]) == voices for contig in contigs]):
        ends = contigs[number][0], contigs[number][-1]
        earlier = contigs[max(0, number - FARTHEST) : number]
        before = _nearest(earlier[::-1], -1, voice_of)
        behind = _nearest(contigs[number + 1 : number + 1 + FARTHEST], 0, voice_of)

        def leaps(rank: int, voice: int, ends=ends, sides=(before, behind)) -> int:
            heard = [(notes[end[rank]].pitch, side.get(voice)) for end, side in zip(ends, sides)]
            known = [abs(pitch - notes[at].pitch) for pitch, at in heard if at is not None]
            return sum(known)

        chosen = _choose(ends, voice_of, leaps, voices)
        for sounding in contigs[number]:
            for note, voice in zip(sounding, chosen):
                voice_of.setdefault(note, voice)
    return _one_at_a_time(notes, voice_of, voices)


def _timed_slices(notes: Sequence[Note]) -> Iterator[tuple[Slice, int]]:
    """Yield the sounding notes between two changes and the number of steps; silence is skipped."""
    begins: dict[int, list[int]] = {}
    for number, note in enumerate(notes):
        begins.setdefault(note.onset, []).append(number)
    times = sorted({*begins, *(note.end for note in notes)})
    sounding: list[int] = []
    for time, following in pairwise(times):
        sounding = [number for number in sounding if notes[number].end > time]
        sounding += begins.get(time, [])
        sounding.sort(key=lambda number: -notes[number].pitch)
        if sounding:
            yield tuple(sounding), following - time


def _contigs(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Group slices into contigs: equal numbers of notes, and no held note changes its rank."""
    contigs: list[list[Slice]] = []
    for sounding in slices:
        before = contigs[-1][-1] if contigs else ()
        held = set(before) & set(sounding)
        same = all(before.index(number) == sounding.index(number) for number in held)
        if len(before) == len(sounding) and same:
            contigs[-1].append(sounding)
        else:
            contigs.append([sounding])
    return contigs


def _outwards(full: Sequence[bool]) -> list[int]:
    """Return the contigs in order of processing: full ones first, then by distance to these.

    Example:
        >>> _outwards([False, False, True, False])
        [2, 1, 3, 0]
    """
    distance = [0 if each else len(full) for each in full]
    for order in (range(1, len(full)), range(len(full) - 2, -1, -1)):
        step = -1 if order.step > 0 else 1
        for number in order:
            distance[number] = min(distance[number], distance[number + step] + 1)
    return sorted(range(len(full)), key=distance.__getitem__)


def _nearest(contigs: Sequence[list[Slice]], side: int, voice_of: dict[int, int]) -> dict[int, int]:
    """Return the nearest note of each voice among contigs that have been assigned.

    Args:
        contigs: the nearest first.
        side: of a contig to search: 0 for its beginning, -1 for its end.
        voice_of: the voices so far; the first unassigned contig ends the search.
    """
    found: dict[int, int] = {}
    for contig in contigs:
        if any(note not in voice_of for note in contig[side]):
            break
        for note in contig[side]:
            found.setdefault(voice_of[note], note)
    return found


def _choose(
    ends: tuple[Slice, Slice],
    voice_of: dict[int, int],
    leaps: Callable[[int, int], int],
    voices: int,
) -> list[int]:
    """Return the voices of a contig's notes, the highest first, minimising the leaps.

    Args:
        ends: the contig's first and last notes.
        voice_of: the voices so far; an assigned note keeps its own.
        leaps: the distance in semitones from a note, by its rank, to a voice.
        voices: number of voices.
    """
    ranks = range(len(ends[0]))
    held = {rank: voice_of[end[rank]] for end in ends for rank in ranks if end[rank] in voice_of}
    free = [voice for voice in range(voices) if voice not in held.values()]
    fresh = [rank for rank in ranks if rank not in held]
    best = min(
        combinations(free, len(fresh)),
        key=lambda chosen: sum(map(leaps, fresh, chosen)),
        default=tuple(fresh),
    )
    chosen = held | dict(zip(fresh, best))
    return [chosen[rank] for rank in ranks]


def _one_at_a_time(
    notes: Sequence[Note], voice_of: dict[int, int], voices: int
) -> list[list[Note]]:
    """Return the notes of each voice; if its voice is busy, a note goes to the nearest free one."""
    lines: list[list[Note]] = [[] for _ in range(voices)]
    for number in sorted(range(len(notes)), key=lambda number: notes[number].onset):
        note, wanted = notes[number], voice_of[number]
        free = [at for at, line in enumerate(lines) if not line or line[-1].end <= note.onset]
        lines[min(free, key=lambda at: abs(at - wanted))].append(note)
    return lines
