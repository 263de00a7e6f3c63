"""Results and warnings of readers, and the grids for files that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bach_tf._basics.messages import shortened
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import BEATS, PERFORMANCE_TEMPO_QPM, SECONDS, STEPS_PER_QUARTER, Score


class Grid(NamedTuple):
    """The grid on which to read a file that has none of its own.

    Args:
        steps_per_quarter: of the score.
        timing: "beats", or "seconds" for a performance.
    """

    steps_per_quarter: int
    timing: str = BEATS

    @property
    def steps_per_second(self) -> int:
        """Steps per second of a grid in seconds."""
        return self.steps_per_quarter * PERFORMANCE_TEMPO_QPM // 60


SIXTEENTHS = Grid(STEPS_PER_QUARTER)
THIRTY_SECONDS = Grid(8)
TRIPLETS = Grid(12)  # besides sixteenths
FINE = Grid(48)  # 64ths and their triplets
MILLISECONDS = Grid(100, SECONDS)  # 8 of them
# Choices for users. `None` stands for the grid that fits the file.
GRIDS = {
    "auto": None,
    "sixteenths": SIXTEENTHS,
    "thirty-seconds": THIRTY_SECONDS,
    "triplets": TRIPLETS,
    "fine": FINE,
    "seconds": MILLISECONDS,
}


@dataclass(frozen=True)
class Piece:
    """A score and its rendition.

    Args:
        score: the music.
        rendition: overrides of the score's own tempo and instruments for writing.
        warnings: a sentence for each kind of repair, omission or choice that the reader made; not
            part of equality.

    Raises:
        ValueError: not a score, or not a rendition.
    """

    score: Score
    rendition: Rendition = PLAIN
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self):
        for name, kind in (("score", Score), ("rendition", Rendition)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ValueError(
                    f"`{name}` must be a {kind.__name__}. Received: {shortened(value, quote=True)}"
                )


class ReadingWarning(UserWarning):
    """A file was read with a repair, an omission or a choice."""


class Notices:
    """Collects a reader's reports on a file, one sentence per kind.

    A fault that occurs many times is reported once, with its first place and the count.

    Args:
        path: of the file; sentences begin with its name.
        strict: raise at the first fault.

    Example:
        >>> notices = Notices(Path("a.mid"))
        >>> for byte in (31, 39):
        ...     notices.fault("velocities above 127 are read as 127", f"track 2, byte {byte}")
        >>> notices.sentences
        ('a.mid: track 2, byte 31: velocities above 127 are read as 127 (2 times)',)
    """

    def __init__(self, path: Path, strict: bool = False):
        self._path = path
        self._strict = strict
        self._places: dict[str, tuple[str, int]] = {}  # the first of each kind, and how many

    def fault(self, what: str, place: str = "") -> None:
        """Report a violation of the format and how it was handled.

        Args:
            what: a sentence, identical for all faults of the kind.
            place: such as "track 2, byte 31", or "line 7".

        Raises:
            ValueError: if reading is strict.
        """
        if self._strict:
            raise ValueError(self._sentence(what, place))
        self.remark(what, place)

    def remark(self, what: str, place: str = "") -> None:
        """Report a choice or an omission for a valid file."""
        first, times = self._places.get(what, (place, 0))
        self._places[what] = first, times + 1

    @property
    def sentences(self) -> tuple[str, ...]:
        """All reports in order, for `Piece.warnings`."""
        return tuple(self._sentence(what, *where) for what, where in self._places.items())

    def _sentence(self, what: str, place: str, times: int = 1) -> str:
        often = f" ({times} times)" if times > 1 else ""
        return ": ".join(filter(None, (self._path.name, place, what))) + often
