"""The options of `Run.generate` and `Run.harmonize`, for type checkers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from bach_tf._api.piece import Piece
from bach_tf.score import Score

Progress = Callable[[float], None]
Primer = str | Path | Piece | Score


class Options(TypedDict, total=False):
    """The options of `Run.generate`."""

    candidates: int | None
    bars: int | None
    length: int | None
    min_bars: int | None
    seed: int | None
    temperature: float | None
    top_k: int
    top_p: float
    primer: Primer | None
    primer_length: int | None
    quantize: bool
    transpose: int | str
    unfold: bool
    tune: int | None
    tempo: float | None
    metre: str | None
    upbeat: float | None
    rules: str | Sequence[str] | None
    program: int | str | None
    progress: Progress | None


class HarmonizingOptions(TypedDict, total=False):
    """The options of `Run.harmonize`."""

    voice: str
    keep: str | Sequence[str] | None
    rewrite: str | None
    key: str | None
    primer: Primer | None
    particles: int | None
    candidates: int | None
    rules: str | Sequence[str] | None
    range: str | Mapping[str, tuple[int, int]] | None
    progress: Progress | None
    temperature: float | None
    seed: int | None
    quantize: bool
    unfold: bool
    tune: int | None
    tempo: float | None
    program: int | str | None
