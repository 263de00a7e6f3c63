"""What the server and a worker say to each other: a small object as JSON, and bytes.

JSON, not pickle: a worker that a hostile file has taken over can give wrong answers, but nothing
that the server would execute.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, BinaryIO

SIZES = struct.Struct("!II")  # of the object and of the bytes after it
LARGEST = 512 * 2**20  # bytes: a long piece as .wav

Frame = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], content: bytes = b"") -> bytes:
    r"""Return a frame.

    Args:
        head: what JSON can hold.
        content: bytes that go with it.

    Example:
        >>> pack({"a": 1}, b"b")
        b'\x00\x00\x00\x08\x00\x00\x00\x01{"a": 1}b'
    """
    said = json.dumps(head).encode()
    return SIZES.pack(len(said), len(content)) + said + content


def read(stream: BinaryIO) -> Frame | None:
    """Return the next frame of a blocking stream; `None` at its end."""
    sizes = stream.read(SIZES.size)
    if len(sizes) < SIZES.size:
        return None
    head, content = SIZES.unpack(sizes)
    said, rest = stream.read(head), stream.read(content)
    if len(said) < head or len(rest) < content:
        return None
    return json.loads(said), rest


async def receive(stream: asyncio.StreamReader) -> Frame:
    """Return the next frame.

    Args:
        stream: a worker's output.

    Raises:
        asyncio.IncompleteReadError: at its end.
        ConnectionError: if what comes is no frame.
    """
    head, content = SIZES.unpack(await stream.readexactly(SIZES.size))
    if head + content > LARGEST:
        raise ConnectionError(f"expected a frame of at most {LARGEST} bytes, got {head + content}")
    said, rest = await stream.readexactly(head), await stream.readexactly(content)
    try:
        return json.loads(said), rest
    except ValueError:
        raise ConnectionError("expected a frame with JSON") from None
