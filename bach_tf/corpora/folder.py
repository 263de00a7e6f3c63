"""A user's own four-part pieces: `train/ valid/ test/` folders, or files split by a seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bach_tf._basics.files import list_files
from bach_tf.corpora.corpus import Corpus, anything
from bach_tf.corpora.music import CHORALES
from bach_tf.corpora.preparation.kinds import CHORALES as FOUR_VOICES
from bach_tf.corpora.preparation.naming import untaken_names
from bach_tf.corpora.preparation.own_files import prepare_own
from bach_tf.corpora.preparation.prepared import SPLITS, Pieces, hash_of_files
from bach_tf.formats import READERS
from bach_tf.formats.grid_csv import MOST_BYTES, read_grid_csv
from bach_tf.score import Score

ENDINGS = (".csv",)


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder for a user's files, one per content.

    Args:
        data_dir: a folder of pieces in any readable format, of which the four-part ones are used;
            either with `train/ valid/ test/` in it, or to be split.

    Raises:
        ValueError: if no folder is given, it does not exist, or has fewer than three four-part
            pieces; the message gives the reasons for rejecting the others.

    Example:
        >>> folder = prepare(Path("my_chorales"))  # doctest: +SKIP
    """
    if data_dir is None:
        raise ValueError("The corpus 'folder' needs --data-dir FOLDER with your own pieces.")
    return prepare_own("folder", data_dir, FOUR_VOICES)


def content_hash(folder: Path) -> str:
    """Return the SHA-256 of the relative names and contents of a corpus's CSV files."""
    in_splits = [path for split in SPLITS for path in csv_files(folder / split)]
    return hash_of_files(folder, [*csv_files(folder), *in_splits], MOST_BYTES)


def csv_files(folder: Path) -> list[Path]:
    """Return the CSV files of a folder, sorted; none if it does not exist.

    Raises:
        ValueError: if the folder cannot be read.
    """
    return list_files(folder, ENDINGS, deep=False).paths if folder.is_dir() else []


def skipped_files(folder: Path) -> dict[str, str]:
    """Return why files of a corpus that end in `.csv` are skipped, by relative name."""
    skipped = {}
    for part in (folder, *(folder / split for split in SPLITS)):
        if part.is_dir():
            above = "" if part == folder else f"{part.name}/"
            found = list_files(part, ENDINGS, deep=False).skipped
            skipped |= {f"{above}{name}": reason for name, reason in found.items()}
    return skipped


def read_split_folders(folder: Path) -> Pieces:
    """Read grids in `train/ valid/ test/` as `{split: {name: Score}}`.

    Raises:
        ValueError: if a split has no CSV files, or a row is bad.
    """
    pieces = {split: _read_files(csv_files(folder / split)) for split in SPLITS}
    empty = [split for split, scores in pieces.items() if not scores]
    if empty:
        raise ValueError(
            f"{folder}: expected CSV files in train/, valid/ and test/, got none in "
            f"{', '.join(f'{split}/' for split in empty)}. Put files there, or all files "
            "into one folder to have them split."
        )
    return pieces


def _read_files(paths: list[Path]) -> dict[str, Score]:
    names = untaken_names([path.stem for path in paths])  # x.csv and X.CSV may coexist
    return {
        name: Score.from_grid(read_grid_csv(path), title=path.stem)
        for name, path in zip(names, paths)
    }


def _ensure_valid(data_dir: Path) -> None:
    """Validate a folder that has only grids, as `bach_tf.corpora.validation` does.

    Among other files, a CSV file may be anything: it is skipped if it is not a grid.
    """
    from bach_tf.corpora.validation import ensure_valid

    grids = [path for part in ("", *SPLITS) for path in csv_files(data_dir / part)]
    if sorted(grids) == list_files(data_dir, tuple(READERS)).paths != []:
        ensure_valid(data_dir)


CORPUS = Corpus(
    prepare=prepare,
    music=replace(CHORALES, corpus="folder"),
    kind=FOUR_VOICES,
    takes=anything,
    of_users=True,
    validate=_ensure_valid,
)
