"""Text about pieces that a corpus leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bach_tf._basics.messages import LONGEST_LINE, shortened

FEW_REASONS = 3  # number of left-out pieces named in a sentence
MOST_LINES = 10  # number of them listed line by line


def lines_of(reasons: Mapping[str, str]) -> list[str]:
    """Return a line for each name with its reason.

    Example:
        >>> lines_of({"a.mid": "no notes"})
        ['a.mid: no notes']
    """
    return [
        f"{shortened(name)}: {shortened(reason, LONGEST_LINE)}" for name, reason in reasons.items()
    ]


def listed(lines: Sequence[str], where: str = "") -> str:
    """Return the first lines, indented, and the number of others.

    Args:
        lines: lines without line ends.
        where: where to find all of them.

    Example:
        >>> listed(["a.mid: no notes"])
        '  a.mid: no notes'
    """
    more = len(lines) - MOST_LINES
    rest = [f"and {more} more{'; ' * bool(where)}{where}"] if more > 0 else []
    return "\n".join(f"  {line}" for line in [*lines[:MOST_LINES], *rest])


def few_reasons(reasons: dict[str, str]) -> str:
    """Return the first few names with their reasons in one line.

    Example:
        >>> few_reasons({"a.mid": "no notes", "b.mid": "no notes"})
        'a.mid: no notes; b.mid: no notes'
    """
    more = ["and others"] if len(reasons) > FEW_REASONS else []
    return "; ".join(lines_of(reasons)[:FEW_REASONS] + more)
