"""Registry lookup with helpful errors, and what a message repeats of a user's input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TypeVar

from bach_tf._basics.messages import printable, shorten

Entry = TypeVar("Entry")
LONGEST_QUOTE = 80  # characters of what a user gave that a message repeats


def choose(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return `table[name]`.

    Args:
        table: one of `CORPORA`, `CODECS`, `MODELS`, `PRESETS`.
        name: what the user asked for.
        kind: what the entries are, for the message.

    Raises:
        ValueError: the table has no such name; the message lists those it has, and the nearest.

    Example:
        >>> choose({"satb": 4}, "satb", "codec")
        4
    """
    if isinstance(name, str) and name in table:
        return table[name]
    shown = f"'{shortened(name)}'" if isinstance(name, str) else shorten(name)
    choices = ", ".join(sorted(table))
    raise ValueError(f"Unknown {kind} {shown}. Choose from: {choices}.{nearest(name, table)}")


def nearest(name: object, names: Iterable[str]) -> str:
    """Return a hint at the name that a user may have meant; "" where none comes close.

    Example:
        >>> nearest("adma", ["adam", "nadam"])
        " Did you mean 'adam'?"
    """
    if not isinstance(name, str) or len(name) > LONGEST_QUOTE:
        return ""
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def shortened(value: object, longest: int = LONGEST_QUOTE) -> str:
    """Return what came, as a message repeats it: on one line, and never a long one.

    Args:
        value: text, a path, or what is shown as Python writes it. Of a path the end is kept, which
            names the file.
        longest: characters that are left as they are.

    Example:
        >>> shortened("C4 " * 1000, longest=10), shortened(7)
        ('C4 C4 C4 C ... (3,000 characters)', '7')
        >>> shortened(PurePath("pieces/of/many/composers/hymn.mid"), longest=15)
        '...posers/hymn.mid'
    """
    if isinstance(value, PurePath):
        return _end_of(str(value), longest)
    text = value if isinstance(value, str) else repr(value)
    kept = printable(text[:longest], None)
    return kept if len(text) <= longest else f"{kept} ... ({len(text):,} characters)"


def _end_of(path: str, longest: int) -> str:
    kept = printable(path[-longest:], None)
    return kept if len(path) <= longest else f"...{kept}"
