"""Text for messages: short, and safe for a terminal, whatever a file or a user has put in."""

from __future__ import annotations

import reprlib
from typing import Any

WIDTH = 80  # of a value
WIDEST = 240  # characters of a line: a broken file may have one endless line


def printable(line: str, widest: int | None = WIDEST) -> str:
    r"""Return one short line that a terminal cannot take for commands.

    Args:
        line: what a message is to show.
        widest: characters to show; all of them when `None`.

    Example:
        >>> printable("4d\x1b[2J"), printable("x" * 600_000, widest=3)
        ('4d\\x1b[2J', 'xxx...')
    """
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line[:widest])
    return shown if widest is None or len(line) <= widest else f"{shown}..."


class _Short(reprlib.Repr):
    """Of values of any size and depth."""

    def __init__(self):
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = WIDTH
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 6

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python prints no number of more than 4,300 digits
            return "a number of thousands of digits"


def shorten(value: Any) -> str:
    """Return a value as Python writes it, in one line and not much wider than 80 characters.

    Example:
        >>> shorten([1] * 1000)
        '[1, 1, 1, 1, 1, 1, ...]'
    """
    text = _Short().repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
