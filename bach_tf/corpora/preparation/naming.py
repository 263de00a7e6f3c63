"""Names of pieces, which become names of files."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable

LONGEST_NAME = 100  # bytes of the name of a piece: some file systems hold 143, most 255


def untaken_names(names: Iterable[str]) -> list[str]:
    """Return the names, with a number behind those that are taken already.

    Without regard to capitals, because some file systems know no difference.

    Example:
        >>> untaken_names(["air", "gigue", "Air"])
        ['air', 'gigue', 'Air-2']
    """
    taken: set[str] = set()
    latest: Counter[str] = Counter()
    untaken = []
    for name in names:
        folded = name.casefold()
        free = name
        while free.casefold() in taken:
            latest[folded] = max(latest[folded], 1) + 1  # not from 2 on for each of thousands
            free = f"{name}-{latest[folded]}"
        taken.add(free.casefold())
        untaken.append(free)
    return untaken


def storable_name(name: str) -> str:
    """Return a name that every file system can hold; one that is too long is cut.

    Example:
        >>> storable_name("air"), len(storable_name("air" * 100))
        ('air', 109)
    """
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]  # two may begin alike
    return f"{os.fsdecode(encoded[:LONGEST_NAME])}-{digest}"
