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
    """Read a score, rounding notes to the nearest step of the grid.

    Each channel of each track that has notes is a voice, or several; see `voices.voices_of`.
    Voices are ordered from the highest to the lowest by name, else by mean pitch, and carry the
    name, instrument, volume and pan of their part. Drums are left out. A note that is never
    released ends with its track; one that is struck again in its voice ends there. Tempi and metres
    are kept, and a short first bar is an upbeat. Of several events at the same tick the last one
    holds. Trailing silence is kept up to the bar line.

    Args:
        path: of the file.
        steps_per_quarter: the grid.
        notices: receive a report of what was repaired, left out or chosen.

    Raises:
        ValueError: not a MIDI file, a file in seconds, without notes, longer than
            `LONGEST_QUARTERS`, or with more than `MOST_VOICES` voices.

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
    """Return the score of an open file, as `read_midi` does.

    Args:
        file: the open file.
        path: of the file.
        steps_per_quarter: the grid.
        notices: receive a report of what was repaired, left out or chosen.
        note_grid: in the same steps, where notes may begin and end; every step when `None`.
    """
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
    """Return the spans in steps during which the sustain pedal of each voice is down."""
    spans = pedal_spans(file)
    placed = [
        (to_step(start), to_step(end), voice)
        for voice, channel in enumerate(channels)
        for start, end in spans.get(channel, [])
    ]
    return [(start, end, voice) for start, end, voice in placed if start < end]


def check_length(file: File, path: Path) -> None:
    """Check the length of a file.

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
    """Read a performance: notes at their time in steps of 8 ms, independent of the beat.

    All notes form one voice, in which no two notes of the same pitch overlap. A note that is
    released while the sustain pedal of its channel is down lasts until the pedal is lifted or
    its pitch is struck again, as in Oore et al. 2018 (arXiv 1808.03715). Percussion is left out.

    Args:
        path: of the file.
        steps_per_second: a multiple of 5.
        notices: receive a report of what was repaired, left out or chosen.

    Returns:
        A score that sounds like the file at `PERFORMANCE_TEMPO_QPM`: 100 steps per quarter for
        125 steps per second. It has the first instrument, and neither tempi nor metres.

    Raises:
        ValueError: not a MIDI file, without notes, or longer than `LONGEST_SECONDS`.

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
    """Return the conversion from ticks to the nearest step, by the clock.

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
        length: minimum number of steps; notes may extend it.
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
    """Return the tick at which a note is damped if its key is released at `end`."""
    last = bisect_right(pedal, end, key=itemgetter(0)) - 1
    return max(end, pedal[last][1]) if last >= 0 else end
