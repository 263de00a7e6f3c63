"""The canonical JSB Chorales: 229 / 76 / 77 pieces, for comparison with published figures.

The split of N. Boulanger-Lewandowski et al. 2012 (arXiv 1206.6392), as CSV grids by A. Géron.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from bach_tf._basics.messages import shortened
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.folder import read_split_folders
from bach_tf.corpora.music import CHORALES
from bach_tf.corpora.preparation.downloads import Archive, is_archive, unpacked
from bach_tf.corpora.preparation.prepared import Collection, Pieces
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.formats.grid_csv import VOICES

ARCHIVE = Archive(
    name="jsb_chorales.tgz",
    url="https://github.com/ageron/handson-ml2/raw/master/datasets/jsb_chorales/jsb_chorales.tgz",
    sha256="594e5e25a3ff8af64687c378628970c6435fddd3093d96df2fa8ca9505ce30fe",
    without="Without a network: fetch that file elsewhere and pass --data-dir jsb_chorales.tgz, "
    "or train on the embedded chorales with --corpus chorales.",
)
GRIDS_SHA256 = (
    "6931eefb0a72bbe5e2a1b6566bd627d4ebecccb354d274bc77ed6172f844a5a4"  # of names and grids
)


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder.

    Args:
        data_dir: the downloaded `.tgz`, a folder with it, or the unpacked folder. Downloaded by
            default.

    Raises:
        ValueError: if the download fails, the file is not the expected one, or the pieces are not
            the canonical ones.
    """
    return prepare_folder("jsb", lambda: _build(data_dir))


def _build(data_dir: Path | None) -> Collection:
    if data_dir is not None and not data_dir.exists():
        raise ValueError(
            f"{shortened(data_dir)} does not exist. Expected {ARCHIVE.name} or the folder "
            "unpacked from it."
        )
    if data_dir is None or is_archive(ARCHIVE, data_dir):
        with unpacked(ARCHIVE, data_dir) as folder:
            return Collection(_read(folder))
    return Collection(_read(data_dir))


def _read(folder: Path) -> Pieces:
    # In some copies of the archive the three folders are inside another one.
    inner = folder / "jsb_chorales"
    pieces = read_split_folders(inner if inner.is_dir() else folder)
    if _grids_hash(pieces) != GRIDS_SHA256:
        sizes = " / ".join(str(len(scores)) for scores in pieces.values())
        raise ValueError(
            f"{folder}: expected the canonical 229 / 76 / 77 chorales, got {sizes} other "
            "pieces. For your own chorales use --corpus folder."
        )
    return pieces


def _grids_hash(pieces: Pieces) -> str:
    digest = hashlib.sha256()
    for split, scores in pieces.items():
        for name, score in sorted(scores.items()):
            digest.update(f"{split}/{name}\n".encode())
            digest.update(score.to_grid(len(VOICES)).astype("<i4").tobytes())
    return digest.hexdigest()


def is_canonical(data_dir: Path) -> bool:
    """Return whether a path looks like the canonical chorales: their archive or their folder.

    Args:
        data_dir: need not exist.
    """
    return is_archive(ARCHIVE, data_dir) or data_dir.name == "jsb_chorales"


CORPUS = Corpus(prepare=prepare, music=replace(CHORALES, corpus="jsb"), takes=is_canonical)
