"""Objects that a registry names, imported only when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(home: str) -> Any:
    """Return the object that a text such as "module:name" stands for.

    Args:
        home: full name of the module, a colon, and the name in it.

    Example:
        >>> load("math:gcd")(12, 18)
        6
    """
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)
