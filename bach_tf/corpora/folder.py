"""The user's own chorale grids: `train/ valid/ test/` folders, or flat files split by a seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bach_tf._basics.files import list_files
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.music import CHORALES
from bach_tf.corpora.preparation.naming import untaken_names
from bach_tf.corpora.preparation.prepared import SPLITS, Collection, Pieces, hash_of_files
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.corpora.preparation.splits import SPLIT_SEED, deal
from bach_tf.formats.grid_csv import MOST_BYTES, read_grid_csv
from bach_tf.score import Score

ENDINGS = (".csv",)
SHARES = (0.6, 0.2, 0.2)


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder of a user's files, one for each content.

    Args:
        data_dir: a folder with `train/ valid/ test/` of CSV files, or with CSV files.

    Raises:
        ValueError: no folder given, none there, no files in it, or a row that is not four
            pitches; the message names file and row.
    """
    if data_dir is None:
        raise ValueError("The corpus 'folder' needs --data-dir FOLDER with your CSV files.")
    if not data_dir.is_dir():
        raise ValueError(f"Expected a folder of CSV files, got {data_dir}.")
    return prepare_folder(f"folder-{content_hash(data_dir)[:16]}", lambda: _build(data_dir))


def content_hash(folder: Path) -> str:
    """Return the SHA-256 over the relative names and the bytes of a corpus's CSV files."""
    in_splits = [path for split in SPLITS for path in csv_files(folder / split)]
    return hash_of_files(folder, [*csv_files(folder), *in_splits], MOST_BYTES)


def csv_files(folder: Path) -> list[Path]:
    """Return the CSV files of a folder, in the order of their names; none where it is not there.

    Raises:
        ValueError: the folder cannot be read.
    """
    return list_files(folder, ENDINGS, deep=False).paths if folder.is_dir() else []


def skipped_files(folder: Path) -> dict[str, str]:
    """Return why files of a corpus that end in `.csv` are not read, by their relative names."""
    skipped = {}
    for part in (folder, *(folder / split for split in SPLITS)):
        if part.is_dir():
            above = "" if part == folder else f"{part.name}/"
            found = list_files(part, ENDINGS, deep=False).skipped
            skipped |= {f"{above}{name}": reason for name, reason in found.items()}
    return skipped


def read_split_folders(folder: Path) -> Pieces:
    """Read `train/ valid/ test/` of grids as `{split: {name: Score}}`.

    Raises:
        ValueError: a split without a CSV file, or a bad row.
    """
    pieces = {split: _read_files(csv_files(folder / split)) for split in SPLITS}
    empty = [split for split, scores in pieces.items() if not scores]
    if empty:
        raise ValueError(
            f"{folder}: expected CSV files in train/, valid/ and test/, got none in "
            f"{', '.join(f'{split}/' for split in empty)}. Put files there, or all files "
            "flat into one folder to have them split."
        )
    return pieces


def split_files(files: list[Path], seed: int = SPLIT_SEED) -> dict[str, list[Path]]:
    """Deal files out to the splits, 60 / 20 / 20, each split at least one.

    Args:
        files: in any order; the same files are dealt in the same way.
        seed: of the order.

    Raises:
        ValueError: fewer than three files.
    """
    return deal(files, SHARES, seed=seed, kind="CSV files")


def _build(data_dir: Path) -> Collection:
    if any((data_dir / split).is_dir() for split in SPLITS):
        return Collection(read_split_folders(data_dir), skipped=skipped_files(data_dir))
    files = csv_files(data_dir)
    if not files:
        raise ValueError(
            f"Expected CSV files, or train/ valid/ test/ folders of them, in {data_dir}. "
            "Got neither."
        )
    pieces = {split: _read_files(part) for split, part in split_files(files).items()}
    return Collection(pieces, skipped=skipped_files(data_dir))


def _read_files(paths: list[Path]) -> dict[str, Score]:
    names = untaken_names([path.stem for path in paths])  # x.csv may stand beside X.CSV
    return {
        name: Score.from_grid(read_grid_csv(path), title=path.stem)
        for name, path in zip(names, paths)
    }


def _ensure_valid(data_dir: Path) -> None:
    """Validate a user's folder, as `bach_tf.corpora.validation` does, which reads it by this."""
    from bach_tf.corpora.validation import ensure_valid

    ensure_valid(data_dir)


CORPUS = Corpus(
    prepare=prepare,
    music=replace(CHORALES, corpus="folder"),
    endings=ENDINGS,
    of_users=True,
    validate=_ensure_valid,
)
