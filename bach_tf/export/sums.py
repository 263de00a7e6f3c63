"""Checksums of an export's files, in the format of `sha256sum`. Imports no TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path

from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf._basics.replacing import replace_text, sha256_of

SUMS = "SHA256SUMS"
MOST_BYTES = 1_000_000
LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_sums(folder: Path) -> None:
    """Write the checksum of each file in a folder.

    Args:
        folder: the export.
    """
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _files(folder)]
    replace_text(folder / SUMS, "".join(lines))


def check_sums(folder: Path) -> int:
    """Check the files of an export; return their number.

    Args:
        folder: the export.

    Raises:
        ValueError: if there are no checksums, or a file is missing, changed or not listed; the
            message names it.

    Example:
        >>> check_sums(Path("exported/chorales"))  # doctest: +SKIP
        14
    """
    listed, found = _read(folder / SUMS), _files(folder)
    for name in sorted(listed.keys() | found):
        here = shortened(folder / name)
        if name not in found:
            raise ValueError(f"{here} is in {SUMS}, but missing. Copy or export it again.")
        if name not in listed:
            raise ValueError(f"{here}: expected only files in {SUMS}, got another one.")
        if sha256_of(folder / name) != listed[name]:
            raise ValueError(
                f"{here}: expected the file that was exported, but it is damaged or was changed: "
                f"its SHA-256 is not the one in {SUMS}. Copy or export it again."
            )
    return len(listed)


def _files(folder: Path) -> list[str]:
    """Return the files of an export by relative name, without the checksums."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.as_posix() != SUMS)


def _read(path: Path) -> dict[str, str]:
    """Return the listed checksums by relative name."""
    content = read_limited(path, MOST_BYTES)
    try:
        lines = [LINE.fullmatch(line) for line in content.decode("utf-8").splitlines()]
    except UnicodeDecodeError:
        lines = [None]
    if not lines or None in lines:
        raise ValueError(f"{path}: expected a checksum and a name in each line, got something else")
    return {line[2]: line[1] for line in lines if line}
