"""Names, splits and labels of a user's files, before any of them is read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from os.path import commonpath
from pathlib import Path
from typing import NamedTuple

from bach_tf.corpora.preparation.naming import untaken_names
from bach_tf.formats import READERS

TUNE = re.compile(r"(.*)-\d+")  # the name of a tune: that of its book, and a number
# Common names for the folders of the splits.
FOLDERS = {"train": "train", "valid": "valid", "test": "test"} | dict.fromkeys(
    ("validation", "val", "dev"), "valid"
)


class Entry(NamedTuple):
    """A file to be read.

    Args:
        file: its path relative to the user's folder.
        name: of its piece, unique within its split.
        split: split of the folder it is in; "" for none.
        labels: pieces that share a label form a group.
        problem: why it is not read; "" if it is.
    """

    file: str
    name: str
    split: str = ""
    labels: tuple[str, ...] = ()
    problem: str = ""


def entries_of(files: Sequence[Path]) -> list[Entry]:
    """Return what is known of a user's files before they are read.

    Args:
        files: relative to the user's folder, sorted.

    Example:
        >>> entries_of([Path("test/b.mid"), Path("x.mid")])[1].problem
        'it is outside train/, valid/ and test/'
    """
    splits = {path: split_of(path) for path in files}
    is_split = any(splits.values())
    names, labels = _names_in(splits), labels_of(files)
    outside = "it is outside train/, valid/ and test/"
    return [
        Entry(
            path.as_posix(),
            names[path],
            split,
            tuple(labels[path]),
            outside if is_split and not split else "",
        )
        for path, split in splits.items()
    ]


def split_of(path: Path) -> str:
    """Return the split whose folder a file is in; "" for none.

    Args:
        path: relative to the user's folder.

    Example:
        >>> split_of(Path("hymns/validation/a.mid")), split_of(Path("a.mid"))
        ('valid', '')
    """
    parts = (FOLDERS.get(part.casefold(), "") for part in path.parent.parts)
    return next(filter(None, parts), "")


def _names_in(splits: Mapping[Path, str]) -> dict[Path, str]:
    """Return file names that are unique within their splits."""
    names = {}
    for split in set(splits.values()):
        mine = names_of([path for path, its in splits.items() if its == split])
        names |= _unlike_tunes(mine)
    return names


def _unlike_tunes(names: Mapping[Path, str]) -> dict[Path, str]:
    """Return names of files that no tune of a book among them has, such as `book-1`."""
    books = {
        name.casefold() for path, name in names.items() if READERS[path.suffix.lower()].read_all
    }
    apart = [
        f"{name}-{path.suffix[1:]}"
        if (match := TUNE.fullmatch(name.casefold())) and match[1] in books
        else name
        for path, name in names.items()
    ]
    return dict(zip(names, untaken_names(apart)))


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return unique, case-insensitive names for files.

    A name is the file name without its ending, preceded by the names of its folders if several
    files have this name.

    Args:
        paths: the files.

    Example:
        >>> list(names_of([Path("a/x.mid"), Path("b/x.mid"), Path("b/y.mid")]).values())
        ['a-x', 'b-x', 'y']
    """
    stems = Counter(path.stem.casefold() for path in paths)
    root = commonpath([path.parent for path in paths])
    names = [
        path.stem
        if stems[path.stem.casefold()] == 1
        else "-".join(path.relative_to(root).with_suffix("").parts)
        for path in paths
    ]
    return dict(zip(paths, untaken_names(names)))


def labels_of(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """Return a label for each file that shares its name with files of other formats.

    They are the same piece in several formats, possibly with repeats played out in one.

    Args:
        paths: the files.

    Example:
        >>> list(labels_of([Path("a.mid"), Path("b.mid"), Path("b.xml")]).values())
        [[], ['b'], ['b']]
    """
    endings = defaultdict(set)
    for path in paths:
        endings[path.stem.casefold()].add(path.suffix.casefold())
    stems = {path: path.stem.casefold() for path in paths}
    return {path: [stem] * (len(endings[stem]) > 1) for path, stem in stems.items()}
