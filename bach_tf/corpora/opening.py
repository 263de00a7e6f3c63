"""Reading a prepared corpus, whether it is a folder of CSV files or of shards."""

from __future__ import annotations

from pathlib import Path

from bach_tf.corpora.preparation import prepared
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale.shards import is_sharded, read_shards
from bach_tf.score import Score


def read_prepared(folder: Path) -> dict[str, list[Score]]:
    """Read a prepared corpus as `{split: [Score]}`, sorted by name.

    Args:
        folder: of CSV files or shards.

    Raises:
        ValueError: if there is no manifest, or a file is damaged; the message names it.
    """
    return {split: read_split(folder, split) for split in SPLITS}


def read_split(folder: Path, split: str) -> list[Score]:
    """Read one split of a prepared corpus, as in `read_prepared`.

    Args:
        folder: of CSV files or shards.
        split: one of `SPLITS`.

    Raises:
        ValueError: as for `read_prepared`.
    """
    if is_sharded(folder):
        return read_shards(folder).scores(split)
    return prepared.read_split(folder, split)


def piece_paths(folder: Path, split: str) -> list[Path]:
    """Return the paths of the pieces of one split, in the order of `read_split`.

    Those of pieces in shards are only names: `FOLDER/train/NAME`.

    Args:
        folder: of CSV files or shards.
        split: one of `SPLITS`.

    Raises:
        ValueError: as for `read_prepared`.
    """
    if is_sharded(folder):
        return [folder / split / name for name in read_shards(folder).load(split)[0]]
    return prepared.piece_paths(folder, split)
