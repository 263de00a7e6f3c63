"""What a reader returns and warns of, and the grids on which one may be asked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bach_tf._basics.messages import shortened
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import BEATS, PERFORMANCE_TEMPO_QPM, SECONDS, STEPS_PER_QUARTER, Score


class Grid(NamedTuple):
    """The steps on which a file is read that has none of its own.

    Args:
        steps_per_quarter: of a score on it.
        timing: "beats", or "seconds" for notes where they sound.
    """

    steps_per_quarter: int
    timing: str = BEATS

    @property
    def steps_per_second(self) -> int:
        """Steps in a second of a grid that counts seconds."""
        return self.steps_per_quarter * PERFORMANCE_TEMPO_QPM // 60


SIXTEENTHS = Grid(STEPS_PER_QUARTER)
THIRTY_SECONDS = Grid(8)
TRIPLETS = Grid(12)  # besides sixteenths
FINE = Grid(48)  # 64ths and their triplets
MILLISECONDS = Grid(100, SECONDS)  # 8 of them
# What a user may ask for. `None` takes the first of the others that fits the file.
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
    """A score, and how it is to be written.

    Args:
        score: what there is to know of the music.
        rendition: what takes the place of it.
        warnings: a sentence for each kind of thing that its file has, and that was mended, left
            out or chosen in reading; pieces are equal whatever was said of them.

    Raises:
        ValueError: what came is no score, or no rendition.
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
    """A file was read, and something in it was mended, left out or chosen."""


class Notices:
    """What a reader has to say of a file, a sentence for each kind.

    A thing that a file does a thousand times is said once, with the first place and the number.

    Args:
        path: of the file, whose name begins each sentence.
        strict: refuse the file at its first fault.

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
        """Note what a file should not have, and what was made of it.

        Args:
            what: in words, the same for all of a kind.
            place: such as "track 2, byte 31", or "line 7".

        Raises:
            ValueError: where reading is strict.
        """
        if self._strict:
            raise ValueError(self._sentence(what, place))
        self.remark(what, place)

    def remark(self, what: str, place: str = "") -> None:
        """Note what had to be chosen or left out in a file that is as it should be."""
        first, times = self._places.get(what, (place, 0))
        self._places[what] = first, times + 1

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was noted, in order, for `Piece.warnings`."""
        return tuple(self._sentence(what, *where) for what, where in self._places.items())

    def _sentence(self, what: str, place: str, times: int = 1) -> str:
        often = f" ({times} times)" if times > 1 else ""
        return ": ".join(filter(None, (self._path.name, place, what))) + often
