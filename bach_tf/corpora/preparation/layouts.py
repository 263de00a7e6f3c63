"""The layouts of prepared corpora: how a score becomes a CSV file and metadata, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bach_tf.formats.grid_csv import VOICES, read_grid_csv, write_grid_csv
from bach_tf.formats.notes_csv import HEADER as NOTE_COLUMNS
from bach_tf.formats.notes_csv import read_notes_csv, write_notes_csv
from bach_tf.score import Score

# Fields of a score that neither layout can represent, stored in the manifest.
ABOUT = (
    "timing", "title", "key_signature", "key_changes", "tempi", "metres", "upbeat", "fermatas",
    "parts", "pedals",
)  # fmt: skip


def _write_grid(path: Path, score: Score) -> tuple[bytes, dict]:
    return write_grid_csv(path, score.to_grid(len(VOICES))), {}


def _read_grid(path: Path, **about) -> Score:
    return Score.from_grid(read_grid_csv(path), **about)


def _write_notes(path: Path, score: Score) -> tuple[bytes, dict]:
    notes = np.stack([getattr(score, name) for name in NOTE_COLUMNS], axis=1)
    # The piece may end after its last note.
    return write_notes_csv(path, notes), {"length": score.length}


def _read_notes(path: Path, **about) -> Score:
    columns = dict(zip(NOTE_COLUMNS, read_notes_csv(path).T))
    try:
        return Score(**columns, **about)
    except ValueError as error:  # such as a note beyond the end of the piece
        raise ValueError(f"{path.name}: {error}") from None


# Writer and reader of each layout: `write(path, score)` returns the contents of the file and extra
# manifest entries; `read(path, **about)` receives these, `ABOUT` and the grid.
LAYOUTS: dict[str, tuple[Callable[..., tuple[bytes, dict]], Callable[..., Score]]] = {
    "grid": (_write_grid, _read_grid),
    "notes": (_write_notes, _read_notes),
}
