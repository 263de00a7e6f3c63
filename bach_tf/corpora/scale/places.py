"""Where a prepared folder is made, and how it takes the place of a former one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bach_tf._basics.messages import shortened
from bach_tf.corpora.preparation.naming import storable_name
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale.files import delete_all, find_all, is_remote
from bach_tf.corpora.scale.shards import MANIFEST
from bach_tf.corpora.scale.stages import NOTES

ANOTHER = "Choose another --output."


def check_output(output: str) -> None:
    """Check, before hours of work, that a prepared folder can take a place.

    Args:
        output: the place: a path without links, or an address with a scheme.

    Raises:
        ValueError: if something else than a prepared folder is there, or nothing can be.
    """
    folder = Path(output)
    with _saying(output):
        if is_remote(output) or not folder.exists():
            return
        if os.path.ismount(folder):
            raise ValueError(
                f"A disk is mounted at {shortened(folder)}, which cannot be replaced. Choose a "
                f"folder in it: --output {shortened(folder / 'prepared')}"
            )
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
            raise ValueError(
                f"{shortened(folder)} is there already, and is not a prepared folder. {ANOTHER}"
            )


@contextmanager
def scratch(output: str) -> Iterator[str]:
    """Yield a folder for the results, beside the output; it is deleted if it is still there.

    Args:
        output: as for `check_output`. An address with a scheme is its own scratch.

    Raises:
        ValueError: if the folder cannot be made.
    """
    if is_remote(output):
        _delete_former(output)
        yield output.rstrip("/")  # the manifest is written last: without it nothing is read
        return
    folder = Path(output)
    with _saying(output):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = _made_beside(folder)
    try:
        yield str(made)
    finally:
        _delete(made)


def put_in_place(made: str, output: str) -> None:
    """Replace a former output, if there is one.

    Args:
        made: the folder of `scratch`.
        output: as for `check_output`.
    """
    if is_remote(output):
        return
    Path(made).chmod(0o755)  # `mkdtemp` makes it private
    if Path(output).exists():
        aside = _made_beside(Path(output))
        os.replace(output, aside / "former")
        os.replace(made, output)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.replace(made, output)


def _delete_former(output: str) -> None:
    """Delete what an earlier run has left at an address: all of it, or notes of half a run."""
    manifest = [file for file in find_all(output, MANIFEST) if file.endswith(f"/{MANIFEST}")]
    shards = [file for split in SPLITS for file in find_all(output, f"{split}-")]
    delete_all([*manifest, *find_all(output, f"{NOTES}-"), *(shards if manifest else [])])


def _made_beside(folder: Path) -> Path:
    prefix = f".{storable_name(folder.name)}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))


def _delete(made: Path) -> None:
    """Delete a folder into which workers may still write; moved first, they cannot."""
    if made.exists():
        aside = _made_beside(made)
        os.replace(made, aside / "stopped")
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _saying(output: str) -> Iterator[None]:
    """Turn errors of the system into a message about the output."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ValueError(f"{shortened(output)} cannot be written: {why}. {ANOTHER}") from None
