"""Runs the studio: finds a port, serves until Ctrl-C, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from bach_tf.studio.app import TASKS, Studio, make_app

PORT = 1685  # Bach was born
TRIED = 20  # ports after it, where nobody asked for one
BACKLOG = 2048  # clients that knock at once
PREFIX = "bach-tf-studio-"


class Server(uvicorn.Server):
    """Uvicorn without its own handling of signals, which waits for open connections.

    Args:
        config: its settings.
        at_start: called once it answers.
    """

    def __init__(self, config: uvicorn.Config, at_start: Callable[[], None]):
        super().__init__(config)
        self.at_start = at_start

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave signals as they are."""
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.at_start()


def serve(
    bound: socket.socket,
    host: str,
    run: str,
    at_start: Callable[[], None],
    tasks: str = TASKS,
) -> None:
    """Serve until Ctrl-C or a signal to terminate.

    Args:
        bound: the socket of `bind`.
        host: the address that it was bound to.
        run: the run that is loaded first.
        at_start: called once the page can be fetched.
        tasks: the module with the tasks.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    studio = Studio(folder, run, tasks)
    config = uvicorn.Config(
        make_app(studio, host),
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",  # its tracebacks would hold what was sent
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=0,
    )
    try:
        asyncio.run(_until_terminated(Server(config, at_start), bound))
    finally:
        studio.close()
        bound.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _until_terminated(server: Server, bound: socket.socket) -> None:
    serving = asyncio.ensure_future(server.serve([bound]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.wait({serving})  # Ctrl-C cancels this, and with it all tasks of the loop
    if not serving.cancelled():
        serving.result()


def bind(host: str, port: int | None) -> socket.socket:
    """Return a socket at an address.

    Args:
        host: a name or a number.
        port: 0 for any that is free; `None` for `PORT`, or the next one that is free.

    Raises:
        ValueError: if there is no such address, or something else is there.
    """
    ports = range(PORT, PORT + TRIED) if port is None else [port]
    for each in ports:
        try:
            return _bound(host, each)
        except OSError as error:
            why = error
            if error.errno != errno.EADDRINUSE:
                break
    if isinstance(why, socket.gaierror):
        raise ValueError(f"There is no address {host}: {why.strerror}.")
    if why.errno == errno.EADDRINUSE:
        raise ValueError(
            f"Port {ports[-1]} of {host} is in use, perhaps by another studio. Choose one with "
            "--port, or leave --port out for the next that is free."
        )
    raise ValueError(f"Cannot listen to {host}, port {ports[-1]}: {os.strerror(why.errno or 0)}.")


def address(bound: socket.socket, host: str) -> str:
    """Return the address of the page.

    Args:
        bound: the socket of `bind`.
        host: as the user gave it.
    """
    port = bound.getsockname()[1]
    if host in ("0.0.0.0", "::", ""):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def open_browser(url: str) -> None:
    """Open a page in the user's browser, where there is a screen for one."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _bound(host: str, port: int) -> socket.socket:
    family, kind, number, _, where = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, number)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
