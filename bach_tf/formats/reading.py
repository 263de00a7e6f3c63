"""What a reader returns, and the grids on which one may be asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bach_tf._basics.messages import shorten
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
TRIPLETS = Grid(12)  # besides sixteenths
FINE = Grid(48)  # 64ths and their triplets
MILLISECONDS = Grid(100, SECONDS)  # 8 of them
# What a user may ask for. `None` takes the first of the others that fits the file.
GRIDS = {
    "auto": None,
    "sixteenths": SIXTEENTHS,
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

    Raises:
        ValueError: what came is no score, or no rendition.
    """

    score: Score
    rendition: Rendition = PLAIN

    def __post_init__(self):
        for name, kind in (("score", Score), ("rendition", Rendition)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ValueError(f"`{name}` must be a {kind.__name__}. Received: {shorten(value)}")
