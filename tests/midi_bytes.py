"""MIDI files out of bytes and of notes, as people have them."""

import struct

import mido

NOTE = "00 903c50 8360 803c40"  # a quarter of C4, nine bytes
TRACKS_BEGIN = 14  # the bytes of a header
DATA_BEGIN = TRACKS_BEGIN + 8  # the first byte of the first track's data

# Eight quarters in four voices.
PHRASE = {
    "Soprano": (67, 69, 71, 72, 71, 69, 67, 67),
    "Alto": (62, 62, 62, 64, 62, 62, 62, 62),
    "Tenor": (59, 57, 55, 55, 55, 57, 59, 59),
    "Bass": (55, 54, 55, 48, 50, 50, 55, 43),
}
QUARTER = 480  # ticks


def chunk(data, name=b"MTrk"):
    """Return a chunk of a file."""
    return name + struct.pack(">L", len(data)) + data


def header(tracks, kind=1, division=QUARTER):
    """Return the chunk with which a file begins."""
    return chunk(struct.pack(">HHH", kind, tracks, division), b"MThd")


def file_bytes(*tracks, kind=1, division=QUARTER):
    """Return a MIDI file of tracks of events in hexadecimal, each ended."""
    chunks = [chunk(bytes.fromhex(track + "00 ff2f00")) for track in tracks]
    return header(len(chunks), kind, division) + b"".join(chunks)


def meta(kind, **about):
    return mido.MetaMessage(kind, **about)


def struck(pitches, starts=None, lengths=None, channel=0, velocity=80):
    """Return the events of notes as (tick, message), quarters unless said."""
    starts = [QUARTER * number for number in range(len(pitches))] if starts is None else starts
    lengths = [QUARTER] * len(pitches) if lengths is None else lengths
    about = {"channel": channel, "velocity": velocity}
    ons = [(t, mido.Message("note_on", note=p, **about)) for t, p in zip(starts, pitches)]
    ends = [start + length for start, length in zip(starts, lengths)]
    offs = [(t, mido.Message("note_off", note=p, **about)) for t, p in zip(ends, pitches)]
    return [*ons, *offs]


def save(path, *tracks, kind=1, end=0):
    """Write a file of tracks of (tick, message), in names of UTF-8; return its path.

    At one tick what is said comes first, then releases, then strikes, each in the given order.
    """
    file = mido.MidiFile(type=kind, ticks_per_beat=QUARTER, charset="utf-8")
    order = {"note_off": 1, "note_on": 2}
    for track in tracks:
        now = 0
        written = mido.MidiTrack()
        for tick, message in sorted(track, key=lambda e: (e[0], order.get(e[1].type, 0))):
            written.append(message.copy(time=tick - now))
            now = tick
        written.append(meta("end_of_track", time=max(0, end - now)))
        file.tracks.append(written)
    file.save(path)
    return path


def set_up(*events, tempo=500_000, metre=(4, 4), name=""):
    """Return the events of a first track: a name, a metre, a tempo and what more there is."""
    beats, value = metre
    return [
        (0, meta("track_name", name=name)),
        (0, meta("time_signature", numerator=beats, denominator=value)),
        (0, meta("set_tempo", tempo=tempo)),
        *events,
    ]


def part(name, *events, notes=None, channel=0, **how):
    """Return the events of a named track: those of the phrase's voice unless others are given."""
    pitches = PHRASE[name] if notes is None else notes
    return [(0, meta("track_name", name=name)), *events, *struck(pitches, channel=channel, **how)]


def choir(**how):
    """Return the tracks of the phrase, a voice each."""
    return [part(name, channel=number, **how) for number, name in enumerate(PHRASE)]
