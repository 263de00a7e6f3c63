"""The ranges of the four voices of a choir."""

# Lowest and highest pitch, from the soprano down: C4 to A5, F3 to E5, C3 to A4, C2 to E4. Those
# are the bounds of Grove Music Online, as the music cataloguers of Yale University Library quote
# them ("Vocal Ranges"), the alto's widened by the contralto's. The bass goes down to C2 instead of
# F2, as Bach's does.
RANGES = ((60, 81), (53, 76), (48, 69), (36, 64))
