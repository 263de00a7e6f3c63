"""Names that a user gives for entries of our dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


def choose(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return `table[name]`.

    Args:
        table: one of `CORPORA`, `CODECS`, `MODELS`, `PRESETS`.
        name: what the user asked for.
        kind: what the entries are, for the message.

    Raises:
        ValueError: the table has no such name; the message lists those it has.

    Example:
        >>> choose({"satb": 4}, "satb", "codec")
        4
    """
    if name not in table:
        raise ValueError(f"Unknown {kind} {name!r}. Choose from: {', '.join(sorted(table))}.")
    return table[name]
