"""ABC fields: keys, metres, unit lengths, tempi, voices and part order."""

from __future__ import annotations

import html
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from bach_tf.formats.notation.sheet import MOST_BARS
from bach_tf.formats.notation.text import SHARPS_ORDER, read_meter

SHARPS_OF_MAJOR = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F": -1}
SHARPS_OF_MODE = {
    "": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3,
    "mix": -1, "dor": -2, "phr": -4, "lyd": 1, "loc": -5,
}  # fmt: skip
ALTERED_KEY = {"": 0, "#": 7, "b": -7}
KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
BAGPIPES = 2  # sharps of K:HP and K:Hp
NO_KEY = ("", "none")
ALTERATION = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
ALTERED_NOTE = re.compile(r"(\^{1,2}|_{1,2}|=)([A-Ga-g])")
# Settings that may follow a key or a voice: `clef=bass`, or `bass` alone.
SETTING = re.compile(r"""(?:^|\s)([A-Za-z]+)=("[^"]*"|\S*)""")
CLEF = re.compile(r"(?:^|\s)(?:treble|alto|tenor|bass|perc|none)\d?([+-]8)?(?=\s|$)")
NAMED_METRES = {"C": (4, 4), "C|": (2, 2)}
NOTE_VALUES = re.compile(r"(\d{1,3})/(\d{1,3})")
PLAYED = re.compile(r"[A-Za-z]|[0-9]{1,2}|[()]")
UNITS = re.compile(r"C(\d{0,2})\s*=")  # of a tempo as in ABC 1: C3=40 counts three unit lengths
SYMBOL = re.compile(r"([~H-Wh-w])\s*=\s*[!+]([^!+]+)[!+]")
PER_MINUTE = re.compile(r"(?:=|^)\s*(\d{1,4}(?:\.\d{1,6})?)\s*$")
OCTAVE = 12
# ABC puts accents before the letter, Unicode puts combining accents after it.
ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", ",": "\u0327"}
ACCENTED = re.compile(r"\\([`'^~\",])([A-Za-z])")


class Key(NamedTuple):
    """A key with its settings.

    Args:
        sharps: flats are negative.
        semitones: the alteration of each letter.
        offset: semitones from written to sounding pitch.
    """

    sharps: int
    semitones: dict[str, int]
    offset: int = 0


def sharps_of(key: str) -> int:
    """Return the number of sharps of a key; flats are negative.

    Raises:
        ValueError: not a key.

    Example:
        >>> sharps_of("Bb"), sharps_of("F#m"), sharps_of("D dorian"), sharps_of("none")
        (-2, 3, 0, 0)
    """
    if key in NO_KEY:
        return 0
    if key in ("HP", "Hp"):
        return BAGPIPES
    match = KEY.fullmatch(key)
    mode = match and match[3][:3].lower()
    if match is None or mode not in SHARPS_OF_MODE or match[3] == "M":  # capital M: not minor
        raise ValueError(f"expected a key such as G, Bb or F#m, got {key[:40]!r}")
    sharps = SHARPS_OF_MAJOR[match[1]] + ALTERED_KEY[match[2]] + SHARPS_OF_MODE[mode]
    if abs(sharps) > len(SHARPS_ORDER):
        raise ValueError(f"expected a key of at most 7 sharps or flats, got {key[:40]!r}")
    return sharps


def read_key(text: str, before: Key | None = None) -> Key:
    """Return the key of a `K:` field.

    Args:
        text: such as "G", "D mix", "A exp ^c", "Bb clef=bass octave=-1".
        before: the current key, kept where the field only has a clef.

    Raises:
        ValueError: not a key.

    Example:
        >>> read_key("D phr ^f").semitones["f"]
        1
    """
    offset = sounding_offset(text)
    name = CLEF.sub(" ", SETTING.sub(" ", text))
    altered = {letter.lower(): ALTERATION[sign] for sign, letter in ALTERED_NOTE.findall(name)}
    name = " ".join(ALTERED_NOTE.sub(" ", name).split())
    no_key = text.split()[:1] in (["none"], ["None"])  # of a key, not of a clef
    if not (name or no_key or altered) and text.strip() and before is not None:
        return before._replace(offset=offset)
    explicit = name.endswith(" exp") or name == "exp"
    sharps = 0 if explicit else sharps_of(name)
    letters = SHARPS_ORDER[:sharps] if sharps >= 0 else SHARPS_ORDER[sharps:]
    semitones = dict.fromkeys(letters, 1 if sharps > 0 else -1)
    return Key(sharps, semitones | altered, offset)


