"""Kinds of damage: functions of a random generator and the bytes of an intact file."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from itertools import pairwise
from random import Random

from benchmarks.fuzz.bombs import bomb

NUMBER = re.compile(rb"-?\d+")
# Places of sizes: the length of a MIDI or RIFF chunk, and sizes and offsets in a zip archive.
CHUNKS = re.compile(rb"MThd|MTrk|RIFF|RMID|data|LIST")
RECORDS = re.compile(rb"PK\x03\x04|PK\x01\x02|PK\x05\x06")
HUGE = (
    b"0", b"-1", b"255", b"32768", b"65536", b"1000000", b"2147483647", b"4294967296",
    b"9223372036854775807", b"1" + b"0" * 30, b"9" * 5000, b"1e308", b"1e999", b"NaN", b"-Infinity",
)  # fmt: skip
FIELDS = (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x01\x00\x00", b"\xff" * 8)
ARCHIVES = (".mxl", ".npz")
TEXTS = (".musicxml", ".krn", ".abc", ".csv", ".json")
INSIDE = 0.7  # how often damage is done to a member of an archive, not to the archive


def truncated(random: Random, content: bytes, suffix: str) -> bytes:
    """Return the beginning of a file."""
    return content[: random.randrange(len(content))]


def flipped(random: Random, content: bytes, suffix: str) -> bytes:
    """Return a file with one to eight bytes changed: a bit, or the whole byte."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        place = random.randrange(len(changed))
        changed[place] = random.choice(
            (changed[place] ^ 1 << random.randrange(8), random.randrange(256))
        )
    return bytes(changed)


def huge(random: Random, content: bytes, suffix: str) -> bytes:
    """Return a file in which one to three numbers are huge, negative or no numbers."""
    for _ in range(random.choice((1, 1, 2, 3))):
        change = _huge_number if suffix in TEXTS else _huge_field
        content = change(random, content)
    return content


def moved(random: Random, content: bytes, suffix: str) -> bytes:
    """Return a file with pieces of it deleted, doubled or swapped."""
    pieces = content.splitlines(keepends=True) if suffix in TEXTS else _pieces(random, content)
    for _ in range(random.choice((1, 1, 2, 3))):
        one, other = sorted(random.choices(range(len(pieces)), k=2))
        kind = random.randrange(4)
        if kind == 0 and other - one < len(pieces) - 1:
            del pieces[one : other + 1]
        elif kind == 1:
            pieces.insert(other, pieces[one])
        elif kind == 2:
            pieces[one], pieces[other] = pieces[other], pieces[one]
        else:
            del pieces[random.randrange(len(pieces))]
        pieces = pieces or [b""]
    return b"".join(pieces)


def nested(random: Random, content: bytes, suffix: str) -> bytes:
    """Return what unfolds: archives in archives, deep and repeating elements."""
    return bomb(random, content, suffix)


DAMAGE: dict[str, Callable[[Random, bytes, str], bytes]] = {
    "truncated": truncated,
    "flipped": flipped,
    "huge": huge,
    "nested": nested,
    "moved": moved,
}


def damaged(kind: str, random: Random, content: bytes, suffix: str) -> bytes:
    """Return a damaged file.

    Args:
        kind: one of `DAMAGE`.
        random: its state determines the damage.
        content: of the intact file.
        suffix: of its name.
    """
    if suffix in ARCHIVES and kind != "nested" and random.random() < INSIDE:
        inner = {".mxl": ".musicxml", ".npz": ".npy"}[suffix]
        return _repacked(content, lambda member: DAMAGE[kind](random, member, inner))
    return DAMAGE[kind](random, content, suffix)


def _repacked(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return an archive in which the largest member is changed, with its checksum."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w", 8) as new:
        largest = max(old.infolist(), key=lambda member: member.file_size)
        for member in old.infolist():
            inside = old.read(member)
            date = zipfile.ZipInfo(member.filename)
            new.writestr(date, change(inside) if member is largest else inside, 8)
    return packed.getvalue()


def _huge_number(random: Random, content: bytes) -> bytes:
    numbers = list(NUMBER.finditer(content))
    if not numbers:
        return content + random.choice(HUGE)
    place = random.choice(numbers)
    return content[: place.start()] + random.choice(HUGE) + content[place.end() :]


def _huge_field(random: Random, content: bytes) -> bytes:
    field = random.choice(FIELDS)
    marks = list(CHUNKS.finditer(content)) + list(RECORDS.finditer(content))
    if marks and random.random() < 0.7:
        place = random.choice(marks).end() + random.choice((0, 2, 4, 8, 14, 16, 18, 20, 24))
    else:
        place = random.randrange(len(content))
    return content[:place] + field + content[place + len(field) :]


def _pieces(random: Random, content: bytes) -> list[bytes]:
    """Return binary content cut before its chunks, and at a few other places."""
    cuts = {mark.start() for mark in (*CHUNKS.finditer(content), *RECORDS.finditer(content))}
    cuts |= {random.randrange(len(content)) for _ in range(4)}
    edges = sorted({0, len(content), *cuts})
    return [content[start:end] for start, end in pairwise(edges)]
