"""Corpora: each finds or builds a prepared folder of pieces.

`CORPORA` maps a name to `prepare(data_dir: Path | None) -> Path`. `read_prepared` reads any
such folder back as `{split: [Score]}`.
"""

from bach_tf.corpora import chorales, folder, jsb
from bach_tf.corpora.prepared import piece_paths, read_manifest, read_prepared

CORPORA = {
    "chorales": chorales.prepare,
    "jsb": jsb.prepare,
    "folder": folder.prepare,
}

__all__ = ["CORPORA", "piece_paths", "read_manifest", "read_prepared"]
