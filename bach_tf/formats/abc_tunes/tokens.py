"""The tokeniser for lines of ABC music."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from bach_tf.formats.notation.text import SEMITONES

LENGTH = r"\d{0,4}/*\d{0,4}"
ACCIDENTAL = r"(?:\^{1,2}|_{1,2}|=)"
NOTES = r"[A-Ga-gz\d/,'<>]{4,}"  # between two `!`, the old sign for a line break
TOKEN = re.compile(
    rf"""(?P<note>(?P<accidental>{ACCIDENTAL})?(?P<letter>[A-Ga-g])(?P<octave>[,']*)
        (?P<length>{LENGTH})(?P<tie>-?))
    | (?P<rest>[zx](?P<rest_length>{LENGTH}))-?  # ties after rests are ignored
    | (?P<bars_of_rest>[ZX](?P<bars>\d{{0,3}}))
    | \[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]
    | (?P<chord>\[(?=[^\[\]|\d]*[A-Ga-g])(?P<notes>[^\[\]|]*)\](?P<chord_length>{LENGTH})
        (?P<chord_tie>-?))
    | (?P<old_chord>\+(?P<old_notes>(?:{ACCIDENTAL}?[A-Ga-g][,']*{LENGTH}){{2,}})\+)  # ABC 1
    | (?P<tuplet>\((?P<p>\d)(?::(?P<q>\d?))?(?::(?P<r>\d{{0,2}}))?)
    | (?P<bar>\.?(?:\[\||[|:])(?:[|:\]]|\[\|)*
        (?:[\ \t]*\[?(?P<ending>\d[\d,.-]*))?|\[(?P<lone_ending>\d[\d,.-]*))
    | (?P<late_tie>-)  # behind a slur or grace notes
    | (?P<broken><{{1,3}}|>{{1,3}})
    | (?P<layers>\(&)
    | (?P<end_of_layers>&\))
    | (?P<overlay>&)
    | (?P<grace>\{{[^}}]*\}})
    | (?P<decoration>!(?!{NOTES}!)[^!\s|]+!|\+[^+\s|]+\+|[.~H-Wh-w])
    | (?P<skipped>[\s)\\`$*;]+|!|\.?\(|"[^"]*"|y\d*)""",
    re.VERBOSE,
)
IN_CHORD = re.compile(
    rf"""(?P<accidental>{ACCIDENTAL})?(?P<letter>[A-Ga-g])(?P<octave>[,']*)
    (?P<length>{LENGTH})(?P<tie>-?)""",
    re.VERBOSE,
)
NO_NOTES = re.compile(r'![^!]*!|"[^"]*"')  # decorations and annotations within a chord
TUPLET_TIME = {
    2: 3,
    3: 2,
    4: 3,
    6: 2,
    8: 3,
}  # notes in a tuplet: normal notes that take the same time


def tokens(line: str) -> Iterator[re.Match | str]:
    """Yield the tokens of a line; for each unknown character, the text from there on."""
    at = 0
    while at < len(line):
        token = TOKEN.match(line, at)
        if token is None or token.end() == at:
            yield line[at : at + 20]
            at += 1
        else:
            yield token
            at = token.end()


def times(length: str) -> Fraction:
    """Return the factor of a note length: `3`, `3/2`, `/2`, or `/` and `//` for 1/2 and 1/4.

    Raises:
        ValueError: not a length.
    """
    match = re.fullmatch(r"(\d*)(/*)(\d*)", length)
    above, slashes, below = match.groups() if match else ("", "", "")
    count, parts = int(above or 1), int(below or 2 ** len(slashes))
    if count == 0 or parts == 0 or (below and len(slashes) > 1) or len(slashes) > 8:
        raise ValueError(f"expected a length above 0 such as 3, 3/2 or /, got {length!r}")
    return Fraction(count, parts)


def written_pitch(letter: str, octave: str) -> int:
    """Return the MIDI pitch of a natural: `C` is middle C, `c'` two octaves above.

    Example:
        >>> written_pitch("c", "'"), written_pitch("B", ",")
        (84, 59)
    """
    pitch = 72 if letter.islower() else 60
    return pitch + SEMITONES[letter.lower()] + 12 * (octave.count("'") - octave.count(","))


def passes(text: str) -> frozenset[int]:
    """Return the passes in which an ending such as "1", "1,3" or "1-3" is played.

    Example:
        >>> sorted(passes("1-3,5"))
        [1, 2, 3, 5]
    """
    found = set()
    for part in re.split(r"[,.]", text):
        ends = [int(number[:2]) for number in part.split("-") if number]
        if ends:
            found |= set(range(ends[0], ends[-1] + 1))
    return frozenset(found)
