"""Scores from MIDI files and back, with mido."""

from bach_tf.formats.midi.reading import STEPS_PER_SECOND, read_midi, read_midi_seconds
from bach_tf.formats.midi.writing import CHANNELS, write_midi

__all__ = [
    "CHANNELS",
    "STEPS_PER_SECOND",
    "read_midi",
    "read_midi_seconds",
    "write_midi",
]
