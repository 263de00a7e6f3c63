"""Measures of counterpoint: parallels, crossings, ranges, rhythm, harmony and copying.

`measure` computes all of them for a set of scores, `format_table` prints several sets side by side.
The others are individual rules, pure functions of grids `(T, V)`.
"""

from bach_tf.measuring.counterpoint.copies import Copies, find_copies
from bach_tf.measuring.counterpoint.harmony import (
    chords,
    dissonances,
    doubled_leading_notes,
    ending,
    entropy_bits,
    key_strengths,
    last_chord,
    on_beats,
    pitch_class_steps,
    triad_root,
)
from bach_tf.measuring.counterpoint.measures import UNITS, format_table, measure
from bach_tf.measuring.counterpoint.voice_leading import (
    FIFTH,
    OCTAVE,
    RANGES,
    VOICES,
    Parallel,
    crossings,
    find_parallels,
    longest_chord,
    melodic_intervals,
    neighbours_sound,
    note_lengths,
    note_starts,
    out_of_range,
    parallels,
    wide_spacings,
)

__all__ = [
    "FIFTH",
    "OCTAVE",
    "RANGES",
    "UNITS",
    "VOICES",
    "Copies",
    "Parallel",
    "chords",
    "crossings",
    "dissonances",
    "doubled_leading_notes",
    "ending",
    "entropy_bits",
    "find_copies",
    "find_parallels",
    "format_table",
    "key_strengths",
    "last_chord",
    "longest_chord",
    "measure",
    "melodic_intervals",
    "neighbours_sound",
    "note_lengths",
    "note_starts",
    "on_beats",
    "out_of_range",
    "parallels",
    "pitch_class_steps",
    "triad_root",
    "wide_spacings",
]
