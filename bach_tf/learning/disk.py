"""One-line errors for a full disk, whichever library raised them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

# h5py and TensorFlow say it in words only.
FULL = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EFBIG: "File too large",
}


@contextmanager
def full_disk_named(run: Path) -> Iterator[None]:
    """Raise an error that names the folder and the next command when the disk is full.

    Args:
        run: the run folder.

    Raises:
        OSError: no space is left; other errors pass through.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        if (reason := _why_full(error)) is None:
            raise
        raise OSError(
            f"{run} cannot be written: {reason}. The last finished epoch is kept. Make room, then "
            f"continue with: bach-tf train --resume {run}"
        ) from error


def _why_full(error: BaseException | None) -> str | None:
    """Return what a system says of a full disk, if that is what an error came of."""
    while error is not None:
        for number, words in FULL.items():
            if getattr(error, "errno", None) == number or words in str(error):
                return words
        error = error.__cause__ or error.__context__
    return None
