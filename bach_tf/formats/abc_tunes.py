"""Tunes in ABC notation: the subset that collections of folk songs use, one voice each.

Read are the fields X, T, M, L and K, notes and rests with their lengths, accidentals, ties,
triplets and bar lines. What cannot be read is said, never guessed. Repeats are taken as printed,
not played.

Source: the ABC music standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from fractions import Fraction

from bach_tf.formats.tunes import SEMITONES, SHARPS_ORDER, Tune, read_meter
from bach_tf.score import Score

FIELD = re.compile(r"([A-Za-z]):(.*)")
TOKEN = re.compile(
    r"""(?P<note>(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)
        (?P<length>\d{0,3}/*\d{0,3})(?P<tie>-?))
    | (?P<rest>[zx](?P<rest_length>\d{0,3}/*\d{0,3}))-?  # some rests are tied to more rest
    | (?P<tuplet>\([2346](?![\d:]))
    | (?P<bar>[|:][|:\]]*(?:\s*\[?[12])?|\[[|12])
    | (?P<skipped>[\s()\\`]+|\{[^}]*\}|"[^"]*"|![^!]*!)""",
    re.VERBOSE,
)
SHARPS_OF_MAJOR = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F": -1}
SHARPS_OF_MODE = {
    "": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3,
    "mix": -1, "dor": -2, "phr": -4, "lyd": 1, "loc": -5,
}  # fmt: skip
ALTERED_KEY = {"": 0, "#": 7, "b": -7}
KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
ALTERATION = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2}  # so many notes in the time of so many


def split_tunes(text: str) -> list[str]:
    r"""Return the tunes of a file: each from its `X:` to the next.

    What stands before the first `X:` belongs to none.

    Example:
        >>> split_tunes("% two tunes\nX:1\nK:C\nC\nX:2\nK:C\nD")
        ['X:1\nK:C\nC\n', 'X:2\nK:C\nD']
    """
    return [tune for tune in re.split(r"^(?=X:)", text, flags=re.MULTILINE) if tune[:2] == "X:"]


def read_abc(text: str) -> Score:
    r"""Read one tune.

    Raises:
        OffGridError: the tune cannot be written in sixteenths.
        ValueError: something that this reader does not know, as `row N: expected ..., got ...`
            where the tune's first row is 1, or a bar that is too long by a part of a beat.

    Example:
        >>> score = read_abc("X:1\nM:3/4\nL:1/8\nK:G\nD2 | G3AF2 | G6 |]")
        >>> score.pitch.tolist(), score.duration.tolist(), score.upbeat
        ([62, 67, 69, 66, 67], [4, 6, 2, 4, 12], 4)
    """
    reader = _Reader()
    for row, line in enumerate(text.splitlines(), start=1):
        try:
            reader.read_line(line.partition("%")[0].strip())
        except ValueError as error:
            raise ValueError(f"row {row}: {error}") from None
    return reader.score()


def sharps_of(key: str) -> int:
    """Return the sharps of a key, or its flats as a negative number.

    Raises:
        ValueError: not a key.

    Example:
        >>> sharps_of("Bb"), sharps_of("F#m"), sharps_of("D dorian"), sharps_of("none")
        (-2, 3, 0, 0)
    """
    if key in ("", "none"):
        return 0
    match = KEY.fullmatch(key)
    mode = match and match[3][:3].lower()
    if match is None or mode not in SHARPS_OF_MODE or match[3] == "M":  # capital M: not minor
        raise ValueError(f"expected a key such as G, Bb or F#m, got {key[:40]!r}")
    sharps = SHARPS_OF_MAJOR[match[1]] + ALTERED_KEY[match[2]] + SHARPS_OF_MODE[mode]
    if abs(sharps) > len(SHARPS_ORDER):
        raise ValueError(f"expected a key of at most 7 sharps or flats, got {key[:40]!r}")
    return sharps


class _Reader:
    """Where the reading of one tune stands."""

    def __init__(self):
        self.tune = Tune()
        self.title = ""
        self.meter: tuple[int, int] | None = None
        self.meter_changes = False
        self.unit: Fraction | None = None  # length of a note that has none of its own, in quarters
        self.sharps: int | None = None  # of the first key; `None` as long as the header lasts
        self.key: dict[str, int] = {}  # semitones by letter
        self.in_bar: dict[str, int] = {}  # from an accidental to the bar line, in any octave
        self.tie: tuple[str, int] | None = None  # the note that a tie comes from, and its pitch
        self.tuplet_notes, self.tuplet_factor = 0, Fraction(1)

    def read_line(self, line: str) -> None:
        field = FIELD.match(line)
        if field:
            self.read_field(field[1], field[2].strip())
        elif line and self.sharps is None:
            raise ValueError(
                f"expected a field such as K:G before the first note, got {line[:40]!r}"
            )
        elif line:
            self.read_music(line)

    def read_field(self, letter: str, text: str) -> None:
        in_header = self.sharps is None
        if letter == "T":
            self.title = self.title or text
        elif letter == "M" and not in_header:
            self.meter_changes = True  # which changes no length
        elif letter == "M":
            self.meter = {"C": (4, 4), "C|": (2, 2)}.get(text) or read_meter(text)
        elif letter == "V":
            raise ValueError(f"expected a tune of one voice, got V:{text[:40]}")
        elif letter == "L":
            self.unit = _unit(text)
        elif letter == "K":
            sharps = sharps_of(text)
            self.key = _semitones_of_key(sharps)
            self.sharps = sharps if in_header else self.sharps

    def read_music(self, line: str) -> None:
        at = 0
        while at < len(line):
            token = TOKEN.match(line, at)
            if token is None:
                raise ValueError(f"expected notes, rests and bar lines, got {line[at:][:20]!r}")
            self.read_token(token)
            at = token.end()

    def read_token(self, token: re.Match) -> None:
        if token["note"]:
            self.read_note(token)
        elif token["rest"]:
            self.tune.add(self.quarters(token["rest_length"]))
            self.tie = None
        elif token["tuplet"]:
            self.tuplet_notes = int(token["tuplet"][1:])
            self.tuplet_factor = Fraction(TUPLET_TIME[self.tuplet_notes], self.tuplet_notes)
        elif token["bar"]:
            self.tune.end_bar()
            self.in_bar = {}

    def read_note(self, token: re.Match) -> None:
        letter, note = token["letter"].lower(), token["letter"] + token["octave"]
        if token["accidental"]:
            self.in_bar[letter] = ALTERATION[token["accidental"]]
        pitch = 72 if token["letter"].islower() else 60
        pitch += SEMITONES[letter] + 12 * (note.count("'") - note.count(","))
        # A tie takes the accidental of its first note over the bar line.
        if self.tie and self.tie[0] == note and not token["accidental"]:
            pitch = self.tie[1]
        else:
            pitch += self.in_bar.get(letter, self.key.get(letter, 0))
        self.tune.add(self.quarters(token["length"]), pitch, tied=self.tie is not None)
        self.tie = (note, pitch) if token["tie"] else None

    def quarters(self, length: str) -> Fraction:
        """Return how long a note or a rest with this text of a length is."""
        factor = Fraction(1)
        if self.tuplet_notes:
            self.tuplet_notes -= 1
            factor = self.tuplet_factor
        return self.default_unit() * _times(length) * factor

    def default_unit(self) -> Fraction:
        if self.unit is not None:
            return self.unit
        beats, value = self.meter or (4, 4)
        return Fraction(1, 4) if Fraction(beats, value) < Fraction(3, 4) else Fraction(1, 2)

    def score(self) -> Score:
        if self.meter and not self.meter_changes:
            self.tune.check_bars(self.meter)
        return self.tune.score(
            title=self.title, key_signature=self.sharps, time_signature=self.meter
        )


def _unit(text: str) -> Fraction:
    """Return the quarters of an `L:` such as `1/8`."""
    parts = read_meter(text)
    if parts is None:
        raise ValueError(f"expected a length such as L:1/8, got {text[:40]!r}")
    return Fraction(4 * parts[0], parts[1])


def _times(length: str) -> Fraction:
    """Return what the length after a note is: `3`, `3/2`, `/2`, or `/` and `//` for 1/2 and 1/4."""
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", length).groups()
    times, parts = int(above or 1), int(below or 2 ** len(slashes))
    if times == 0 or parts == 0 or (below and len(slashes) > 1):
        raise ValueError(f"expected a length above 0 such as 3, 3/2 or /, got {length!r}")
    return Fraction(times, parts)


def _semitones_of_key(sharps: int) -> dict[str, int]:
    letters = SHARPS_ORDER[:sharps] if sharps >= 0 else SHARPS_ORDER[sharps:]
    return dict.fromkeys(letters, 1 if sharps > 0 else -1)
