"""Corpora: each finds or builds a prepared folder of pieces.

`CORPORA` maps a name to `prepare(data_dir: Path | None) -> Path`. `read_prepared` reads any
such folder back as `{split: [Score]}`.
"""

from pathlib import Path

from bach_tf._basics.files import list_files
from bach_tf.corpora import cello, chorales, folder, folk, jsb, mozart, performance
from bach_tf.corpora.preparation.midi_files import ENDINGS
from bach_tf.corpora.preparation.prepared import (
    piece_paths,
    read_manifest,
    read_prepared,
    read_split,
)

CORPORA = {
    "chorales": chorales.prepare,
    "jsb": jsb.prepare,
    "folk": folk.prepare,
    "cello": cello.prepare,
    "mozart": mozart.prepare,
    "performance": performance.prepare,
    "folder": folder.prepare,
}


def corpus_of(data_dir: str | None, own: str) -> str:
    """Return the corpus that a folder given without a name belongs to.

    Args:
        data_dir: the user's, if any.
        own: the corpus of the model. Where that is of four-part chorales, which come in no folder,
            it is a corpus of the user's own: of performances where MIDI files lie there, of
            grids where not.
    """
    if data_dir is None or own != "chorales":
        return own
    has_midi = Path(data_dir).is_dir() and list_files(Path(data_dir), ENDINGS).paths
    return "performance" if has_midi else "folder"


__all__ = [
    "CORPORA",
    "corpus_of",
    "piece_paths",
    "read_manifest",
    "read_prepared",
    "read_split",
]
