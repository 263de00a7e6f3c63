"""Registry lookup with helpful errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from bach_tf._basics.messages import shortened

Entry = TypeVar("Entry")
LONGEST_NAME = 80  # characters; a longer one gets no hint


def choose(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return `table[name]`.

    Args:
        table: a registry, such as `CORPORA`, `CODECS`, `MODELS` or `PRESETS`.
        name: the requested entry.
        kind: what the entries are, for the error message.

    Raises:
        ValueError: if there is no such entry; the message lists the choices and the closest match.

    Example:
        >>> choose({"satb": 4}, "satb", "codec")
        4
    """
    if isinstance(name, str) and name in table:
        return table[name]
    shown = f"'{shortened(name)}'" if isinstance(name, str) else shortened(name)
    choices = ", ".join(sorted(table))
    raise ValueError(f"Unknown {kind} {shown}. Choose from: {choices}.{nearest(name, table)}")


def nearest(name: object, names: Iterable[str]) -> str:
    """Return a "did you mean" hint for a mistyped name; "" when nothing is close.

    Example:
        >>> nearest("adma", ["adam", "nadam"])
        " Did you mean 'adam'?"
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return ""
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
