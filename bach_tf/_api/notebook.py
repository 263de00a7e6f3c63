"""Display of a piece in a notebook: its engraved score and a player."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bach_tf.formats.sound.soundfont import HOW_TO_INSTALL
from bach_tf.formats.sound.writing import check_encoder
from bach_tf.score import SECONDS

if TYPE_CHECKING:
    from bach_tf._api.piece import Piece

# Notebooks store their output: 8 bars of four voices take 100 kB, 20 seconds of sound half a
# megabyte.
MOST_BARS, MOST_SECONDS = 32, 60
OPUS = ".opus"


def show(piece: Piece) -> str:
    """Return a piece as HTML: its engraved score, a player, and a note if they are truncated.

    If one of them cannot be made, such as sound without the extra `sound`, a sentence says so in
    its place.

    Args:
        piece: a piece of any length; the display ends after `MOST_BARS` and `MOST_SECONDS`. The
            score of a performance, which has no bars, ends after `MOST_SECONDS` too.

    Example:
        >>> from bach_tf.score import Score
        >>> from bach_tf._api import Piece
        >>> "<svg" in show(Piece(Score.from_grid([[67, 60]])))
        True
    """
    bars = MOST_BARS * piece.score.steps_per_bar, f"{MOST_BARS} bars"
    seconds = int(steps_in(piece, MOST_SECONDS)), f"{MOST_SECONDS} seconds"
    page = seconds if piece.score.timing == SECONDS else bars
    parts = [_or_reason(_engraved, piece, *page), _or_reason(_player, piece, *seconds)]
    return f'<div style="color: black; background: white">{"".join(parts)}</div>'


def _or_reason(make: Callable[[Piece], str], piece: Piece, steps: int, shown: str) -> str:
    """Return `make` of the first steps of a piece, or a sentence saying why it cannot be made."""
    longer = piece.score.length > steps
    piece = replace(piece, score=piece.score.opening(steps)) if longer else piece
    try:
        made = make(piece)
    except ValueError as error:
        return f"<p>{escape(str(error))}</p>"
    return made + (f"<p>The first {shown} of the piece.</p>" if longer else "")


def _engraved(piece: Piece) -> str:
    return f'<div style="overflow: auto">{_written(piece, ".svg").decode("utf-8")}</div>'


def _player(piece: Piece) -> str:
    try:
        check_encoder(OPUS)
    except ValueError:
        raise ValueError(
            f"No player: it needs soundfile. {HOW_TO_INSTALL} Without it, use "
            'piece.save("piece.wav").'
        ) from None
    sound = base64.b64encode(_written(piece, OPUS)).decode("ascii")
    return f'<audio controls src="data:audio/ogg;base64,{sound}"></audio>'


def _written(piece: Piece, ending: str) -> bytes:
    """Return the contents of a file with the piece."""
    with tempfile.TemporaryDirectory() as folder:
        return piece.save(Path(folder) / f"piece{ending}").read_bytes()


def steps_in(piece: Piece, seconds: float) -> float:
    """Return the number of steps that sound within some seconds, at the piece's first tempo."""
    return seconds * piece.tempo_qpm / 60 * piece.score.steps_per_quarter
