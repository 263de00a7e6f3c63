"""The chunks of a MIDI file, located even in files that violate the standard.

Why no library reads MIDI here: of the 29 damaged or unusual files this reader was written for, mido
1.3.3 rejects seven without naming a byte; symusic 0.6.0 rejects two, and silently accepts a key of
nine sharps and half a time signature. Repairing a file requires the track and the byte. Files are
written with mido.

Source: The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0"; RP-029, "Bundling
SMF and DLS Data in an RMID File"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bach_tf.formats.reading import Notices

MAGIC, TRACK = b"MThd", b"MTrk"
RIFF, RMID, DATA = b"RIFF", b"RMID", b"data"
HEAD = 8  # bytes of a chunk's type and length
SHORTEST_HEADER = 6
JUNK = 4096  # bytes searched for the header, which may follow a MacBinary or e-mail header


@dataclass(frozen=True)
class Header:
    """The header of a MIDI file.

    Args:
        kind: 0 for a single track, 1 for simultaneous tracks, 2 for independent pieces.
        tracks: number of tracks that it announces.
        division: ticks per quarter; above 0x7FFF, frames per second and ticks per frame.
        end: offset of the first byte after the header.
        limit: offset of the first byte after the MIDI data, which may be embedded in another file.
    """

    kind: int
    tracks: int
    division: int
    end: int
    limit: int


def read_header(content: bytes, notices: Notices) -> Header:
    """Return the header of a file.

    Args:
        content: the whole file, which may be RIFF.
        notices: receive a report of bytes before the header.

    Raises:
        ValueError: no header; the message says what was found instead.
    """
    start, limit = _start_and_limit(content, notices)
    end = start + HEAD + int.from_bytes(content[start + 4 : start + HEAD], "big")
    numbers = content[start + HEAD : start + HEAD + SHORTEST_HEADER]
    if len(numbers) < SHORTEST_HEADER or end < start + HEAD + SHORTEST_HEADER:
        raise ValueError(f"an end after {len(content)} bytes, in the middle of the header")
    kind, tracks, division = (int.from_bytes(numbers[at : at + 2], "big") for at in (0, 2, 4))
    return Header(kind, tracks, division, end, limit)


def _start_and_limit(content: bytes, notices: Notices) -> tuple[int, int]:
    """Return the offsets of the header and of the end of the MIDI data."""
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
    """Return the offsets of the header and the end of the MIDI data in a RIFF file."""
    at = HEAD + 4
    while at + HEAD <= len(content):
        size = int.from_bytes(content[at + 4 : at + HEAD], "little")
        if content[at : at + 4] == DATA and content.startswith(MAGIC, at + HEAD):
            return at + HEAD, min(at + HEAD + size, len(content))
        at += HEAD + size + size % 2  # RIFF pads chunks to even lengths
    raise ValueError("a RIFF file without a MIDI file in it")


def find_tracks(content: bytes, header: Header, notices: Notices) -> Iterator[tuple[int, int]]:
    """Yield the offsets of the start and end of each track's data; other chunks are skipped.

    Args:
        content: the file up to its limit.
        header: of the file.
        notices: receive reports of other chunks, of bytes outside any chunk, and of tracks that are
            missing or whose length is wrong.
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
    """Return whether a chunk with a printable name ends within the file."""
    name = content[at : at + 4]
    return all(0x20 <= byte < 0x7F for byte in name) and end <= len(content)


def _ends_well(content: bytes, start: int, end: int) -> bool:
    """Return whether a track's stated length leads to another chunk or to the end of the file.

    A track that extends past the end of the file was truncated, unless it contains the next track.
    """
    if end > len(content):
        return content.find(TRACK, start) < 0
    return end + HEAD > len(content) or all(0x20 <= byte < 0x7F for byte in content[end : end + 4])
