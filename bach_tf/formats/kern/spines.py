"""The spines of a Humdrum file: which column is whose, while they split, join and change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

MOST_SPINES = 256
KERN = "**kern"
SPLIT, JOIN, EXCHANGE, ADD, END = "*^", "*v", "*x", "*+", "*-"


@dataclass
class Path:
    """A column, from where it begins to where it splits, joins another or ends.

    Args:
        spine: of the file, counted from 0.
        kind: of what is in it, such as "**kern".
        now: when its last note ends, in quarters.
        line: which of the paths of its spine it is, counted from 0. One that splits keeps its
            number, and the new one has the lowest that is free.
    """

    spine: int
    kind: str
    now: Fraction = Fraction(0)
    line: int = 0

    @property
    def is_kern(self) -> bool:
        """Whether it holds notes."""
        return self.kind == KERN


def begin(fields: Sequence[str]) -> list[Path]:
    """Return the paths that a row of exclusive interpretations begins.

    Raises:
        ValueError: something else, or more of them than a piece has.
    """
    if not any(field == KERN for field in fields):
        raise ValueError(f"expected a file in Humdrum **kern, got {fields[0][:40]!r}")
    check_number(fields)
    return [Path(spine, field) for spine, field in enumerate(fields)]


def check_number(fields: Sequence[object]) -> None:
    """Raise `ValueError` for more columns than a piece has."""
    if len(fields) > MOST_SPINES:
        raise ValueError(f"expected at most {MOST_SPINES} spines, got {len(fields)}")


def follow(paths: list[Path], fields: Sequence[str], spines: int) -> list[Path]:
    """Return the paths behind a row of interpretations.

    Args:
        paths: before it.
        fields: of the row, one for each path.
        spines: how many there have been in the file: the number of one that is added.

    Example:
        >>> [path.spine for path in follow(begin(["**kern", "**kern"]), ["*^", "*-"], 2)]
        [0, 0]
    """
    following: list[Path] = []
    joining: list[Path] = []  # neighbours that become one
    for path, field in zip(paths, fields):
        if field == JOIN:
            joining.append(path)
            if len(joining) == 1:
                following.append(path)
            else:
                following[-1].now = max(each.now for each in joining)
            continue
        joining = []
        if field == SPLIT:
            others = [*paths, *following]
            taken = {each.line for each in others if each.spine == path.spine}
            free = next(line for line in count() if line not in taken)
            following += [path, Path(path.spine, path.kind, path.now, free)]
        elif field == ADD:
            following += [path, Path(spines, "", path.now)]
        elif field.startswith("**"):
            following.append(Path(path.spine, field, path.now))
        elif field != END:
            following.append(path)
    exchanged = [place for place, field in enumerate(fields) if field == EXCHANGE]
    if len(exchanged) == 2 and len(following) == len(paths):
        one, other = exchanged
        following[one], following[other] = following[other], following[one]
    check_number(following)
    return following
