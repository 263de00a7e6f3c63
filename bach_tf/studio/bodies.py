"""Reads what a client sends, within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive, Scope

from bach_tf.studio.limits import BODY, BODY_SECONDS, DRAINED, HELD


class RefusedError(Exception):
    """A request that is not taken.

    Args:
        status: of HTTP.
        sentence: why, for people.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None):
        super().__init__(sentence)
        self.status, self.headers = status, headers or {}


class LeftError(Exception):
    """The client has gone."""


class Store:
    """Counts the bytes of all requests that are held at the same time."""

    def __init__(self, largest: int = HELD):
        self.largest, self.held = largest, 0

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Hold a body within the block."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.size


class Held:
    """The bytes of one request."""

    def __init__(self, store: Store):
        self.store, self.size = store, 0

    def add(self, size: int) -> None:
        """Count more bytes.

        Raises:
            RefusedError: if one request, or all together, have too many.
        """
        if self.size + size > BODY:
            raise RefusedError(413, f"Expected at most {BODY // 2**20} MB, got more.")
        if self.store.held + size > self.store.largest:
            raise RefusedError(
                503,
                "The studio is busy: too much is sent at once. Try again.",
                {"Retry-After": "5"},
            )
        self.size += size
        self.store.held += size


async def read_body(scope: Scope, receive: Receive, held: Held) -> bytes:
    """Return the body of a request.

    Args:
        scope: of the request.
        receive: what gives its parts.
        held: counts its bytes.

    Raises:
        RefusedError: if it is too large or too slow.
        LeftError: if the client has gone.
    """
    said = dict(scope["headers"]).get(b"content-length", b"0")
    if said.isdigit() and int(said[:20]) > BODY:
        raise RefusedError(
            413, f"Expected at most {BODY // 2**20} MB, got {int(said[:20]):,} bytes."
        )
    parts = []
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in _parts(receive):
                held.add(len(part))
                parts.append(part)
    except TimeoutError:
        raise RefusedError(408, f"Expected the request within {BODY_SECONDS:g} s.") from None
    return b"".join(parts)


async def drain(receive: Receive) -> None:
    """Read and drop what a client still sends, up to a limit.

    It would not hear an answer otherwise: the system resets a connection that is closed before all
    was read.

    Args:
        receive: what gives the parts of the body.
    """
    left = DRAINED
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in _parts(receive):
                left -= len(part)
                if left < 0:
                    return
    except (TimeoutError, LeftError):
        return


async def until_left(receive: Receive) -> None:
    """Wait until the client of a request, whose body was read, has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _parts(receive: Receive):
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise LeftError
        more = message.get("more_body", False)
        yield message.get("body", b"")
