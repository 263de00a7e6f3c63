"""A piece with all that can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bach_tf._api import notebook
from bach_tf.formats import SOUNDS, WITH_PRIMER, reading, render


@dataclass(frozen=True, repr=False)
class Piece(reading.Piece):
    """A piece that was written or read. In a notebook it shows its score and a player.

    Args:
        score: the notes.
        tempo_qpm: quarter notes a minute.
        program: General MIDI instrument, 0..127.
        voice_names: where they are known.
        programs: the instrument of each voice, where they are known.
        primer_steps: how much of the beginning was given, and not made by a model.

    Example:
        >>> from bach_tf.score import Score
        >>> Piece(Score.from_grid([[67, 60]] * 16, title="A chord"))
        Piece('A chord': 1 bar, 2 notes, 2 voices, 90 quarters a minute)
    """

    primer_steps: int = 0

    @classmethod
    def of(cls, piece: reading.Piece) -> Piece:
        """Return a piece that a room has read."""
        return cls(**vars(piece))

    def save(self, path: str | Path, **how: Any) -> Path:
        """Write the piece in the format of the path's ending; return the path.

        Args:
            path: its ending is one of `bach_tf.formats.RENDERERS`: `.mid`, `.wav`, `.opus`,
                `.musicxml`, `.svg`, `.pdf`, `.png`, `.csv`. Folders on the way are made.
            **how: what the writer of the format takes beside, such as `tuning="werckmeister3"`
                for sound.

        Raises:
            ValueError: an unknown ending, or a piece that the format cannot hold.

        Example:
            >>> from bach_tf.score import Score
            >>> piece = Piece(Score.from_grid([[67, 60]]))
            >>> piece.save("two.mid")  # doctest: +SKIP
            PosixPath('two.mid')
        """
        path = Path(path)
        render(self.score, path, **{**self._style(path.suffix), **how})
        return path

    def _style(self, ending: str) -> dict[str, Any]:
        names = ["tempo_qpm", "program", "voice_names"]
        names += ["programs"] * (ending in SOUNDS) + ["primer_steps"] * (ending in WITH_PRIMER)
        return {name: getattr(self, name) for name in names}

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
