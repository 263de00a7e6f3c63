"""One-line errors for a full disk, whichever library raised them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

# h5py and TensorFlow only report it as text.
FULL = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EFBIG: "File too large",
}


@contextmanager
def full_disk_named(run: Path) -> Iterator[None]:
    """Turn the errors of a full disk into one that names the folder and the next command.

    Args:
        run: the run folder.

    Raises:
        OSError: if the disk is full; other errors pass through.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        if (reason := _why_full(error)) is None:
            raise
        raise OSError(
            f"{run} cannot be written: {reason}. The last finished epoch is safe. Free space, then "
            f"continue with: bach-tf train --resume {run}"
        ) from error


def _why_full(error: BaseException | None) -> str | None:
    """Return the system's message for a full disk, if that caused an error."""
    while error is not None:
        for number, words in FULL.items():
            if getattr(error, "errno", None) == number or words in str(error):
                return words
        error = error.__cause__ or error.__context__
    return None
