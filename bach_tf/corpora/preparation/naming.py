"""Names of pieces, which become file names."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable

LONGEST_NAME = 100  # bytes; some file systems allow 143, most 255


def untaken_names(names: Iterable[str]) -> list[str]:
    """Make names unique by appending numbers.

    Case is ignored, as in some file systems.

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
            latest[folded] = max(latest[folded], 1) + 1  # do not count up from 2 every time
            free = f"{name}-{latest[folded]}"
        taken.add(free.casefold())
        untaken.append(free)
    return untaken


def storable_name(name: str) -> str:
    """Return a name that is valid on every file system, truncated if necessary.

    Example:
        >>> storable_name("air"), len(storable_name("air" * 100))
        ('air', 109)
    """
    encoded = os.fsencode(name)
    if len(encoded) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]  # long names may begin alike
    return f"{os.fsdecode(encoded[:LONGEST_NAME])}-{digest}"
