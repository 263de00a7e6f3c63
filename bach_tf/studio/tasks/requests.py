"""Values of a request, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from bach_tf._basics.messages import shortened


@overload
def text(request: Mapping[str, Any], name: str, default: str) -> str: ...


@overload
def text(request: Mapping[str, Any], name: str, default: None = None) -> str | None: ...


def text(request: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """Return a text of a request; the default where it is missing or null."""
    value = request.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ValueError(f"`{name}` must be text. Received: {shortened(value, quote=True)}")
    return value


@overload
def whole(request: Mapping[str, Any], name: str, default: int) -> int: ...


@overload
def whole(request: Mapping[str, Any], name: str, default: None = None) -> int | None: ...


def whole(request: Mapping[str, Any], name: str, default: int | None = None) -> int | None:
    """Return a whole number of a request; the default where it is missing or null."""
    value = request.get(name)
    if value is None:
        return default
    if type(value) is not int:
        raise ValueError(
            f"`{name}` must be a whole number. Received: {shortened(value, quote=True)}"
        )
    return value
