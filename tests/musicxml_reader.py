"""MusicXML files as another program, music21, reads them."""

from fractions import Fraction


def notes_of(score):
    """Return onset, duration, pitch and voice of each note, in steps."""
    columns = (score.onset, score.duration, score.pitch, score.voice)
    return sorted(zip(*(column.tolist() for column in columns)))


def read_back(path, steps_per_quarter=4):
    """Return what music21 reads: the notes as `notes_of`, ties joined, and the score.

    The voice is the number of the part.
    """
    from music21 import converter

    stream = converter.parse(path, forceSource=True)
    notes = []
    for number, part in enumerate(stream.parts):
        pieces = sorted(pieces_of(part, steps_per_quarter), key=lambda piece: piece[:3])
        tied = {}  # {(pitch, where it goes on): note}
        for onset, duration, pitch, tie in pieces:
            if tie in ("stop", "continue"):
                note = tied.pop((pitch, onset))
                note[1] += duration
            else:
                notes.append(note := [onset, duration, pitch, number])
            if tie in ("start", "continue"):
                tied[pitch, onset + duration] = note
        assert not tied, "each tie ends"
    return sorted(map(tuple, notes)), stream


def pieces_of(part, steps_per_quarter):
    """Yield onset and duration in steps, pitch and tie of each note head."""
    for element in part.recurse().notes:
        onset, duration = (
            Fraction(quarters).limit_denominator(64) * steps_per_quarter
            for quarters in (element.getOffsetInHierarchy(part), element.quarterLength)
        )
        for note in element.notes if element.isChord else [element]:
            yield onset, duration, note.pitch.midi, note.tie.type if note.tie else None