def sounding_offset(text: str) -> int:
    """Return the transposition, in semitones, of a clef, `octave=` and `transpose=`."""
    settings = {name.lower(): value.strip('"') for name, value in SETTING.findall(text)}
    clef = CLEF.search(text) or CLEF.search(settings.get("clef", ""))
    octaves = {"+8": 1, "-8": -1}.get(clef[1] or "", 0) if clef else 0
    octaves += _whole(settings.get("octave", "0"))
    return OCTAVE * octaves + _whole(settings.get("transpose", "0"))


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"[+-]?\d{1,2}", text) else 0


def read_text(text: str) -> str:
    r"""Return a title with its ASCII escapes replaced by accented letters.

    Example:
        >>> read_text(r"S\'eamus \"O Br&ouml;gan \,c")
        'Séamus Ö Brögan ç'
    """
    accented = ACCENTED.sub(lambda found: found[2] + ACCENTS[found[1]], html.unescape(text))
    return unicodedata.normalize("NFC", accented)


def read_metre_field(text: str) -> tuple[int, int] | None:
    """Return the metre of an `M:` field; `None` for free metre or no metre.

    Example:
        >>> read_metre_field("C|"), read_metre_field("2+3/8"), read_metre_field("none")
        ((2, 2), (5, 8), None)
    """
    return NAMED_METRES.get(text.strip()) or read_meter(text)


def read_unit(text: str) -> Fraction:
    """Return the unit length of an `L:` field such as `1/8`, in quarters.

    Raises:
        ValueError: not a length.
    """
    parts = (1, 1) if text.strip() == "1" else read_meter(text)
    if parts is None:
        raise ValueError(f"expected a length such as L:1/8, got {text[:40]!r}")
    return Fraction(4 * parts[0], parts[1])


def read_tempo(text: str, unit: Fraction) -> float | None:
    """Return the tempo of a `Q:` field in quarters per minute; `None` for words alone.

    Args:
        text: such as "1/4=120", "Allegro 3/8=60", or "120", which counts unit lengths.
        unit: the unit length in quarters.

    Example:
        >>> read_tempo('"Lively" 3/8=60', Fraction(1, 2)), read_tempo("100", Fraction(1, 2))
        (90.0, 50.0)
        >>> read_tempo("C3=40", Fraction(1, 2))
        60.0
    """
    bare = re.sub(r'"[^"]*"', " ", text).strip()
    number = PER_MINUTE.search(bare)
    if number is None:
        return None
    values = [
        Fraction(4 * int(above), int(below))
        for above, below in NOTE_VALUES.findall(bare)
        if int(below)
    ]
    units = UNITS.search(bare)
    counted = unit * int(units[1] or 1) if units else unit
    return float(number[1]) * float(sum(values) if values else counted)


def sounding_sharps(sharps: int, semitones: int) -> int:
    """Return the key signature of music that sounds some semitones higher than written.

    Example:
        >>> sounding_sharps(2, -2), sounding_sharps(-3, 12), sounding_sharps(4, 3)
        (0, -3, 1)
    """
    if semitones % OCTAVE == 0:
        return sharps
    return (sharps + 7 * semitones + 5) % OCTAVE - 5


def symbol_of(text: str) -> dict[str, str]:
    """Return the decoration that a `U:` field gives to a letter; none for other fields.

    Example:
        >>> symbol_of("T = !fermata!"), symbol_of("T = ")
        ({'T': 'fermata'}, {})
    """
    found = SYMBOL.match(text)
    return {found[1]: found[2]} if found else {}


def voice_settings(text: str) -> tuple[str, dict[str, str]]:
    """Return the identifier of a voice, and its settings with lower-case names.

    Example:
        >>> voice_settings('T1 clef=treble name="Tenor I"')
        ('T1', {'clef': 'treble', 'name': 'Tenor I'})
    """
    name, _, rest = text.strip().partition(" ")
    return name, {key.lower(): value.strip('"') for key, value in SETTING.findall(rest)}


def parts_in_order(text: str) -> list[str]:
    """Return the labels of the parts in the order that a header's `P:` field plays them.

    Example:
        >>> "".join(parts_in_order("A2.(AB)2C"))
        'AAABABC'
    """
    groups: list[list[list[str]]] = [
        []
    ]  # open parentheses; each holds the units that can be repeated
    for token in PLAYED.findall(text):
        if token == "(":
            groups.append([])
        elif token == ")" and len(groups) > 1:
            group = groups.pop()
            groups[-1].append([part for each in group for part in each])
        elif token.isdigit() and groups[-1]:
            last = groups[-1][-1]
            times = min(int(token), MOST_BARS // max(1, len(last)))
            groups[-1][-1] = last * times
        elif token.isalpha():
            groups[-1].append([token])
    played = [part for group in groups for each in group for part in each]
    return played[:MOST_BARS]
