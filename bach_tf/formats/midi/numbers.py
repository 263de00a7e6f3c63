"""The numbers of a MIDI file, looked at before mido reads them.

Times and lengths are numbers of one to four bytes, of which all but the last are above 127. mido
reads them whatever their length, in quadratic time: a megabyte can keep it busy for hours.

Source: The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0"
"""

from __future__ import annotations

LONGEST = 4  # bytes of a number
META, SYSEX = 0xFF, (0xF0, 0xF7)
# How many bytes of data follow a status byte; those that are not here are undefined.
DATA_BYTES = {
    **dict.fromkeys(range(0x80, 0xC0), 2),
    **dict.fromkeys(range(0xC0, 0xE0), 1),
    **dict.fromkeys(range(0xE0, 0xF0), 2),
    **dict.fromkeys((0xF1, 0xF3), 1),
    0xF2: 2,
    **dict.fromkeys((0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE), 0),
}


def check_numbers(content: bytes, tracks: int) -> None:
    """Check the numbers of a file as far as mido will read it.

    What else is wrong with the file is not looked at: there mido stops, and so does this.

    Args:
        content: of the file.
        tracks: how many its header declares.

    Raises:
        ValueError: a number of more than four bytes; the message says where.
    """
    at = 8 + int.from_bytes(content[4:8], "big")
    for track in range(1, tracks + 1):
        if content[at : at + 4] != b"MTrk":
            return
        start = at + 8
        end = start + int.from_bytes(content[at + 4 : start], "big")
        try:
            at = _check_track(content, start, end)
        except IndexError:  # the file ends within a message
            return
        except ValueError as error:
            raise ValueError(f"{error} (track {track})") from None
        if at is None:
            return


def _check_track(content: bytes, at: int, end: int) -> int | None:
    """Return where a track ends; `None` where a message is none."""
    running = None
    while at != end:  # a last message may reach over the end: mido reads on then
        _, at = _number(content, at)
        status = content[at]
        at += 1
        is_data = status < 0x80  # of a message with the status of the one before
        if is_data:
            status = running
        elif status != META:
            running = status
        if status == META or status in SYSEX:
            length, at = _number(content, at + (status == META))
            at += length
        elif status in DATA_BYTES:
            at += max(DATA_BYTES[status] - is_data, 0)
        else:
            return None
    return at


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a byte, and where it has ended."""
    value = 0
    for place in range(at, at + LONGEST):
        byte = content[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    raise ValueError(f"a number of more than {LONGEST} bytes at byte {at}")
