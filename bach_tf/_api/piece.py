"""A piece, and its methods for users."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bach_tf._api import notebook
from bach_tf.formats import reading, write


@dataclass(frozen=True, repr=False)
class Piece(reading.Piece):
    """A piece that was written or read. In a notebook it shows its score and a player.

    Args:
        score: what there is to know of the music.
        rendition: how it is to be written, where that is not as the score says.

    Example:
        >>> from bach_tf.score import Score
        >>> Piece(Score.from_grid([[67, 60]] * 16, title="A chord"))
        Piece('A chord': 1 bar, 2 notes, 2 voices, 90 quarters a minute)
    """

    @classmethod
    def of(cls, piece: reading.Piece) -> Piece:
        """Return a piece that a room has read."""
        return cls(**vars(piece))

    def save(self, path: str | Path, **how: Any) -> Path:
        """Write the piece in the format of the path's ending; return the path.

        Args:
            path: its ending is one of `bach_tf.formats.WRITERS`: `.mid`, `.wav`, `.opus`,
                `.musicxml`, `.svg`, `.pdf`, `.png`, `.csv`. Folders on the way are made.
            **how: fields of `bach_tf.formats.rendition.Rendition` that are to be others than those
                of the piece, such as `tuning="werckmeister3"` for sound.

        Raises:
            ValueError: an unknown ending, a wish that cannot be, or a piece that the format cannot
                hold.

        Example:
            >>> from bach_tf.score import Score
            >>> piece = Piece(Score.from_grid([[67, 60]]))
            >>> piece.save("two.mid")  # doctest: +SKIP
            PosixPath('two.mid')
        """
        path = Path(path)
        write(self.score, path, replace(self.rendition, **how))
        return path

    @property
    def tempo_qpm(self) -> float:
        """Quarter notes a minute at which the piece begins."""
        return self.rendition.tempo_of(self.score)

    def __repr__(self) -> str:
        score = self.score
        bars = score.length / score.steps_per_bar
        title = f"{score.title!r}: " if score.title else ""
        voices = f"{score.voices} voice{'s' * (score.voices != 1)}"
        return (
            f"Piece({title}{bars:.3g} bar{'s' * (bars != 1)}, {len(score)} notes, {voices}, "
            f"{self.tempo_qpm:g} quarters a minute)"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return notebook.show(self)
