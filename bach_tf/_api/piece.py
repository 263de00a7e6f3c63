"""A piece, and its methods for users."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from bach_tf._api import notebook
from bach_tf._api.arguments import path_of
from bach_tf._basics.choices import choose
from bach_tf.formats import reading, write
from bach_tf.formats.rendition import Rendition
from bach_tf.score import SECONDS

SETTINGS = {field.name: field for field in fields(Rendition)}


@dataclass(frozen=True, repr=False)
class Piece(reading.Piece):
    """A piece that was written or read. In a notebook it shows its score and a player.

    Args:
        score: what there is to know of the music.
        rendition: how it is to be written, where that is not as the score says.

    Example:
        >>> from bach_tf.score import Score
        >>> Piece(Score.from_grid([[67, 60]] * 16, title="A chord"))
        Piece('A chord': 1 bar, 2 notes, 2 voices, 90 bpm)
    """

    @classmethod
    def of(cls, piece: reading.Piece) -> Piece:
        """Return a piece that a room has read."""
        return cls(**vars(piece))

    def save(self, path: str | Path, **how: Any) -> Path:
        """Write the piece in the format of the path's ending; return the path.

        Args:
            path: its ending is one of `bach_tf.formats.WRITERS`: `.mid`, `.wav`, `.opus`,
                `.musicxml`, `.svg`, `.pdf`, `.png`, `.csv`, in small or capital letters. Folders
                on the way are made.
            **how: fields of `bach_tf.formats.rendition.Rendition` that are to be others than those
                of the piece, such as `tuning="werckmeister3"` for sound.

        Raises:
            ValueError: an unknown ending or field, a wish that cannot be, or a piece that the
                format cannot hold.

        Example:
            >>> from bach_tf.score import Score
            >>> piece = Piece(Score.from_grid([[67, 60]]))
            >>> piece.save("two.mid")  # doctest: +SKIP
            PosixPath('two.mid')
        """
        path = path_of("path", path)
        for name in how:
            choose(SETTINGS, name, "setting")
        write(self.score, path, replace(self.rendition, **how))
        return path

    @property
    def tempo_qpm(self) -> float:
        """Quarter notes per minute at which the piece begins."""
        return self.rendition.tempo_of(self.score)

    def __repr__(self) -> str:
        score = self.score
        title = f"{score.title!r}: " if score.title else ""
        notes, voices = _counted(len(score), "note"), _counted(score.voices, "voice")
        if score.timing == SECONDS:  # bars and quarters mean nothing there
            seconds = score.length / notebook.steps_in(self, 1)
            return f"Piece({title}{_counted(seconds, 'second')}, {notes}, {voices})"
        bars = _counted(score.length / score.steps_per_bar, "bar")
        return f"Piece({title}{bars}, {notes}, {voices}, {self.tempo_qpm:g} bpm)"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return notebook.show(self)


def _counted(number: float, what: str) -> str:
    shown = f"{number}" if isinstance(number, int) else f"{number:.3g}"
    return f"{shown} {what}{'s' * (number != 1)}"
