"""What MIDI files hold, as mido reads them: notes in ticks, tempi, pedals, signatures."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path

import mido
from mido.midifiles.meta import KeySignatureError

from bach_tf._basics.choices import shortened
from bach_tf._basics.files import read_limited
from bach_tf.formats.midi.numbers import check_numbers

PERCUSSION = 9  # the channel, counted from 0
MOST_TRACKS = 0x7FFF  # mido takes more for a negative number, and reads none of them
SMPTE = 0x8000  # a division with this bit set counts film frames, not beats
SHORTEST_BEAT = 64  # of a time signature; a damaged file can have the 2**255th
# Of a file: the largest of pianists and orchestras have less than half of it, and mido needs two
# seconds for a megabyte.
MOST_BYTES = 2_000_000
MAGIC = b"MThd"  # what every MIDI file begins with

FIRST_TEMPO = 500_000  # microseconds a quarter where the file says none: 120 quarters a minute
SUSTAIN_PEDAL = 64  # the controller
PART_CONTROLLERS = {7: "volume", 10: "pan"}
PEDAL_DOWN = 64  # the lowest value at which it holds the notes

# Major keys from seven flats to seven sharps: the names that a key signature may have.
MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYS = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
SHARPS = {key: sharps for sharps, key in enumerate(MAJOR_KEYS, start=-7)} | {
    f"{key}m": sharps for sharps, key in enumerate(MINOR_KEYS, start=-7)
}


def open_midi(path: Path) -> mido.MidiFile:
    """Return the file as mido reads it.

    Raises:
        ValueError: not a MIDI file, a damaged one, or one that does not count in beats.
    """
    path = Path(path)
    content = read_limited(path, MOST_BYTES)
    stream = io.BytesIO(content)
    try:
        _check_what_mido_does_not(content)
        file = mido.MidiFile(file=stream)
    except (EOFError, OSError, ValueError, LookupError, KeySignatureError) as error:
        got = _what_came(error, stream.tell(), len(content))
        raise ValueError(f"{path.name}: expected a MIDI file, got: {got}") from error
    if not 0 < file.ticks_per_beat < SMPTE or file.type not in (0, 1):
        raise ValueError(
            f"{path.name}: expected a MIDI file of type 0 or 1 that counts in beats, got type "
            f"{file.type} with division {file.ticks_per_beat}"
        )
    return file


def _check_what_mido_does_not(content: bytes) -> None:
    if not content:
        raise ValueError("an empty file")
    if not content.startswith(MAGIC):
        raise ValueError(f"one that begins with {content[:8]!r} instead of {MAGIC!r}")
    tracks = int.from_bytes(content[10:12], "big")
    if tracks > MOST_TRACKS:
        raise ValueError(f"a header of {tracks} tracks")
    check_numbers(content, tracks)


def _what_came(error: Exception, at: int, size: int) -> str:
    """Return in words what mido, which had read `at` bytes of `size`, stumbled over."""
    if isinstance(error, EOFError):
        return f"an end after {size} bytes, in the middle of a track or before one"
    if isinstance(error, LookupError):  # the message is the key or nothing that a user knows
        return f"a message with a value that does not exist, or without its end, before byte {at}"
    got = shortened(str(error) or type(error).__name__)
    return f"{got}, before byte {at}" if at else got


def _timed(track: mido.MidiTrack) -> Iterator[tuple[int, mido.Message | mido.MetaMessage]]:
    """Yield the messages of a track with their ticks since its beginning."""
    now = 0
    for message in track:
        now += message.time
        yield now, message


def merged(file: mido.MidiFile) -> list[tuple[int, mido.Message | mido.MetaMessage]]:
    """Return the messages of all tracks with their ticks, in the order in which they come."""
    return sorted(chain.from_iterable(map(_timed, file.tracks)), key=itemgetter(0))


def last_tick(file: mido.MidiFile) -> int:
    """Return the tick at which the longest track ends."""
    return max((sum(message.time for message in track) for track in file.tracks), default=0)


def notes_by_channel(track: mido.MidiTrack) -> dict[int, list[tuple[int, int, int, int]]]:
    """Return the notes of each channel: start and end in ticks, pitch, velocity.

    A pitch that is struck again while it sounds waits for two releases. The first is taken for
    the earlier note's, and the second ends the later one; so does the first if there is no
    second before the pitch is struck once more, as in files that release a pitch only once.
    """
    notes = defaultdict(list)
    # {(channel, pitch): (start, end or None, pitch, velocity)}, the latest
    struck: dict[tuple[int, int], tuple[int, int | None, int, int]] = {}
    unreleased = Counter()
    now = 0
    for now, message in _timed(track):
        if message.type == "program_change":
            notes[message.channel] += []  # a voice, even if it never sounds
        if message.type not in ("note_on", "note_off"):
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            if key in struck:
                notes[message.channel].append(_ended(struck[key], now))
            struck[key] = (now, None, message.note, message.velocity)
            unreleased[key] += 1
        elif unreleased[key]:
            start, _, pitch, velocity = struck[key]
            struck[key] = (start, now, pitch, velocity)
            unreleased[key] -= 1
    for (channel, _), note in struck.items():
        notes[channel].append(_ended(note, now))
    return notes


def _ended(note: tuple, now: int) -> tuple[int, int, int, int]:
    start, end, pitch, velocity = note
    return start, now if end is None else end, pitch, velocity


def clock_of(path: Path, file: mido.MidiFile) -> Callable[[int], int]:
    """Return what gives the time at a tick, in microseconds times the ticks of a quarter.

    These are whole numbers, so that a long file does not drift.
    """
    starts, times, tempi = [0], [0], [FIRST_TEMPO]
    for tick, message in merged(file):
        if message.type == "set_tempo":
            if message.tempo < 1:
                raise ValueError(
                    f"{path.name}: expected tempi of at least 1 microsecond a quarter, got 0"
                )
            times.append(times[-1] + (tick - starts[-1]) * tempi[-1])
            starts.append(tick)
            tempi.append(message.tempo)

    def clock(tick: int) -> int:
        last = bisect_right(starts, tick) - 1
        return times[last] + (tick - starts[last]) * tempi[last]

    return clock


def pedal_spans(file: mido.MidiFile, ticks: int) -> dict[int, list[tuple[int, int]]]:
    """Return from where to where the sustain pedal of each channel is down, in ticks."""
    spans, down = defaultdict(list), {}
    for tick, message in merged(file):
        if message.type != "control_change" or message.control != SUSTAIN_PEDAL:
            continue
        if message.value >= PEDAL_DOWN:
            down.setdefault(message.channel, tick)
        elif message.channel in down:
            spans[message.channel].append((down.pop(message.channel), tick))
    for channel, tick in down.items():
        spans[channel].append((tick, ticks))
    return spans


def metres(file: mido.MidiFile, steps_per_quarter: int) -> list[tuple[int, int, int]]:
    """Return the time signatures that can be, with bars of at least a step of the grid.

    A file can also say 0/4, 4 over the 255th power of 2, or 1/64, where steps are sixteenths.

    Returns:
        tick, beats and note value of each; of those at one tick the first.
    """
    found = {}
    for tick, message in merged(file):
        if message.type == "time_signature":
            beats, value = message.numerator, message.denominator
            if value <= SHORTEST_BEAT and 4 * steps_per_quarter * beats >= value:
                found.setdefault(tick, (tick, beats, value))
    return list(found.values())


def tempi(file: mido.MidiFile) -> list[tuple[int, float]]:
    """Return tick and quarters a minute of each tempo; those of MIDI where the file says none."""
    found = {
        # The microseconds of a file are whole: 90 quarters a minute come back as 89.99996.
        tick: (tick, round(mido.tempo2bpm(message.tempo), 3))
        for tick, message in merged(file)
        if message.type == "set_tempo" and message.tempo > 0
    }
    return list(found.values()) or [(0, mido.tempo2bpm(FIRST_TEMPO))]


def first_choices(
    messages: Iterable[mido.Message | mido.MetaMessage],
) -> dict[int, dict[str, int]]:
    """Return the program, volume and pan that each channel is given first: the fields of `Part`."""
    choices = defaultdict(dict)
    for message in messages:
        if message.type == "program_change":
            choices[message.channel].setdefault("program", message.program)
        elif message.type == "control_change" and message.control in PART_CONTROLLERS:
            name = PART_CONTROLLERS[message.control]
            choices[message.channel].setdefault(name, message.value)
    return choices


def key_signature(file: mido.MidiFile) -> int | None:
    """Return the sharps (flats are negative) of the first key signature."""
    for message in chain.from_iterable(file.tracks):
        if message.type == "key_signature":
            return SHARPS.get(message.key)
    return None
