"""A lock held by one process at a time and released when the process ends."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

LOCK = "lock"
TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's training lock within the block.

    The operating system releases the lock when the process ends for any reason. Reading a run
    needs no lock.

    Args:
        folder: the run's checkpoint folder, created if necessary.

    Raises:
        ValueError: if the run is already being trained, by this process or another.
        OSError: if the folder cannot be written.
    """
    folder.mkdir(exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(handle, folder.parent)
        with contextlib.suppress(OSError):  # a full disk: naming the owner is a courtesy
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


def _take(handle: int, run: Path) -> None:
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno not in TAKEN:
            # Some network file systems have no locks: training unlocked is better than not at all.
            warnings.warn(
                f"{run} cannot be locked: {error}. Do not train it twice at a time.", stacklevel=4
            )
            return
        raise ValueError(
            f"{run} is being trained by {_owner(handle)}. Wait until that ends, "
            "or train another run with --run-name."
        ) from None


def _owner(handle: int) -> str:
    """Return the owner noted in the lock file."""
    try:
        return os.read(handle, 200).decode(errors="replace").strip() or "another process"
    except OSError:  # Windows does not let others read what is locked
        return "another process"
