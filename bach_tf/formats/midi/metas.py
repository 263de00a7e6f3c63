"""Meta events of MIDI files: names, tempi, time signatures and key signatures.

Source: The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TEXT, NAME, TEMPO, METRE, KEY = "text", "name", "tempo", "metre", "key"
SHORTEST_BEAT = 6  # 2 ** 6: a 64th note; damaged files contain powers up to 255
TEMPO_BYTES, METRE_BYTES, KEY_BYTES = 3, 4, 2
MOST_SHARPS = 7
# Control characters in names: NUL, line feeds, and the C1 range, which other encodings use.
UNPRINTED = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)))


def text_of(content: bytes) -> str:
    r"""Return a text: UTF-8 where it can be, else Latin-1, without control characters.

    Example:
        >>> text_of("Flöte".encode()), text_of("Flöte".encode("latin-1")), text_of(b"Alto\0")
        ('Flöte', 'Flöte', 'Alto')
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.translate(UNPRINTED).strip()


def tempo_of(content: bytes) -> int:
    """Return the microseconds of a quarter.

    Raises:
        ValueError: other than three bytes, or 0.
    """
    microseconds = int.from_bytes(content, "big")
    if len(content) != TEMPO_BYTES or not microseconds:
        raise ValueError("a tempo that cannot be")
    return microseconds


def metre_of(content: bytes) -> tuple[int, int]:
    """Return beats and the note value of a beat.

    Raises:
        ValueError: fewer than four bytes, no beats, or a beat shorter than a 64th.

    Example:
        >>> metre_of(bytes([6, 3, 36, 8]))
        (6, 8)
    """
    if len(content) < METRE_BYTES or not content[0] or content[1] > SHORTEST_BEAT:
        raise ValueError("a time signature that cannot be")
    return content[0], 2 ** content[1]


def key_of(content: bytes) -> int:
    """Return the sharps of a key signature; flats are negative.

    Raises:
        ValueError: fewer than two bytes, more than seven sharps or flats, or neither major nor
            minor.

    Example:
        >>> key_of(bytes([253, 0]))
        -3
    """
    if len(content) < KEY_BYTES or content[1] > 1:
        raise ValueError("a key signature that cannot be")
    sharps = int.from_bytes(content[:1], "big", signed=True)
    if abs(sharps) > MOST_SHARPS:
        raise ValueError("a key signature that cannot be")
    return sharps


META_READERS: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    0x01: (TEXT, text_of),
    0x03: (NAME, text_of),
    0x51: (TEMPO, tempo_of),
    0x58: (METRE, metre_of),
    0x59: (KEY, key_of),
}
