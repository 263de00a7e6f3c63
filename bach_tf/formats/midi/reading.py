"""Scores from MIDI files: on a grid of beats, or of milliseconds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path

import mido

from bach_tf.formats.midi.events import (
    PERCUSSION,
    clock_of,
    first_choices,
    key_signature,
    last_tick,
    merged,
    metres,
    notes_by_channel,
    open_midi,
    pedal_spans,
    tempi,
)
from bach_tf.score import (
    MOST_VOICES,
    PERFORMANCE_TEMPO_QPM,
    SECONDS,
    STEPS_PER_QUARTER,
    Part,
    Score,
    move_places,
)

# Hours; a damaged file can claim to last for years.
LONGEST_QUARTERS = 25_000
LONGEST_SECONDS = 6 * 3600

STEPS_PER_SECOND = 125  # of performances: 8 ms each
MICROSECONDS = 1_000_000  # in a second


def read_midi(path: Path, steps_per_quarter: int = STEPS_PER_QUARTER) -> Score:
    """Read a score; notes are moved to the nearest step of the grid.

    Each channel of each track that has notes or chooses an instrument is a voice, in the order
    of the file, and has its part's name, first instrument, volume and pan. Percussion is left out.
    A note that is never released ends with its track, and one that is struck again in its voice
    ends there. Tempi and metres are kept with their places, the key signature is the first.

    Args:
        path: of the file.
        steps_per_quarter: the grid.

    Raises:
        ValueError: not a MIDI file, a damaged one, one that does not count in beats, one
            longer than `LONGEST_QUARTERS`, or one of more than `MOST_VOICES`.

    Example:
        >>> score = read_midi(Path("prelude.mid"), steps_per_quarter=12)  # doctest: +SKIP
    """
    return to_score(open_midi(path), path, steps_per_quarter)


def to_score(file: mido.MidiFile, path: Path, steps_per_quarter: int = STEPS_PER_QUARTER) -> Score:
    """Return the score of an open file, as `read_midi` does."""
    ticks = last_tick(file)
    if ticks > LONGEST_QUARTERS * file.ticks_per_beat:
        raise ValueError(
            f"{path.name}: expected at most {LONGEST_QUARTERS} quarters, got a longer file"
        )
    voices = [
        (track, channel, notes)
        for track in file.tracks
        for channel, notes in sorted(notes_by_channel(track).items())
        if channel != PERCUSSION
    ]
    if len(voices) > MOST_VOICES:
        raise ValueError(f"{path.name}: expected at most {MOST_VOICES} voices, got {len(voices)}")

    def to_step(tick: int) -> int:
        return round(tick * steps_per_quarter / file.ticks_per_beat)

    notes = [(*note, voice) for voice, (*_, notes) in enumerate(voices) for note in notes]
    return _score(
        notes,
        ticks,
        to_step,
        steps_per_quarter=steps_per_quarter,
        title=path.stem,
        tempi=move_places(tempi(file), to_step),
        metres=move_places(metres(file, steps_per_quarter), to_step),
        key_signature=key_signature(file),
        parts=_parts(file, [(track, channel) for track, channel, _ in voices]),
    )


def _parts(file: mido.MidiFile, voices: list[tuple[mido.MidiTrack, int]]) -> list[Part]:
    """Return the part of each voice, a channel of a track.

    What a track does not choose holds as another one chooses it for its channel; a channel
    without an instrument has the first of the file.
    """
    anywhere = first_choices(message for _, message in merged(file))
    first = next(iter(_programs(file)), None)
    parts = []
    for track, channel in voices:
        name = next((message.name for message in track if message.type == "track_name"), "")
        here = {"program": first} | anywhere[channel] | first_choices(track)[channel]
        parts.append(Part(name.strip(), **here))
    return parts


def read_midi_seconds(path: Path, steps_per_second: int = STEPS_PER_SECOND) -> Score:
    """Read a performance: notes are where they sound, in steps of 8 ms, whatever the beat.

    All notes are of one voice, in which no two notes of a pitch overlap. A note that is
    released while the sustain pedal of its channel is down lasts until the pedal is lifted or
    its pitch is struck again, as in Oore et al. 2018 (arXiv 1808.03715). Percussion is left out.

    Args:
        path: of the file.
        steps_per_second: a multiple of 5.

    Returns:
        A score that sounds as the file does at `PERFORMANCE_TEMPO_QPM`: with 100 steps a
        quarter for 125 steps a second. It has the first instrument, and no tempi or metres.

    Raises:
        ValueError: not a MIDI file, a damaged one, one that does not count in beats, or one
            longer than `LONGEST_SECONDS`.

    Example:
        >>> score = read_midi_seconds(Path("sonata.mid"))  # doctest: +SKIP
    """
    return to_performance(open_midi(path), path, steps_per_second)


def to_performance(
    file: mido.MidiFile, path: Path, steps_per_second: int = STEPS_PER_SECOND
) -> Score:
    """Return the performance of an open file, as `read_midi_seconds` does."""
    steps_per_quarter, rest = divmod(steps_per_second * 60, PERFORMANCE_TEMPO_QPM)
    if steps_per_second < 1 or rest:
        raise ValueError(
            f"`steps_per_second` must be a positive multiple of 5. Received: {steps_per_second}"
        )
    ticks = last_tick(file)
    clock = clock_of(path, file)
    per_second = MICROSECONDS * file.ticks_per_beat  # of the clock
    if clock(ticks) > LONGEST_SECONDS * per_second:
        raise ValueError(
            f"{path.name}: expected at most {LONGEST_SECONDS} seconds, got a longer file"
        )
    pedal = pedal_spans(file, ticks)
    notes = [
        (start, _release(end, pedal[channel]), pitch, velocity, 0)
        for track in file.tracks
        for channel, notes in notes_by_channel(track).items()
        if channel != PERCUSSION
        for start, end, pitch, velocity in notes
    ]
    programs = _programs(file)
    return _score(
        notes,
        ticks,
        lambda tick: round(clock(tick) * steps_per_second / per_second),
        steps_per_quarter=steps_per_quarter,
        timing=SECONDS,
        title=path.stem,
        key_signature=key_signature(file),
        parts=[Part(program=program) for program in programs[:1]],
    )


def _programs(file: mido.MidiFile) -> list[int]:
    """Return the instruments that a file chooses, percussion left out, in the order of time."""
    return [
        message.program
        for _, message in merged(file)
        if message.type == "program_change" and message.channel != PERCUSSION
    ]


def _score(notes: list[tuple], ticks: int, to_step: Callable[[int], int], **about) -> Score:
    """Return the score of notes whose start and end are in ticks.

    Args:
        notes: start, end, pitch, velocity, voice of each.
        ticks: in the whole file.
        to_step: gives the step nearest to a tick.
        **about: `title` and the other fields of `Score`.
    """
    on_grid = [(to_step(start), to_step(end), *rest) for start, end, *rest in notes]
    apart = _without_overlaps(on_grid)
    onset, end, pitch, velocity, voice = zip(*apart) if apart else ([],) * 5
    return Score(
        onset=onset,
        duration=[after - before for before, after in zip(onset, end)],
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=max([*end, to_step(ticks)]),
        **about,
    )


def _without_overlaps(notes: list[tuple]) -> list[tuple]:
    """Return the notes, each at least a step long and ended where its voice repeats its pitch.

    Of those that begin together one is left: as long as the longest, as loud as the loudest.
    """
    strikes = defaultdict(dict)  # {(pitch, voice): {onset: (end, velocity)}}
    for onset, end, pitch, velocity, voice in notes:
        others = strikes[pitch, voice]
        other_end, other_velocity = others.get(onset, (onset + 1, 1))
        others[onset] = max(end, other_end), max(velocity, other_velocity)
    apart = []
    for (pitch, voice), by_onset in strikes.items():
        onsets = sorted(by_onset)
        for onset, following in zip_longest(onsets, onsets[1:], fillvalue=math.inf):
            end, velocity = by_onset[onset]
            apart.append((onset, min(end, following), pitch, velocity, voice))
    return apart


def _release(end: int, pedal: list[tuple[int, int]]) -> int:
    """Return when a note is damped whose key is released at `end`."""
    last = bisect_right(pedal, end, key=itemgetter(0)) - 1
    return max(end, pedal[last][1]) if last >= 0 else end
