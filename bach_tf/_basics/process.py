"""What the process of a program needs first: output that never fails, and a quiet Ctrl-C.

Light modules of the standard library alone: it runs before anything that takes a moment to import.
"""

import codecs
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

INTERRUPTED = 130  # what a shell calls a program that Ctrl-C stopped
READABLE = "bach_tf.readable"  # the name of what writes characters that an encoding lacks
PLAIN = {"━": "=", "…": "..."}  # what Keras' bar and rich's tables are drawn with
STANDARD = (0, 1, 2)  # input, output, errors
_errors = 2  # where our own words about errors go


def begin() -> None:
    """Make the standard streams and Ctrl-C those of a program of ours; once is enough.

    What is printed never ends the program: where nobody reads any more, it goes nowhere, and
    characters that a terminal cannot show are written in others. Ctrl-C ends the program at once,
    without a traceback, but in `stopping_by_exception`.
    """
    _open_closed_streams()
    sys.stdout, sys.stderr = _steady(sys.stdout, 1), _steady(sys.stderr, 2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, stop_at_once)


def stop_at_once(*_) -> None:
    """End the process with the status of Ctrl-C and a short line."""
    try:
        sys.stdout.flush()
        os.write(_errors, b"\nStopped.\n")
    except Exception:  # a stream that is writing now, or is closed: we end in any case
        pass
    finally:
        os._exit(INTERRUPTED)


def stopping_by_exception() -> AbstractContextManager:
    """Let Ctrl-C raise KeyboardInterrupt in the block, where a program of ours has begun."""
    return _swapped(stop_at_once, signal.default_int_handler)


def stopping_at_once() -> AbstractContextManager:
    """Let Ctrl-C end a program of ours at once in the block.

    For imports: some libraries swallow an exception while they are imported.
    """
    return _swapped(signal.default_int_handler, stop_at_once)


def lost_output() -> OSError | None:
    """Return why standard output could not be written; `None` where it was, or nobody reads it."""
    return getattr(_raw(sys.stdout), "failure", None)


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Let what libraries write to standard error by themselves go nowhere in the block.

    What a program of ours writes through `sys.stderr` appears as before.
    """
    global _errors
    stream = sys.stderr
    stream = getattr(stream, "rich_proxied_file", stream)  # below a line that moves
    kept = os.dup(2)  # left open: another thread may still write there after the block
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
    """A standard stream that cannot fail: what cannot be written there goes nowhere."""

    failure: OSError | None = None

    def write(self, data) -> int:
        """Write bytes; return how many."""
        try:
            while (written := super().write(data)) is None:  # a full pipe that does not wait
                select.select((), (self,), ())
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            _point_nowhere(self.fileno())  # for the libraries that write there by themselves
            return len(data)
        return written


def _steady(stream, number: int):
    """Return a standard stream, as it is but steady; one that nobody reads where there is none."""
    if isinstance(_raw(stream), Steady) or not isinstance(stream, io.TextIOWrapper | None):
        return stream
    codecs.register_error(READABLE, _readable)
    if stream is None:
        raw = Steady(number, "w", closefd=False)
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", READABLE)
    return _like(stream, number)


def _like(stream: io.TextIOWrapper, number: int) -> io.TextIOWrapper:
    """Return a steady stream that writes as another does, to a descriptor."""
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
    """Answer Ctrl-C otherwise in the block; in a program of ours, and where it can be set."""
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
    """Open what was closed: the next file would be opened there, and what is printed land in it."""
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
    """Write what an encoding lacks: a byte of a file's name as it is, others by their numbers."""
    written = b""
    for character in error.object[error.start : error.end]:
        if 0xDC80 <= ord(character) <= 0xDCFF:
            written += bytes([ord(character) - 0xDC00])
        else:
            written += PLAIN.get(character, character).encode("ascii", "backslashreplace")
    return written, error.end
