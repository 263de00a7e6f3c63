"""Scores into MIDI files."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import itemgetter
from pathlib import Path

import mido

from bach_tf.formats.midi.contigs import Note
from bach_tf.formats.midi.events import HIGHEST, PERCUSSION
from bach_tf.formats.midi.metas import SHORTEST_BEAT
from bach_tf.formats.midi.timeline import (
    PART_CONTROLLERS,
    SUSTAIN_PEDAL,
    UPBEAT,
    begins_with_upbeat,
)
from bach_tf.formats.midi.voices import AS_WRITTEN, reads_as_written
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Metre, Part, Score, Tempo

# Major keys from seven flats to seven sharps: the names that mido has for key signatures.
MAJOR_KEYS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
TICKS_PER_QUARTER = 480  # at most, and a whole number of ticks per step
LARGEST_DIVISION = 0x7FFF  # ticks per quarter in a file's header
SLOWEST_TEMPO = 0xFFFFFF  # microseconds per quarter
NOTE_VALUES, MOST_BEATS = [2**power for power in range(SHORTEST_BEAT + 1)], 255
RELEASED = 64  # release velocity
CHANNELS = [channel for channel in range(16) if channel != PERCUSSION]


def write_midi(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as MIDI of type 1: a conductor track, and one track per voice.

    Notes keep their full duration. Tempi, metres, key signatures, pedals, and the names (in UTF-8),
    instruments, volumes and pans of the parts are included. An upbeat is written as a short first
    bar. Text events for `read_midi` state the upbeat, or that the tracks are the voices, wherever
    it would infer something else. Fermatas are lost: MIDI does not have them.

    Args:
        score: at most 15 voices.
        path: of the file.
        rendition: determines tempo and instruments.

    Raises:
        ValueError: too many voices, or a grid or a tempo that MIDI cannot express.

    Example:
        >>> write_midi(Score.from_grid([[67, 60]]), Path("two.mid"))  # doctest: +SKIP
    """
    if score.voices > len(CHANNELS):
        raise ValueError(f"Expected at most {len(CHANNELS)} voices. Received: {score.voices}")
    tempi = rendition.tempi_of(score)
    ticks_per_step = max(1, TICKS_PER_QUARTER // score.steps_per_quarter)
    division = ticks_per_step * score.steps_per_quarter
    if division > LARGEST_DIVISION:
        raise ValueError(
            f"Expected at most {LARGEST_DIVISION:,} steps per quarter, as MIDI files hold. "
            f"Received: {score.steps_per_quarter:,}"
        )
    file = mido.MidiFile(type=1, ticks_per_beat=division, charset="utf-8")
    parts = rendition.parts_of(score)
    texts = [] if reads_as_written(_notes_of(score), parts) else [AS_WRITTEN]
    file.tracks.append(_conductor_track(score, tempi, texts, ticks_per_step))
    for voice, part in enumerate(parts):
        file.tracks.append(_voice_track(score, voice, part, ticks_per_step))
    file.save(path)


def _notes_of(score: Score) -> list[list[Note]]:
    """Return the notes of each voice."""
    columns = (score.onset, score.onset + score.duration, score.pitch, score.velocity)
    notes: list[list[Note]] = [[] for _ in range(score.voices)]
    for *note, voice in zip(*(column.tolist() for column in (*columns, score.voice))):
        notes[voice].append(Note(*note))
    return notes


def _conductor_track(
    score: Score, tempi: Sequence[Tempo], texts: Sequence[str], ticks_per_step: int
) -> mido.MidiTrack:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=score.title))
    metres = _metres(score)
    is_short = begins_with_upbeat(metres, score.steps_per_quarter)
    if score.upbeat != (metres[1][0] if is_short else 0):  # the bars do not imply it
        texts = [*texts, f"{UPBEAT} {_whole_notes(score)}"]
    track.extend(mido.MetaMessage("text", text=text) for text in texts)
    placed: list[tuple[int, mido.MetaMessage]] = [(step, _tempo(qpm)) for step, qpm in tempi]
    for step, beats, value in metres:
        metre = mido.MetaMessage("time_signature", numerator=beats, denominator=value)
        placed.append((step, metre))
    first = [] if score.key_signature is None else [(0, score.key_signature)]
    for step, sharps in (*first, *score.key_changes):
        placed.append((step, mido.MetaMessage("key_signature", key=MAJOR_KEYS[sharps + 7])))
    now = 0
    for step, message in sorted(placed, key=itemgetter(0)):
        track.append(message.copy(time=(step - now) * ticks_per_step))
        now = step
    track.append(mido.MetaMessage("end_of_track", time=(score.length - now) * ticks_per_step))
    return track


def _whole_notes(score: Score) -> Fraction:
    """Return the length of the upbeat in whole notes."""
    return Fraction(score.upbeat, 4 * score.steps_per_quarter)


def _metres(score: Score) -> list[Metre]:
    """Return the metres for a MIDI file: an upbeat becomes a bar of its own where possible."""
    metres = list(score.metres) or [(0, 4, 4)]
    upbeat = _whole_notes(score)
    value = max(upbeat.denominator, 4)
    ends = metres[1][0] if len(metres) > 1 else score.length + 1
    if metres[0][0] or not 0 < score.upbeat < ends or value not in NOTE_VALUES:
        return metres
    beats = int(upbeat * value)
    if beats > MOST_BEATS:
        return metres
    return [(0, beats, value), (score.upbeat, *metres[0][1:]), *metres[1:]]


def _tempo(qpm: float) -> mido.MetaMessage:
    """Return a tempo, clipped to the range of MIDI."""
    return mido.MetaMessage("set_tempo", tempo=min(max(1, mido.bpm2tempo(qpm)), SLOWEST_TEMPO))


def _voice_track(score: Score, voice: int, part: Part, ticks_per_step: int) -> mido.MidiTrack:
    channel = CHANNELS[voice]
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=part.name))
    track.append(mido.Message("program_change", channel=channel, program=part.program))
    for control, name in PART_CONTROLLERS.items():
        value = getattr(part, name)
        if value is not None:
            message = mido.Message("control_change", channel=channel, control=control, value=value)
            track.append(message)
    now = 0
    for step, _, kind, about in sorted(_voice_events(score, voice), key=itemgetter(0, 1)):
        time = (step - now) * ticks_per_step
        track.append(mido.Message(kind, channel=channel, time=time, **about))
        now = step
    track.append(mido.MetaMessage("end_of_track", time=(score.length - now) * ticks_per_step))
    return track


def _voice_events(score: Score, voice: int) -> list[tuple[int, tuple, str, dict[str, int]]]:
    """Return the events of a voice: step, order within the step, kind and data of the message.

    Within a step the pedal moves before notes are struck, and a note is released before the next
    one is struck.
    """
    events: list[tuple[int, tuple, str, dict[str, int]]] = []
    for start, end, of in score.pedals:
        if of == voice:
            for step, down in ((start, True), (end, False)):
                about = {"control": SUSTAIN_PEDAL, "value": HIGHEST if down else 0}
                events.append((step, (False, 0, down), "control_change", about))
    mine = score.voice == voice
    columns = (score.onset, score.duration, score.pitch, score.velocity)
    for onset, duration, pitch, velocity in zip(*(column[mine].tolist() for column in columns)):
        struck, released = ({"note": pitch, "velocity": v} for v in (velocity, RELEASED))
        events.append((onset, (True, pitch, True), "note_on", struck))
        events.append((onset + duration, (False, pitch, False), "note_off", released))
    return events
