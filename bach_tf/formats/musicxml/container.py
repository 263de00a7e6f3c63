"""Compressed MusicXML, `.mxl`: a zip archive whose score is unpacked in memory.

Source: W3C, "Compressed .mxl files", https://www.w3.org/2021/06/musicxml40/tutorial/compressed-mxl-files/
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

from bach_tf._basics.messages import shortened
from bach_tf.formats.musicxml.safe_xml import parse_xml

MOST_BYTES = 50_000_000  # of an uncompressed score
MOST_MEMBERS = 1_000
MAGIC = b"PK\x03\x04"
LOCAL = struct.Struct("<4s5H3I2H")  # the local header of a member
ENCRYPTED = 1  # of its flags
CHUNK = 256  # bytes per step, so that everything before the damage is kept
CONTAINER = "META-INF/container.xml"
MOST_CONTAINER_BYTES = 100_000
ENDINGS = (".musicxml", ".xml")
# Exceptions of zipfile for damaged archives; RuntimeError means a password.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError,
    NotImplementedError, ValueError, LookupError, OverflowError,
)  # fmt: skip


def score_in(content: bytes, if_cut: Callable[[], None] | None = None) -> bytes:
    """Return the score of a file: its content, or the unpacked score of a zip archive.

    Args:
        content: the bytes of the file, compressed or not; its ending does not matter.
        if_cut: called for a damaged or truncated archive, whose score is then returned as far as
            it can be unpacked. `None` refuses such archives.

    Raises:
        ValueError: a damaged archive, one without a score, or one above the size limits.
    """
    if not content.startswith(MAGIC):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _member(archive, _name_of_score(archive), MOST_BYTES)
    except _RefusedError as error:
        raise ValueError(str(error)) from None
    except DAMAGE as error:
        found = unpacked(content) if if_cut is not None else b""
        if if_cut is not None and found:
            if_cut()
            return found
        got = shortened(str(error) or type(error).__name__)
        raise ValueError(
            f"expected compressed MusicXML, got: {got}. Export the score again, or as .musicxml"
        ) from None


def unpacked(content: bytes) -> bytes:
    """Return the score of a damaged archive as far as it can be unpacked; empty without one.

    Each member follows a header of its own. The directory at the end, which truncated archives
    lack, repeats these headers.

    Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3.7
    """
    start = 0
    for _ in range(MOST_MEMBERS):
        start = content.find(MAGIC, start)
        header = content[start : start + LOCAL.size]
        if start < 0 or len(header) < LOCAL.size:
            break
        _, _, flags, method, _, _, _, packed, _, name_size, extra_size = LOCAL.unpack(header)
        named = start + LOCAL.size
        data = named + name_size + extra_size
        name = content[named : named + name_size].decode("utf-8", "replace")
        is_plain = method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not flags & ENCRYPTED
        if is_plain and name and _may_be_a_score(PurePosixPath(name)):
            whole = content[data : data + packed] if packed else content[data:]
            return _inflated(whole) if method == zipfile.ZIP_DEFLATED else whole[:MOST_BYTES]
        start = data
    return b""


def _inflated(packed: bytes) -> bytes:
    """Inflate bytes as far as possible; nothing if the result exceeds `MOST_BYTES`."""
    inflate, found = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    for start in range(0, len(packed), CHUNK):
        try:
            found += inflate.decompress(packed[start : start + CHUNK], MOST_BYTES - len(found) + 1)
        except zlib.error:
            break
        if len(found) > MOST_BYTES:
            return b""  # a zip bomb
    return bytes(found)


class _RefusedError(ValueError):
    """An intact archive that is not acceptable."""


def _name_of_score(archive: zipfile.ZipFile) -> str:
    """Return the member named by the container, else the first that may be a score."""
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise _RefusedError(f"expected an archive of at most {MOST_MEMBERS} members, got more")
    if CONTAINER in names:
        container = parse_xml(_member(archive, CONTAINER, MOST_CONTAINER_BYTES))
        for element in container.iter():
            if element.tag.rpartition("}")[2] == "rootfile" and element.get("full-path") in names:
                return str(element.get("full-path"))
    scores = [name for name in names if _may_be_a_score(PurePosixPath(name))]
    if not scores:
        raise _RefusedError("expected a score in the archive, got none")
    return scores[0]


def _may_be_a_score(path: PurePosixPath) -> bool:
    hidden = path.parts[0] in ("META-INF", "__MACOSX") or path.name.startswith(".")
    return path.suffix.lower() in ENDINGS and not hidden


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > most:
        raise _RefusedError(
            f"expected at most {most:,} bytes in '{shortened(name, 40)}', got {info.file_size:,}"
        )
    with archive.open(info) as file:
        return file.read(most + 1)  # zipfile never reads more than `file_size`
