"""Text for messages: short, and safe for a terminal, whatever a file or a user has put in."""

from __future__ import annotations

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
