"""Which intervals are dissonant."""

# Above the lowest note, in semitones: the seconds, the fourth, the tritone and the sevenths.
DISSONANT = (1, 2, 5, 6, 10, 11)
