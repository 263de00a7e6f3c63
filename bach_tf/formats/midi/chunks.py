"""The chunks of a MIDI file, found also where the file is not as the standard has it.

Why no library reads MIDI here: of 29 damaged or unusual files for which the reader was made, mido
1.3.3 refuses seven and names no byte; symusic 0.6.0 refuses two, takes nine sharps for a key and
half a time signature for a whole one, and says nothing of it. Who is to mend a file needs the track
and the byte. mido writes.

Source: The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0"; RP-029, "Bundling
SMF and DLS Data in an RMID File"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bach_tf.formats.reading import Notices

MAGIC, TRACK = b"MThd", b"MTrk"
RIFF, RMID, DATA = b"RIFF", b"RMID", b"data"
HEAD = 8  # bytes of what a chunk is, and of its length
SHORTEST_HEADER = 6
JUNK = 4096  # bytes before the header that are looked through, as of a Mac's file or an e-mail


@dataclass(frozen=True)
class Header:
    """What a MIDI file says of itself.

    Args:
        kind: 0 for one track, 1 for several that are played together, 2 for several pieces.
        tracks: how many it says that there are.
        division: ticks of a quarter; above 0x7FFF it counts frames of film.
        end: the byte behind it.
        limit: the byte behind the MIDI file, which may lie in another file.
    """

    kind: int
    tracks: int
    division: int
    end: int
    limit: int


def read_header(content: bytes, notices: Notices) -> Header:
    """Return the header of a file.

    Args:
        content: of the whole file, which may be RIFF.
        notices: are told of what stands before it.

    Raises:
        ValueError: there is none; the message says what is there instead.
    """
    start, limit = _start_and_limit(content, notices)
    end = start + HEAD + int.from_bytes(content[start + 4 : start + HEAD], "big")
    numbers = content[start + HEAD : start + HEAD + SHORTEST_HEADER]
    if len(numbers) < SHORTEST_HEADER or end < start + HEAD + SHORTEST_HEADER:
        raise ValueError(f"an end after {len(content)} bytes, in the middle of the header")
    kind, tracks, division = (int.from_bytes(numbers[at : at + 2], "big") for at in (0, 2, 4))
    return Header(kind, tracks, division, end, limit)


def _start_and_limit(content: bytes, notices: Notices) -> tuple[int, int]:
    """Return the byte at which the header begins, and that behind the MIDI file."""
    if not content:
        raise ValueError("an empty file")
    if content.startswith(RIFF) and content[HEAD : HEAD + 4] == RMID:
        return _in_riff(content)
    start = content.find(MAGIC, 0, JUNK)
    if start < 0:
        raise ValueError(f"one that begins with {content[:8]!r} instead of {MAGIC!r}")
    if start:
        notices.fault(f"{start} bytes before the header are skipped", "byte 0")
    return start, len(content)


def _in_riff(content: bytes) -> tuple[int, int]:
    """Return where the MIDI file in a RIFF file begins, and the byte behind it."""
    at = HEAD + 4
    while at + HEAD <= len(content):
        size = int.from_bytes(content[at + 4 : at + HEAD], "little")
        if content[at : at + 4] == DATA and content.startswith(MAGIC, at + HEAD):
            return at + HEAD, min(at + HEAD + size, len(content))
        at += HEAD + size + size % 2  # chunks of RIFF are of even lengths
    raise ValueError("a RIFF file without a MIDI file in it")


def find_tracks(content: bytes, header: Header, notices: Notices) -> Iterator[tuple[int, int]]:
    """Yield where the data of each track begin and end; other chunks are skipped.

    Args:
        content: of the file up to its limit.
        header: of the file.
        notices: are told of other chunks, of what is no chunk, and of tracks that are missing or of
            another length than they say.
    """
    at, found = header.end, 0
    while at + HEAD <= len(content):
        start, end = at + HEAD, at + HEAD + int.from_bytes(content[at + 4 : at + HEAD], "big")
        if content[at : at + 4] != TRACK:
            following = content.find(TRACK, at)
            if _is_chunk(content, at, end):
                name = content[at : at + 4].decode("ascii")
                notices.remark(f"a chunk {name!r} that is no track is skipped", f"byte {at}")
                at = end
            elif following < 0:
                break
            else:
                notices.fault("what is no chunk is skipped", f"track {found + 1}, byte {at}")
                at = following
            continue
        found += 1
        if not _ends_well(content, start, end):
            following = content.find(TRACK, start)
            end = following if following >= 0 else len(content)
            what = "a track is of another length than it says"
            notices.fault(what, f"track {found}, byte {at}")
        end = min(end, len(content))
        yield start, end
        at = end
    if found < header.tracks:
        what = f"{header.tracks} tracks are announced, and {found} are there"
        notices.fault(what, f"byte {min(at, len(content))}")


def _is_chunk(content: bytes, at: int, end: int) -> bool:
    """Return whether there is a chunk of a printable name that ends within the file."""
    name = content[at : at + 4]
    return all(0x20 <= byte < 0x7F for byte in name) and end <= len(content)


def _ends_well(content: bytes, start: int, end: int) -> bool:
    """Return whether a chunk, or nothing, begins where a track says that it ends.

    One that reaches over the end of the file was cut, unless it holds the next track.
    """
    if end > len(content):
        return content.find(TRACK, start) < 0
    return end + HEAD > len(content) or all(0x20 <= byte < 0x7F for byte in content[end : end + 4])
