"""Scores from MIDI files and back, with mido."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import mido
from mido.midifiles.meta import KeySignatureError

from bach_tf.score import STEPS_PER_QUARTER, Score

TICKS_PER_QUARTER = 480  # about: a whole number of ticks a step
TEMPO_QPM = 90.0
CHURCH_ORGAN = 19
PERCUSSION = 9  # the channel, counted from 0
CHANNELS = [channel for channel in range(16) if channel != PERCUSSION]
LONGEST_STEPS = 100_000  # hours; a damaged file can claim to last for years
SMPTE = 0x8000  # a division with this bit set counts film frames, not beats

# Major keys from seven flats to seven sharps: the names that a key signature may have.
MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
MINOR_KEYS = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")
SHARPS = {key: sharps for sharps, key in enumerate(MAJOR_KEYS, start=-7)} | {
    f"{key}m": sharps for sharps, key in enumerate(MINOR_KEYS, start=-7)
}


def write_midi(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = TEMPO_QPM,
    program: int = CHURCH_ORGAN,
    voice_names: Sequence[str] = (),
) -> None:
    """Write a score, each note held until its end: a track for the tempo, one for each voice.

    An upbeat and fermatas have no place in a MIDI file and are lost.

    Args:
        score: at most 15 voices.
        path: of the file.
        tempo_qpm: quarter notes a minute.
        program: General MIDI instrument of all voices, 0..127.
        voice_names: of the tracks; "voice 1" and so on where there are none.

    Raises:
        ValueError: too many voices, or a tempo or program outside what MIDI can say.

    Example:
        >>> write_midi(Score.from_grid([[67, 60]]), Path("two.mid"))  # doctest: +SKIP
    """
    if score.voices > len(CHANNELS):
        raise ValueError(f"Expected at most {len(CHANNELS)} voices. Received: {score.voices}")
    if not 4 <= tempo_qpm <= 1000:
        raise ValueError(f"`tempo_qpm` must be in 4..1000. Received: {tempo_qpm}")
    if not 0 <= program <= 127:
        raise ValueError(f"`program` must be in 0..127. Received: {program}")
    ticks_per_step = max(1, TICKS_PER_QUARTER // score.steps_per_quarter)
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_step * score.steps_per_quarter)
    file.tracks.append(_conductor_track(score, tempo_qpm, ticks_per_step))
    for voice in range(score.voices):
        name = voice_names[voice] if voice < len(voice_names) else f"voice {voice + 1}"
        file.tracks.append(_voice_track(score, voice, name, program, ticks_per_step))
    file.save(path)


def read_midi(path: Path, steps_per_quarter: int = STEPS_PER_QUARTER) -> Score:
    """Read a score; notes are moved to the nearest step of the grid.

    Each channel of each track that has notes or chooses an instrument is a voice, in the order
    of the file. Percussion is left out. A note that is never released ends with its track.

    Args:
        path: of the file.
        steps_per_quarter: the grid.

    Raises:
        ValueError: not a MIDI file, a damaged one, one that does not count in beats, or one
            longer than `LONGEST_STEPS`.
    """
    try:
        file = mido.MidiFile(path)
    except (EOFError, OSError, ValueError, IndexError, KeyError, KeySignatureError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path.name}: expected a MIDI file, got: {reason}") from error
    if not 0 < file.ticks_per_beat < SMPTE or file.type not in (0, 1):
        raise ValueError(
            f"{path.name}: expected a MIDI file of type 0 or 1 that counts in beats, got type "
            f"{file.type} with division {file.ticks_per_beat}"
        )
    ticks = max((sum(message.time for message in track) for track in file.tracks), default=0)
    if ticks * steps_per_quarter > LONGEST_STEPS * file.ticks_per_beat:
        raise ValueError(f"{path.name}: expected at most {LONGEST_STEPS} steps, got a longer file")
    steps_per_tick = steps_per_quarter / file.ticks_per_beat
    notes = []
    for voice, voice_notes in enumerate(_voices(file)):
        for start, end, pitch, velocity in voice_notes:
            onset = round(start * steps_per_tick)
            duration = max(1, round(end * steps_per_tick) - onset)
            notes.append((onset, duration, pitch, voice, velocity))
    onset, duration, pitch, voice, velocity = zip(*notes) if notes else ([],) * 5
    ends = [note[0] + note[1] for note in notes]
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=max([*ends, round(ticks * steps_per_tick)]),
        steps_per_quarter=steps_per_quarter,
        title=path.stem,
        **_signatures(file),
    )


def _conductor_track(score: Score, tempo_qpm: float, ticks_per_step: int) -> mido.MidiTrack:
    beats, value = score.time_signature or (4, 4)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_latin(score.title)))
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo_qpm)))
    track.append(mido.MetaMessage("time_signature", numerator=beats, denominator=value))
    if score.key_signature is not None:
        key = MAJOR_KEYS[score.key_signature + 7]
        track.append(mido.MetaMessage("key_signature", key=key))
    track.append(mido.MetaMessage("end_of_track", time=score.length * ticks_per_step))
    return track


def _voice_track(
    score: Score, voice: int, name: str, program: int, ticks_per_step: int
) -> mido.MidiTrack:
    channel = CHANNELS[voice]
    mine = score.voice == voice
    columns = (score.onset, score.duration, score.pitch, score.velocity)
    events = []
    for onset, duration, pitch, velocity in zip(*(column[mine].tolist() for column in columns)):
        # At one tick a note is released before the next one is struck: False sorts first.
        events.append((onset, True, pitch, velocity))
        events.append((onset + duration, False, pitch, 64))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_latin(name)))
    track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for step, struck, pitch, velocity in sorted(events):
        kind, time = "note_on" if struck else "note_off", (step - now) * ticks_per_step
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=time))
        now = step
    track.append(mido.MetaMessage("end_of_track", time=(score.length - now) * ticks_per_step))
    return track


def _voices(file: mido.MidiFile) -> Iterator[list[tuple[int, int, int, int]]]:
    """Yield for each voice its notes: start and end in ticks, pitch, velocity."""
    for track in file.tracks:
        by_channel = _notes_by_channel(track)
        for channel in sorted(by_channel):
            if channel != PERCUSSION:
                yield by_channel[channel]


def _notes_by_channel(track: mido.MidiTrack) -> dict[int, list[tuple[int, int, int, int]]]:
    notes = defaultdict(list)
    sounding = defaultdict(deque)  # {(channel, pitch): [(start, velocity)]}, the oldest first
    now = 0
    for message in track:
        now += message.time
        if message.type == "program_change":
            notes[message.channel] += []  # a voice, even if it never sounds
        if message.type not in ("note_on", "note_off"):
            continue
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            sounding[key].append((now, message.velocity))
        elif sounding[key]:
            start, velocity = sounding[key].popleft()
            notes[message.channel].append((start, now, message.note, velocity))
    for (channel, pitch), starts in sounding.items():
        notes[channel] += [(start, now, pitch, velocity) for start, velocity in starts]
    return notes


def _signatures(file: mido.MidiFile) -> dict:
    """Return the first time signature and key signature of the file, where it has them."""
    found = {}
    for message in (message for track in file.tracks for message in track):
        if message.type == "time_signature":
            found.setdefault("time_signature", (message.numerator, message.denominator))
        elif message.type == "key_signature":
            found.setdefault("key_signature", SHARPS.get(message.key))
    return found


def _latin(text: str) -> str:
    """Return the text as far as a MIDI file can hold it."""
    return text.encode("latin-1", "replace").decode("latin-1")
