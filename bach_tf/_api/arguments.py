"""Validation of arguments that are paths, pieces or names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bach_tf import formats
from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec
from bach_tf.composing.fitting import Fit
from bach_tf.composing.progress import Report, rising, unheard
from bach_tf.composing.requests import read_piece
from bach_tf.formats import reading
from bach_tf.score import Score


def path_of(name: str, value: Any, *others: str) -> Path:
    """Return an argument as a path.

    Args:
        name: the argument's name, for the error message.
        value: the argument.
        *others: what else it may be, in words.

    Raises:
        ValueError: if it is neither text nor a path.

    Example:
        >>> path_of("path", "a.mid").name
        'a.mid'
    """
    if isinstance(value, (str, os.PathLike)):
        return Path(value)
    kinds = " or ".join(("a path, as text or `Path`", *others))
    raise ValueError(f"`{name}` must be {kinds}. Received: {shortened(value, quote=True)}")


def score_of(name: str, value: Any, grid: reading.Grid) -> Score:
    """Return the score of an argument that is a piece, a score or a file.

    Args:
        name: the argument's name, for the error message.
        value: the argument.
        grid: for files that have no grid of their own.

    Raises:
        ValueError: if it is none of these, or a file that cannot be read.
    """
    if isinstance(value, Score):
        return value
    if isinstance(value, reading.Piece):
        return value.score
    return formats.read(path_of(name, value, "a piece", "a score"), grid).score


def grid_of(codec: Codec) -> reading.Grid:
    """Return the grid of a codec, for files that have none of their own.

    Example:
        >>> from bach_tf.codecs import SatbCodec
        >>> grid_of(SatbCodec()).steps_per_quarter
        4
    """
    return reading.Grid(codec.steps_per_quarter, codec.timing)


def given_score(name: str, value: Any, fit: Fit) -> Score:
    """Return the score of a piece with given notes, with the tempo and parts of its rendition.

    Args:
        name: the argument's name.
        value: a piece, a score, or a file.
        fit: how a file is read.

    Raises:
        ValueError: if it is none of these, or the file cannot be read.
    """
    if isinstance(value, reading.Piece):
        return as_rendered(value.score, value)
    if isinstance(value, Score):
        return value
    return read_piece(path_of(name, value, "a piece", "a score"), fit)


def as_rendered(score: Score, piece: Any) -> Score:
    """Return the score of a piece with the tempo and instruments of its rendition.

    Args:
        score: the score.
        piece: where it comes from; only pieces have renditions.
    """
    if not isinstance(piece, reading.Piece):
        return score
    rendition = piece.rendition
    if rendition.tempo_qpm is not None:
        score = replace(score, tempi=((0, rendition.tempo_qpm),))
    if rendition.program is not None or rendition.programs:
        score = replace(score, parts=tuple(rendition.parts_of(score)))
    return score


def names_of(name: str, value: Any) -> str:
    """Return names, given as a list or separated by commas, as text with commas.

    Raises:
        ValueError: if it is neither text nor a list of text.

    Example:
        >>> names_of("formats", ["onnx", "keras"])
        'onnx,keras'
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"`{name}` must be text or a list of text. Received: {shortened(value)}")
    return ",".join(value)


def names_in(name: str, value: Any) -> tuple[str, ...]:
    """Return names, as a list or with commas between them, one by one.

    Raises:
        ValueError: neither text nor a list of text.

    Example:
        >>> names_in("keep", "soprano, bass")
        ('soprano', 'bass')
    """
    return tuple(each.strip() for each in names_of(name, value).split(","))


def report_of(progress: Any) -> Report:
    """Return the report of a call's progress, of fractions that never fall.

    Args:
        progress: the function that is called with them; `None` for none.

    Raises:
        ValueError: if it cannot be called.
    """
    if progress is None:
        return unheard
    if not callable(progress):
        raise ValueError(
            "`progress` must be a function, which is called with the fraction done. "
            f"Received: {shortened(progress)}"
        )
    return rising(progress)


def settings_of(name: str, value: Any) -> dict[str, Any]:
    """Return settings as a dict; empty for `None`.

    Raises:
        ValueError: if it is not a mapping.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(
            f"`{name}` must be names and values, as {{...}}. Received: {shortened(value)}"
        )
    return dict(value)
