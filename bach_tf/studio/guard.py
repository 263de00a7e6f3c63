"""Whom the studio answers, and what a browser may do with its answers.

A page of another site may make the reader's browser send requests to the studio: in another's name
that leads here (DNS rebinding), or across sites. Neither is answered.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bach_tf._basics.messages import shortened
from bach_tf.studio.bodies import drain

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), midi=(self)",
}
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@]+)(:[0-9]{1,5})?")
OWN = ("same-origin", "none")  # of Sec-Fetch-Site: the page itself, or an address typed in


class Guard:
    """The outermost part of the application.

    Args:
        app: what answers.
        host: the address that the studio was told to listen to.
    """

    def __init__(self, app: ASGIApp, host: str):
        self.app = app
        self.names = {"localhost", host.lower()}
        if not _is_loopback(host):
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        why = self._why_not(scope)
        app = self.app if why is None else JSONResponse({"error": why}, 403)
        await app(scope, exchange.receive, exchange.send)

    def _why_not(self, scope: Scope) -> str | None:
        """Return why a request is not answered; `None` if it is."""
        headers = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_here(hosts[0]):
            return f"Expected the address of the studio as Host, got: {shortened(str(hosts[:1]))}"
        origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
        if any(origin.partition("://")[2].lower() != hosts[0].lower() for origin in origins):
            return (
                f"Expected a request of the studio's own page, got one of {shortened(origins[0])}"
            )
        site = dict(headers).get(b"sec-fetch-site", b"none").decode("latin-1")
        if scope["path"].startswith("/api/") and site not in OWN:
            return "Expected a request of the studio's own page, got one of another site."
        return None

    def _is_here(self, host: str) -> bool:
        """Return whether a Host names this machine: no other site can have a number as its name."""
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].lower()
        return name in self.names or _is_address(name.strip("[]"))


class _Exchange:
    """A request and its answer: every answer has the headers, and is heard."""

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        self._scope, self._receive, self._send = scope, receive, send
        asked = dict(scope["headers"])
        self.unread = scope["method"] not in ("GET", "HEAD") and b"expect" not in asked

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self.unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            stays = self._scope["path"].startswith("/static/")
            headers["Cache-Control"] = "no-cache" if stays else "no-store"
            if self.unread:
                await drain(self.receive)
        await self._send(message)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
