"""Text for messages: short, and safe to print, whatever a file or a user put into it."""

from __future__ import annotations

import reprlib
from pathlib import PurePath

LONGEST = 80  # characters of a value
LONGEST_LINE = 240  # a damaged file may be one endless line


def shortened(value: object, longest: int | None = LONGEST, *, quote: bool = False) -> str:
    r"""Return a value as a message shows it: on one line, short, without control characters.

    Args:
        value: text, a path, or anything else, which is shown by its `repr`. A long path keeps
            its end, which names the file.
        longest: maximum number of characters to keep; `None` for all.
        quote: whether to use the `repr` of text and paths too, to tell "7" from 7.

    Example:
        >>> shortened("C4 " * 1000, 10), shortened("4d\x1b[2J"), shortened([1] * 1000)
        ('C4 C4 C4 C ... (3,000 characters)', '4d\\x1b[2J', '[1, 1, 1, 1, 1, 1, ...]')
        >>> shortened(PurePath("pieces/of/many/composers/hymn.mid"), 15)
        '...posers/hymn.mid'
    """
    if quote or not isinstance(value, str | PurePath):
        text = _ShortRepr().repr(value)
        return text if longest is None or len(text) <= longest else f"{text[: longest - 3]}..."
    text = str(value)
    if longest is None or len(text) <= longest:
        return _printable(text)
    if isinstance(value, PurePath):
        return f"...{_printable(text[-longest:])}"
    return f"{_printable(text[:longest])} ... ({len(text):,} characters)"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class _ShortRepr(reprlib.Repr):
    """The `repr` of values of any size and depth, abbreviated."""

    def __init__(self):
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = LONGEST
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 6

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python refuses to print integers of more than 4,300 digits
            return "a number of thousands of digits"
