"""A piece, and its methods for users."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bach_tf._api import notebook
from bach_tf._api.arguments import path_of
from bach_tf._basics.choices import choose
from bach_tf.formats import reading, write
from bach_tf.formats.rendition import Rendition
from bach_tf.score import SECONDS

SETTINGS = {each.name: each for each in fields(Rendition)}


@dataclass(frozen=True, repr=False)
class Piece(reading.Piece):
    """A generated or loaded piece. In a notebook it shows its score and a player.

    Args:
        score: the music.
        rendition: how to render it, where that differs from the score.

    Example:
        >>> from bach_tf.score import Score
        >>> Piece(Score.from_grid([[67, 60]] * 16, title="A chord"))
        Piece('A chord': 1 bar, 2 notes, 2 voices, 90 bpm)
    """

    @classmethod
    def of(cls, piece: reading.Piece) -> Piece:
        """Convert a piece returned by `bach_tf.formats`."""
        return cls(**vars(piece))

    def save(self, path: str | Path, **how: Any) -> Path:
        """Write the piece in the format given by the path's ending; return the path.

        Args:
            path: its ending is one of `bach_tf.formats.WRITERS`: `.mid`, `.wav`, `.opus`,
                `.musicxml`, `.svg`, `.pdf`, `.png`, `.csv`, in lower or upper case. Missing
                folders are created.
            **how: fields of `bach_tf.formats.rendition.Rendition` that override those of the
                piece, such as `tuning="werckmeister3"` for sound.

        Raises:
            ValueError: if the ending or a field is unknown, a value is invalid, or the format
                cannot represent the piece.

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
        """Initial tempo in quarter notes per minute."""
        return self.rendition.tempo_of(self.score)

    def __repr__(self) -> str:
        score = self.score
        title = f"{score.title!r}: " if score.title else ""
        notes, voices = _counted(len(score), "note"), _counted(score.voices, "voice")
        if score.timing == SECONDS:  # bars and quarters are meaningless
            seconds = score.length / notebook.steps_in(self, 1)
            return f"Piece({title}{_counted(seconds, 'second')}, {notes}, {voices})"
        bars = _counted(score.length / score.steps_per_bar, "bar")
        return f"Piece({title}{bars}, {notes}, {voices}, {self.tempo_qpm:g} bpm)"

    def _repr_html_(self) -> str:
        """Return the display in a notebook."""
        return notebook.show(self)


@dataclass(frozen=True, repr=False)
class Version(Piece):
    """A piece of which some notes were given, as `Run.harmonize` returns it.

    Args:
        score: what there is to know of the music.
        rendition: how it is to be written; `given` says which notes were given.
        facts: what is measured of it, by the names of `bach-tf harmonize --json`: `nats`,
            `nats_per_token`, `grade`, `faults`, `cost`, `given_nats`, `interventions`; and
            `recommended`, whether it is the one to take of those that were asked for.
    """

    facts: dict[str, Any] = field(default_factory=dict, compare=False)


def _counted(number: float, what: str) -> str:
    shown = f"{number}" if isinstance(number, int) else f"{number:.3g}"
    return f"{shown} {what}{'s' * (number != 1)}"
