"""Objects named by a registry, imported when first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(home: str) -> Any:
    """Return the object that a string such as "module:name" refers to.

    Args:
        home: full module name, a colon, and the name in that module.

    Example:
        >>> load("math:gcd")(12, 18)
        6
    """
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)
