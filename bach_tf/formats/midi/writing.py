"""Scores into MIDI files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido

from bach_tf.formats.midi.events import MAJOR_KEYS, PERCUSSION
from bach_tf.score import Score
from bach_tf.theory.instruments import check_style

TICKS_PER_QUARTER = 480  # about: a whole number of ticks a step
TEMPO_QPM = 90.0
CHURCH_ORGAN = 19
CHANNELS = [channel for channel in range(16) if channel != PERCUSSION]


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
    check_style(tempo_qpm, program)
    ticks_per_step = max(1, TICKS_PER_QUARTER // score.steps_per_quarter)
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_step * score.steps_per_quarter)
    file.tracks.append(_conductor_track(score, tempo_qpm, ticks_per_step))
    for voice in range(score.voices):
        name = voice_names[voice] if voice < len(voice_names) else f"voice {voice + 1}"
        file.tracks.append(_voice_track(score, voice, name, program, ticks_per_step))
    file.save(path)


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


def _latin(text: str) -> str:
    """Return the text as far as a MIDI file can hold it."""
    return text.encode("latin-1", "replace").decode("latin-1")
