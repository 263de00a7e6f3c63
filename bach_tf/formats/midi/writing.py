"""Scores into MIDI files."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import mido

from bach_tf.formats.midi.events import MAJOR_KEYS, PART_CONTROLLERS, PERCUSSION
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Part, Score, Tempo

TICKS_PER_QUARTER = 480  # about: a whole number of ticks a step
SLOWEST_TEMPO = 0xFFFFFF  # microseconds a quarter
CHANNELS = [channel for channel in range(16) if channel != PERCUSSION]


def write_midi(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score, each note held until its end: a track for the tempo, one for each voice.

    Tempi, metres, and the names, instruments, volumes and places of the parts are written too. An
    upbeat and fermatas have no place in a MIDI file and are lost.

    Args:
        score: at most 15 voices.
        path: of the file.
        rendition: says the tempo and the instruments.

    Raises:
        ValueError: too many voices, or a tempo outside what MIDI can say.

    Example:
        >>> write_midi(Score.from_grid([[67, 60]]), Path("two.mid"))  # doctest: +SKIP
    """
    if score.voices > len(CHANNELS):
        raise ValueError(f"Expected at most {len(CHANNELS)} voices. Received: {score.voices}")
    tempo_qpm = rendition.tempo_of(score)
    follows = score.tempi and rendition.tempo_qpm is None
    tempi = score.tempi if follows else [(0, tempo_qpm)]
    ticks_per_step = max(1, TICKS_PER_QUARTER // score.steps_per_quarter)
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_step * score.steps_per_quarter)
    file.tracks.append(_conductor_track(score, tempi, ticks_per_step))
    for voice, part in enumerate(rendition.parts_of(score)):
        file.tracks.append(_voice_track(score, voice, part, ticks_per_step))
    file.save(path)


def _conductor_track(score: Score, tempi: Sequence[Tempo], ticks_per_step: int) -> mido.MidiTrack:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_latin(score.title)))
    placed = [(step, _tempo(qpm)) for step, qpm in tempi]
    for step, beats, value in score.metres or [(0, 4, 4)]:
        metre = mido.MetaMessage("time_signature", numerator=beats, denominator=value)
        placed.append((step, metre))
    if score.key_signature is not None:
        key = MAJOR_KEYS[score.key_signature + 7]
        placed.append((0, mido.MetaMessage("key_signature", key=key)))
    now = 0
    for step, message in sorted(placed, key=itemgetter(0)):
        track.append(message.copy(time=(step - now) * ticks_per_step))
        now = step
    track.append(mido.MetaMessage("end_of_track", time=(score.length - now) * ticks_per_step))
    return track


def _tempo(qpm: float) -> mido.MetaMessage:
    """Return a tempo, or the one nearest to it that a MIDI file can hold."""
    return mido.MetaMessage("set_tempo", tempo=min(max(1, mido.bpm2tempo(qpm)), SLOWEST_TEMPO))


def _voice_track(score: Score, voice: int, part: Part, ticks_per_step: int) -> mido.MidiTrack:
    channel = CHANNELS[voice]
    mine = score.voice == voice
    columns = (score.onset, score.duration, score.pitch, score.velocity)
    events = []
    for onset, duration, pitch, velocity in zip(*(column[mine].tolist() for column in columns)):
        # At one tick a note is released before the next one is struck: False sorts first.
        events.append((onset, True, pitch, velocity))
        events.append((onset + duration, False, pitch, 64))
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=_latin(part.name)))
    track.append(mido.Message("program_change", channel=channel, program=part.program))
    for control, name in PART_CONTROLLERS.items():
        value = getattr(part, name)
        if value is not None:
            message = mido.Message("control_change", channel=channel, control=control, value=value)
            track.append(message)
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
