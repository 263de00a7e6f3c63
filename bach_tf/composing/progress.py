"""The progress of a call that generates music, as a fraction of its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Report = Callable[[float], None]  # called with the fraction done; an exception stops the work


def unheard(done: float) -> None:
    """Report to nobody."""


def rising(report: Report) -> Report:
    """Return a report of fractions in 0..1 that never fall.

    Args:
        report: called with each of them, also when nothing has changed.

    Example:
        >>> heard: list[float] = []
        >>> say = rising(heard.append)
        >>> say(0.25), say(0.5), say(0.25)
        (None, None, None)
        >>> heard
        [0.25, 0.5, 0.5]
    """
    most = 0.0

    def say(done: float) -> None:
        nonlocal most
        most = max(most, min(float(done), 1.0))
        report(most)

    return say


def part(report: Report, start: float, end: float) -> Report:
    """Return the report of a part of the work.

    Args:
        report: the report of the whole.
        start: fraction of the whole at which the part begins.
        end: fraction at which it ends.

    Example:
        >>> part(print, 0.5, 1.0)(0.5)
        0.75
    """
    return lambda done: report(start + done * (end - start))


def halving(report: Report, start: float) -> Iterator[Report]:
    """Yield reports of parts whose number is not known: each has half of the rest of the work.

    Args:
        report: the report of the whole.
        start: fraction of the whole at which the first part begins.

    Example:
        >>> from itertools import islice
        >>> for heard in islice(halving(print, 0.5), 2):
        ...     heard(1.0)
        0.75
        0.875
    """
    while True:
        middle = (start + 1) / 2
        yield part(report, start, middle)
        start = middle
