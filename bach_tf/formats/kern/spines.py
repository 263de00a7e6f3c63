"""The spines of a Humdrum file: the owner of each column as they split, join and exchange."""

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
    """A column of a file, from its beginning to where it joins another or ends.

    Args:
        spine: the spine of the file, counted from 0.
        kind: the exclusive interpretation, such as "**kern".
        now: the end of its last note, in quarters.
        line: its number among the paths of the spine, counted from 0. A path that splits keeps
            its number; the new path takes the lowest free one.
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
    """Return the paths opened by a row of exclusive interpretations.

    Raises:
        ValueError: no `**kern`, or more spines than `MOST_SPINES`.
    """
    if not any(field == KERN for field in fields):
        raise ValueError(f"expected a file in Humdrum **kern, got {fields[0][:40]!r}")
    check_number(fields)
    return [Path(spine, field) for spine, field in enumerate(fields)]


def check_number(fields: Sequence[object]) -> None:
    """Raise `ValueError` for more columns than `MOST_SPINES`."""
    if len(fields) > MOST_SPINES:
        raise ValueError(f"expected at most {MOST_SPINES} spines, got {len(fields)}")


def follow(paths: list[Path], fields: Sequence[str], spines: int) -> list[Path]:
    """Return the paths after a row of interpretations.

    Args:
        paths: the paths before it.
        fields: the fields of the row, one per path.
        spines: the number of spines so far, which is the number of an added one.

    Example:
        >>> [path.spine for path in follow(begin(["**kern", "**kern"]), ["*^", "*-"], 2)]
        [0, 0]
    """
    following: list[Path] = []
    joining: list[Path] = []  # adjacent paths that become one
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
