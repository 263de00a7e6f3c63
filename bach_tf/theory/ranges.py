"""The ranges of choral voices."""

# Lowest and highest pitch, from the soprano down: C4 to A5, F3 to E5, C3 to A4, C2 to E4. These are
# the ranges in Grove Music Online, as quoted by the music cataloguers of Yale University Library
# ("Vocal Ranges"), with the alto's extended by the contralto's. The bass goes down to C2 instead of
# F2, as Bach's does.
RANGES = ((60, 81), (53, 76), (48, 69), (36, 64))
