"""What notations in text have in common: letters, key signatures, metres, and their encodings."""

from __future__ import annotations

import re

SEMITONES = dict(zip("cdefgab", (0, 2, 4, 5, 7, 9, 11)))
SHARPS_ORDER = "fcgdaeb"  # the order in which a key signature adds sharps; flats backwards
MOST_BEATS = 255
SHORTEST_BEAT = 1024  # of a whole note
METER = re.compile(r"\(?([0-9]{1,3}(?:\+[0-9]{1,3}){0,15})\)?/([0-9]{1,4})")
# What readers say of time signatures.
SUMMED = "time signatures of groups, such as 3+2/8, are read as their sums"
UNMEASURED = "music without a metre is written in bars"


def read_meter(text: str) -> tuple[int, int] | None:
    """Return the time signature that `6/8` is; `None` where the text is none, as in `Frei`.

    One of groups, such as `3+2/8`, is their sum.

    Example:
        >>> read_meter("6/8"), read_meter("(3+2)/8"), read_meter("Frei")
        ((6, 8), (5, 8), None)
    """
    match = METER.fullmatch(text.strip())
    if match is None:
        return None
    signature = sum(map(int, match[1].split("+"))), int(match[2])
    # Notes are halved, and MIDI files have a byte for the beats.
    is_metre = min(signature) > 0 and signature[1].bit_count() == 1 and signature[0] <= MOST_BEATS
    is_metre = is_metre and signature[1] <= SHORTEST_BEAT
    return signature if is_metre else None


def decode(content: bytes) -> str:
    r"""Return the text of a file in UTF-8, or with the umlauts of DOS or of Latin 1.

    Example:
        >>> decode(b"gef\x81hlsm\x84\xe1ig"), decode(b"Tr\xe4ume")
        ('gefühlsmäßig', 'Träume')
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin 1 has no letters from 0x80 to 0x9f, where DOS has its umlauts.
        is_dos = any(0x80 <= byte <= 0x9F for byte in content)
        return content.decode("cp437" if is_dos else "latin-1")
