"""Files of pieces given to a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.files import list_files
from bach_tf.formats import READERS, read
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.reading import SIXTEENTHS
from bach_tf.score import STEPS_PER_QUARTER, Score


def files_at(path: Path) -> list[Path]:
    """Return a file, or the readable files in a folder.

    Raises:
        ValueError: if there is no such file, its format cannot be read, or the folder has none.
    """
    kinds = ", ".join(READERS)
    if not path.exists():
        raise ValueError(f"{path} does not exist. Expected a {kinds} file, or a folder of them.")
    if not path.is_dir():
        choose(READERS, path.suffix.lower(), "kind of piece")
        return [path]
    files = list_files(path, tuple(READERS), deep=False).paths
    if not files:
        raise ValueError(f"{path}: expected a folder with {kinds} files, found none.")
    return files


def read_chorales(paths: Sequence[Path], strict: bool = False) -> list[Score]:
    """Read pieces of up to four voices on a grid of sixteenths.

    Args:
        paths: files or folders. Of files that differ only in their ending, one is read: that
            with the first ending in `READERS`.
        strict: whether to refuse files with recoverable faults.

    Raises:
        ValueError: if a file cannot be read, has more than four voices, or overlapping notes in a
            voice. The message names it.
    """
    preferred = list(READERS)
    files = [file for path in paths for file in files_at(path)]
    files.sort(key=lambda file: preferred.index(file.suffix.lower()), reverse=True)
    by_name = {file.with_suffix(""): file for file in files}  # the preferred ones come last
    return [_read_chorale(file, strict) for _, file in sorted(by_name.items())]


def _read_chorale(file: Path, strict: bool) -> Score:
    try:
        score = read(file, SIXTEENTHS, strict).score
        if score.steps_per_quarter != STEPS_PER_QUARTER:
            raise ValueError(f"expected sixteenths, got {score.steps_per_quarter} steps a quarter")
        score.to_grid(len(VOICES))
    except ValueError as error:
        if file.name in str(error):
            raise
        raise ValueError(f"{file}: {error}") from error
    return score
