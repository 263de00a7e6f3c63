"""Scores from MIDI files: on a grid of beats, or of milliseconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from bach_tf.formats.midi.contigs import Note
from bach_tf.formats.midi.events import File, open_midi
from bach_tf.formats.midi.grids import NoteGrid
from bach_tf.formats.midi.timeline import (
    clock_of,
    key_signatures,
    metres_and_upbeat,
    pedal_spans,
    tempi,
)
from bach_tf.formats.midi.voices import (
    check_notes,
    part_of,
    sounding,
    title_of,
    voices_of,
    without_overlaps,
)
from bach_tf.formats.reading import Notices
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
LAST_SILENCE_SECONDS = 2  # of a performance; a longer one is cut


def read_midi(
    path: Path, steps_per_quarter: int = STEPS_PER_QUARTER, notices: Notices | None = None
) -> Score:
    """Read a score; notes are moved to the nearest step of the grid.

    Each channel of each track that has notes is a voice, and several where it has several; see
    `voices.voices_of`. Voices stand from the highest to the lowest, by their names or else by
    their mean pitch, and have their part's name, instrument, volume and pan. Drums are left out.
    A note that is never released ends with its track, and one that is struck again in its voice
    ends there. Tempi and metres are kept with their places, and a short first bar is an upbeat. Of
    several events at one tick the last holds. A silence at the end is kept to the bar line.

    Args:
        path: of the file.
        steps_per_quarter: the grid.
        notices: are told of what was read over, left out or chosen.

    Raises:
        ValueError: no MIDI file, one that does not count in beats, one without notes, one longer
            than `LONGEST_QUARTERS`, or one of more than `MOST_VOICES`.

    Example:
        >>> score = read_midi(Path("prelude.mid"), steps_per_quarter=12)  # doctest: +SKIP
    """
    notices = Notices(path) if notices is None else notices
    return to_score(open_midi(path, notices), path, steps_per_quarter, notices)


def to_score(
    file: File,
    path: Path,
    steps_per_quarter: int = STEPS_PER_QUARTER,
    notices: Notices | None = None,
    note_grid: NoteGrid | None = None,
) -> Score:
    """Return the score of an open file, as `read_midi` does; notes on a grid of their own."""
    notices = Notices(path) if notices is None else notices
    if not file.has_beats:
        raise ValueError(
            f"{path.name}: expected a file that counts in beats, got one that counts seconds. It "
            "can be read as a performance, on the grid `seconds`"
        )
    check_length(file, path)
    _check_notes(file, path, notices)
    grid = NoteGrid(steps_per_quarter) if note_grid is None else note_grid
    quarter = file.ticks_per_quarter

    def to_step(tick: float) -> int:
        return round(tick * steps_per_quarter / quarter)

    voices = voices_of(file, lambda tick: grid.nearest(tick, quarter), notices)
    if len(voices) > MOST_VOICES:
        raise ValueError(f"{path.name}: expected at most {MOST_VOICES} voices, got {len(voices)}")
    key, changes = key_signatures(file)
    metres, upbeat = metres_and_upbeat(file)
    metres = [metre for metre in metres if 4 * steps_per_quarter * metre[1] >= metre[2]]
    score = _score(
        [voice.notes for voice in voices],
        to_step(file.ticks),
        steps_per_quarter=steps_per_quarter,
        title=title_of(file) or path.stem,
        tempi=move_places(tempi(file), to_step),
        metres=move_places(metres, to_step),
        upbeat=to_step(upbeat),
        key_signature=key,
        key_changes=[place for place in move_places(changes, to_step) if place[0] > 0],
        parts=[voice.part for voice in voices],
        pedals=_pedals(file, to_step, [voice.channel for voice in voices]),
    )
    end = int((score.onset + score.duration).max())
    return score.opening(end + score.steps_to_bar_line(end))


def _pedals(
    file: File, to_step: Callable[[int], int], channels: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Return where the sustain pedal of each voice is down, in steps."""
    spans = pedal_spans(file)
    placed = [
        (to_step(start), to_step(end), voice)
        for voice, channel in enumerate(channels)
        for start, end in spans.get(channel, [])
    ]
    return [(start, end, voice) for start, end, voice in placed if start < end]


def check_length(file: File, path: Path) -> None:
    """Check how long a file is.

    Raises:
        ValueError: longer than `LONGEST_QUARTERS`.
    """
    ends = [end for *_, notes in sounding(file) for _, end, *_ in notes]
    if max(ends, default=0) > LONGEST_QUARTERS * file.ticks_per_quarter:
        raise ValueError(
            f"{path.name}: expected at most {LONGEST_QUARTERS} quarters, got a longer file"
        )


