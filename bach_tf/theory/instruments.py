"""General MIDI instruments by name or number, and the range of tempi in MIDI files."""

from __future__ import annotations

from bach_tf._basics.messages import shortened

LOWEST_TEMPO, HIGHEST_TEMPO = 4, 1000  # quarter notes per minute; MIDI's minimum is 3.58
# The 128 programs of the General MIDI 1 sound set, in order from 0.
PROGRAMS = (
    # pianos, chromatic percussion
    "Acoustic Grand Piano", "Bright Acoustic Piano", "Electric Grand Piano", "Honky-tonk Piano",
    "Electric Piano 1", "Electric Piano 2", "Harpsichord", "Clavinet",
    "Celesta", "Glockenspiel", "Music Box", "Vibraphone",
    "Marimba", "Xylophone", "Tubular Bells", "Dulcimer",
    # organs, guitars
    "Drawbar Organ", "Percussive Organ", "Rock Organ", "Church Organ",
    "Reed Organ", "Accordion", "Harmonica", "Tango Accordion",
    "Acoustic Guitar (nylon)", "Acoustic Guitar (steel)", "Electric Guitar (jazz)",
    "Electric Guitar (clean)", "Electric Guitar (muted)", "Overdriven Guitar",
    "Distortion Guitar", "Guitar Harmonics",
    # basses, strings, ensembles
    "Acoustic Bass", "Electric Bass (finger)", "Electric Bass (pick)", "Fretless Bass",
    "Slap Bass 1", "Slap Bass 2", "Synth Bass 1", "Synth Bass 2",
    "Violin", "Viola", "Cello", "Contrabass",
    "Tremolo Strings", "Pizzicato Strings", "Orchestral Harp", "Timpani",
    "String Ensemble 1", "String Ensemble 2", "Synth Strings 1", "Synth Strings 2",
    "Choir Aahs", "Voice Oohs", "Synth Voice", "Orchestra Hit",
    # brass, reeds, pipes
    "Trumpet", "Trombone", "Tuba", "Muted Trumpet",
    "French Horn", "Brass Section", "Synth Brass 1", "Synth Brass 2",
    "Soprano Sax", "Alto Sax", "Tenor Sax", "Baritone Sax",
    "Oboe", "English Horn", "Bassoon", "Clarinet",
    "Piccolo", "Flute", "Recorder", "Pan Flute",
    "Blown Bottle", "Shakuhachi", "Whistle", "Ocarina",
    # synthesisers
    "Lead 1 (square)", "Lead 2 (sawtooth)", "Lead 3 (calliope)", "Lead 4 (chiff)",
    "Lead 5 (charang)", "Lead 6 (voice)", "Lead 7 (fifths)", "Lead 8 (bass + lead)",
    "Pad 1 (new age)", "Pad 2 (warm)", "Pad 3 (polysynth)", "Pad 4 (choir)",
    "Pad 5 (bowed)", "Pad 6 (metallic)", "Pad 7 (halo)", "Pad 8 (sweep)",
    "FX 1 (rain)", "FX 2 (soundtrack)", "FX 3 (crystal)", "FX 4 (atmosphere)",
    "FX 5 (brightness)", "FX 6 (goblins)", "FX 7 (echoes)", "FX 8 (sci-fi)",
    # from many countries, percussion, effects
    "Sitar", "Banjo", "Shamisen", "Koto",
    "Kalimba", "Bag Pipe", "Fiddle", "Shanai",
    "Tinkle Bell", "Agogo", "Steel Drums", "Woodblock",
    "Taiko Drum", "Melodic Tom", "Synth Drum", "Reverse Cymbal",
    "Guitar Fret Noise", "Breath Noise", "Seashore", "Bird Tweet",
    "Telephone Ring", "Helicopter", "Applause", "Gunshot",
)  # fmt: skip


def find_program(text: str) -> int:
    """Return the program for a number in 0..127, a name, or an unambiguous part of a name.

    Raises:
        ValueError: if nothing or more than one matches; the message lists the candidates.

    Example:
        >>> find_program("church organ"), find_program("harpsi"), find_program("0")
        (19, 6, 0)
    """
    wanted = text.strip().lower()
    if wanted.isdecimal() and len(wanted) <= 3 and int(wanted) < len(PROGRAMS):
        return int(wanted)
    names = [name.lower() for name in PROGRAMS]
    if wanted in names:
        return names.index(wanted)
    close = [number for number, name in enumerate(names) if wanted and wanted in name]
    if len(close) == 1:
        return close[0]
    choices = ", ".join(PROGRAMS[number] for number in close) or "a number in 0..127 or a name"
    raise ValueError(f"Unknown General MIDI program '{shortened(text)}'. Choose from: {choices}.")
