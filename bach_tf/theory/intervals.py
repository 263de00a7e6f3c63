"""Dissonant intervals."""

# In semitones above the lowest note: seconds, fourth, tritone and sevenths.
DISSONANT = (1, 2, 5, 6, 10, 11)
