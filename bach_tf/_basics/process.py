"""What a program sets up first: output that cannot fail, and a quiet Ctrl-C.

Uses only light modules of the standard library, because it runs before any slow import.
"""

import codecs
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

INTERRUPTED = 130  # a shell's exit status after Ctrl-C
READABLE = "bach_tf.readable"  # the error handler for characters an encoding lacks
PLAIN = {"━": "=", "…": "..."}  # drawn by Keras' progress bar and rich's tables
STANDARD = (0, 1, 2)  # input, output, errors
_errors = 2  # the descriptor for our own error messages


def begin() -> None:
    """Set up the standard streams and Ctrl-C for a command-line program; idempotent.

    Printing never ends the program: output that nobody reads any more is dropped, and
    characters that a terminal cannot show are escaped. Ctrl-C exits at once without a
    traceback, except within `stopping_by_exception`.
    """
    _open_closed_streams()
    sys.stdout, sys.stderr = _steady(sys.stdout, 1), _steady(sys.stderr, 2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, stop_at_once)


def stop_at_once(*_) -> None:
    """Exit with the status of Ctrl-C after printing one short line."""
    try:
        sys.stdout.flush()
        os.write(_errors, b"\nStopped.\n")
    except Exception:  # a stream that is closed or being written to: exit anyway
        pass
    finally:
        os._exit(INTERRUPTED)


def stopping_by_exception() -> AbstractContextManager:
    """Make Ctrl-C raise KeyboardInterrupt within the block, if `begin` was called."""
    return _swapped(stop_at_once, signal.default_int_handler)


def stopping_at_once() -> AbstractContextManager:
    """Make Ctrl-C exit at once within the block, if `begin` was called.

    For imports: some libraries swallow exceptions while being imported.
    """
    return _swapped(signal.default_int_handler, stop_at_once)


def lost_output() -> OSError | None:
    """Return why standard output failed; `None` if it did not, or if its reader went away."""
    return getattr(_raw(sys.stdout), "failure", None)


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Discard what libraries write directly to standard error within the block.

    Text written through `sys.stderr` still appears.
    """
    global _errors
    stream = sys.stderr
    stream = getattr(stream, "rich_proxied_file", stream)  # beneath rich's progress display
    kept = os.dup(2)  # left open: another thread may still write to it after the block
    if isinstance(_raw(stream), Steady):
        stream.flush()
        sys.stderr, replaced = _like(stream, kept), sys.stderr
    else:
        replaced = sys.stderr
    _point_nowhere(2)
    _errors = kept
    try:
        yield
    finally:
        os.dup2(kept, 2)
        sys.stderr, _errors = replaced, 2


class Steady(io.FileIO):
    """A standard stream whose writes never fail: what cannot be written is dropped."""

    failure: OSError | None = None

    def write(self, data) -> int:
        """Write bytes and return their number."""
        try:
            while (written := super().write(data)) is None:  # a full, non-blocking pipe
                select.select((), (self,), ())
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            _point_nowhere(self.fileno())  # libraries write to the descriptor directly
            return len(data)
        return written


def _steady(stream, number: int):
    """Wrap a standard stream in `Steady`; a closed one is replaced by a sink."""
    if isinstance(_raw(stream), Steady) or not isinstance(stream, io.TextIOWrapper | None):
        return stream
    codecs.register_error(READABLE, _readable)
    if stream is None:
        raw = Steady(number, "w", closefd=False)
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", READABLE)
    return _like(stream, number)


def _like(stream: io.TextIOWrapper, number: int) -> io.TextIOWrapper:
    """Return a steady stream to a descriptor with the settings of another stream."""
    raw = Steady(number, "w", closefd=False)
    unbuffered = isinstance(stream.buffer, io.RawIOBase)  # python -u
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        stream.encoding,
        READABLE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


@contextmanager
def _swapped(handler: Callable, by: Callable) -> Iterator[None]:
    """Swap the handler of Ctrl-C within the block, if `begin` was called and it can be set."""
    begun = any(isinstance(_raw(stream), Steady) for stream in (sys.stdout, sys.stderr))
    if not begun or signal.getsignal(signal.SIGINT) is not handler:
        yield
        return
    signal.signal(signal.SIGINT, by)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _raw(stream):
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _open_closed_streams() -> None:
    """Reopen closed streams, or the next file opened would receive what is printed."""
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            _point_nowhere(number)


def _point_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == number:
        os.set_inheritable(number, True)
        return
    os.dup2(nowhere, number)
    os.close(nowhere)


def _readable(error: UnicodeError) -> tuple[bytes, int]:
    """Encode what an encoding lacks: raw bytes of file names unchanged, the rest escaped."""
    written = b""
    for character in error.object[error.start : error.end]:
        if 0xDC80 <= ord(character) <= 0xDCFF:
            written += bytes([ord(character) - 0xDC00])
        else:
            written += PLAIN.get(character, character).encode("ascii", "backslashreplace")
    return written, error.end
