"""Scores from MIDI files and back, with mido."""

from bach_tf.formats.midi.reading import STEPS_PER_SECOND, read_midi, read_midi_seconds
from bach_tf.formats.midi.writing import CHANNELS, CHURCH_ORGAN, TEMPO_QPM, write_midi

__all__ = [
    "CHANNELS",
    "CHURCH_ORGAN",
    "STEPS_PER_SECOND",
    "TEMPO_QPM",
    "read_midi",
    "read_midi_seconds",
    "write_midi",
]
