"""Which files a corpus is made of: those of a folder or of a pattern, with names and splits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path, PurePosixPath

from bach_tf._basics.files import is_hidden, list_files
from bach_tf._basics.messages import shortened
from bach_tf.corpora.preparation.entries import Entry, entries_of
from bach_tf.corpora.preparation.own_files import ENDINGS, Kind
from bach_tf.corpora.scale.files import is_remote, matching
from bach_tf.corpora.scale.shards import MANIFEST, is_sharded

PREPARED = "prepared folder of shards"
FILES_OF_PART = 1000  # lines of a part of the listing


@dataclass(frozen=True)
class Files:
    """The files to read.

    Args:
        root: the folder that names are relative to.
        entries: what is known of each file.
        skipped: why other files are skipped.
    """

    root: str
    entries: list[Entry]
    skipped: dict[str, str] = field(default_factory=dict)

    def parts(self) -> Iterator[str]:
        """Yield some lines of JSON at a time, one for each file, as `stages.read_file` takes."""
        for first in range(0, len(self.entries), FILES_OF_PART):
            yield "".join(map(self._line, self.entries[first : first + FILES_OF_PART]))

    def _line(self, entry: Entry) -> str:
        about = {"source": f"{self.root}/{entry.file}", "entry": entry._asdict()}
        return json.dumps(about) + "\n"


def find_files(where: str, kind: Kind) -> Files:
    """Return the files of a folder or a pattern that can be read.

    Args:
        where: a folder, or a pattern such as `archive/**/*.mid`; with a scheme such as `gs://`
            a pattern, or a folder with all that is in it.
        kind: the kind of music, for messages.

    Raises:
        ValueError: if there are none, or a folder cannot be read.
    """
    skipped: dict[str, str] = {}
    if is_remote(where):
        root, files = _matched(where)
    elif has_magic(where) and not Path(where).exists():
        root, files = _globbed(where)
    else:
        root = where
        listing = _listed(Path(where), kind)
        files, skipped = [path.relative_to(root) for path in listing.paths], listing.skipped
    made = _made_folders(root, files)
    files = [file for file in files if file.suffix.lower() in ENDINGS and not is_hidden(file)]
    skipped |= {file.as_posix(): f"in a {PREPARED}" for file in files if file.parent in made}
    files = [file for file in files if file.parent not in made]
    if not files:
        hint = " A pattern names files: for all files of a folder, end it with /**" * has_magic(
            where
        )
        raise ValueError(
            f"Expected {kind.what} in {shortened(where)}, as {', '.join(ENDINGS)} files. Got none."
            f"{hint}"
        )
    whole = root if is_remote(root) else str(Path(root).absolute())
    return Files(whole, entries_of(files), skipped)


def _listed(folder: Path, kind: Kind):
    if not folder.is_dir():
        got = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{shortened(folder)} {got}. Expected a folder of {kind.what}.")
    if is_sharded(folder):
        raise ValueError(
            f"{shortened(folder)} is a {PREPARED} already. Expected a folder of {kind.what}."
        )
    return list_files(folder, ENDINGS)


def _globbed(pattern: str) -> tuple[str, list[Path]]:
    """Return root and files of a pattern."""
    root = _root_of(pattern)
    rest = PurePosixPath(pattern).relative_to(root)
    if rest.name == "**":  # of which Python before 3.13 thinks as folders alone
        rest = rest / "*"
    try:
        found = sorted(path for path in Path(root).glob(rest.as_posix()) if path.is_file())
    except OSError as error:
        raise ValueError(
            f"Expected readable folders for {shortened(pattern)}, got {shortened(error.filename)}: "
            f"{error.strerror}. Change its permissions, or give another pattern."
        ) from error
    return root, [path.relative_to(root) for path in found]


def _root_of(pattern: str) -> str:
    """Return the folder before the first wildcard, which the name of a folder may have too.

    Example:
        >>> _root_of("music/old/**/*.mid"), _root_of("*.mid")
        ('music/old', '.')
    """
    parts: Sequence[str] = PurePosixPath(pattern).parts
    first = next(
        number
        for number, part in enumerate(parts)
        if has_magic(part) and not Path(*parts[: number + 1]).exists()
    )
    return str(PurePosixPath(*parts[:first]))


def _made_folders(root: str, files: Sequence[Path]) -> set[Path]:
    """Return which folders of files are prepared ones, whose tables are no music."""
    if is_remote(root):  # where looking is slow, but a folder is listed with all files
        return {file.parent for file in files if file.name == MANIFEST}
    return {each for each in {file.parent for file in files} if is_sharded(Path(root) / each)}


def _matched(where: str) -> tuple[str, list[Path]]:
    """Return root and files of an address with a scheme."""
    scheme, _, rest = where.partition("://")
    pattern = rest if has_magic(rest) else f"{rest.rstrip('/')}/**"
    root = f"{scheme}://{_root_of(pattern)}"
    found = matching(f"{scheme}://{pattern}")
    return root, [Path(file.removeprefix(f"{root}/")) for file in found]