def _check_notes(file: File, path: Path, notices: Notices) -> None:
    try:
        check_notes(file, notices)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def read_midi_seconds(
    path: Path, steps_per_second: int = STEPS_PER_SECOND, notices: Notices | None = None
) -> Score:
    """Read a performance: notes are where they sound, in steps of 8 ms, whatever the beat.

    All notes are of one voice, in which no two notes of a pitch overlap. A note that is
    released while the sustain pedal of its channel is down lasts until the pedal is lifted or
    its pitch is struck again, as in Oore et al. 2018 (arXiv 1808.03715). Percussion is left out.

    Args:
        path: of the file.
        steps_per_second: a multiple of 5.
        notices: are told of what was read over, left out or chosen.

    Returns:
        A score that sounds as the file does at `PERFORMANCE_TEMPO_QPM`: with 100 steps a
        quarter for 125 steps a second. It has the first instrument, and no tempi or metres.

    Raises:
        ValueError: no MIDI file, one that does not count in beats, one without notes, or one
            longer than `LONGEST_SECONDS`.

    Example:
        >>> score = read_midi_seconds(Path("sonata.mid"))  # doctest: +SKIP
    """
    notices = Notices(path) if notices is None else notices
    return to_performance(open_midi(path, notices), path, steps_per_second, notices)


def to_performance(
    file: File, path: Path, steps_per_second: int = STEPS_PER_SECOND, notices: Notices | None = None
) -> Score:
    """Return the performance of an open file, as `read_midi_seconds` does."""
    steps_per_quarter, rest = divmod(steps_per_second * 60, PERFORMANCE_TEMPO_QPM)
    if steps_per_second < 1 or rest:
        raise ValueError(
            f"`steps_per_second` must be a positive multiple of 5. Received: {steps_per_second}"
        )
    notices = Notices(path) if notices is None else notices
    _check_notes(file, path, notices)
    to_step = _to_step(file, path, steps_per_second)
    pedal = pedal_spans(file)
    notes = [
        Note(to_step(start), to_step(_release(end, pedal.get(channel, []))), *rest)
        for _, channel, notes in sounding(file)
        for start, end, *rest in notes
    ]
    last = max((note.end for note in notes), default=0)
    length = max(last, min(to_step(file.ticks), last + LAST_SILENCE_SECONDS * steps_per_second))
    programs = [
        part_of(file, track, channel, notes[0][0]).program
        for track, channel, notes in sounding(file)
    ]
    if len(set(programs)) > 1:
        what = f"{len(set(programs))} instruments play one voice of a performance"
        notices.remark(f"{what}: the first one is kept")
    program = programs[0]
    return _score(
        [without_overlaps(notes)],
        length,
        steps_per_quarter=steps_per_quarter,
        timing=SECONDS,
        title=title_of(file) or path.stem,
        key_signature=key_signatures(file)[0],
        parts=[] if program is None else [Part(program=program)],
    )


def _to_step(file: File, path: Path, steps_per_second: int) -> Callable[[int], int]:
    """Return what gives the step nearest to a tick, by the clock.

    Raises:
        ValueError: longer than `LONGEST_SECONDS`.
    """
    clock = clock_of(file)
    per_second = MICROSECONDS * file.ticks_per_quarter  # of the clock
    ends = [end for *_, notes in sounding(file) for _, end, *_ in notes]
    if clock(max(ends, default=0)) > LONGEST_SECONDS * per_second:
        raise ValueError(
            f"{path.name}: expected at most {LONGEST_SECONDS} seconds, got a longer file"
        )
    return lambda tick: round(clock(tick) * steps_per_second / per_second)


def _score(voices: Sequence[Sequence[Note]], length: int, **about) -> Score:
    """Return the score of voices.

    Args:
        voices: the notes of each.
        length: steps, at least; a note may be longer.
        **about: `title` and the other fields of `Score`.
    """
    notes = [(*note, number) for number, voice in enumerate(voices) for note in voice]
    onset, end, pitch, velocity, voice = zip(*notes) if notes else ([],) * 5
    return Score(
        onset=onset,
        duration=[after - before for before, after in zip(onset, end)],
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=max([*end, length]),
        **about,
    )


def _release(end: int, pedal: list[tuple[int, int]]) -> int:
    """Return when a note is damped whose key is released at `end`."""
    last = bisect_right(pedal, end, key=itemgetter(0)) - 1
    return max(end, pedal[last][1]) if last >= 0 else end
