"""The connections between workers: messages in JSON, each with bytes that come with it."""

from __future__ import annotations

import json
import socket
import struct

SIZES = struct.Struct("!QQ")  # bytes of the message, and of what comes with it
# After 30 s without an answer the system reports a machine that has lost power or its network.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}


def kept(line: socket.socket) -> socket.socket:
    """Return a connection that stays open, and that fails when the other machine does."""
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # not on every system
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return line


def closed(line: socket.socket) -> bool:
    """Return whether the process at the other end has stopped. Those that wait say nothing."""
    line.setblocking(False)
    try:
        return not line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        line.setblocking(True)


def send(line: socket.socket, message: dict, blob: bytes = b"") -> None:
    """Send a message, and bytes with it."""
    text = json.dumps(message).encode()
    line.sendall(SIZES.pack(len(text), len(blob)) + text)
    line.sendall(blob)


def receive(line: socket.socket, largest: int | None = None) -> tuple[dict, bytes]:
    """Read a message and what comes with it.

    Raises:
        ValueError: if it is not a message, or larger than `largest` bytes.
        OSError: if the connection ends.
    """
    text, blob = SIZES.unpack(_read(line, SIZES.size))
    if largest is not None and text + blob > largest:
        raise ValueError("not a worker")
    message = json.loads(_read(line, text))
    if not isinstance(message, dict):
        raise ValueError("not a worker")
    return message, bytes(_read(line, blob))


def _read(line: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = line.recv_into(view)
        if not count:
            raise ConnectionError("closed")
        view = view[count:]
    return content
