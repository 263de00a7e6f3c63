"""Validating a folder of chorale grids: find its files, read them, and write the report."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.corpora.folder import content_hash, csv_files, skipped_files
from bach_tf.corpora.preparation.copies import find_copies
from bach_tf.corpora.preparation.prepared import SPLITS, Pieces, cache_dir
from bach_tf.corpora.validation.report import Report, first, format_report
from bach_tf.corpora.validation.statistics import SCHEMA, Cells, find, to_frame
from bach_tf.formats.grid_csv import find_problems, read_cells
from bach_tf.score import Score

RULES = 2  # increment when the checks change, so that corpora found valid are checked again
HASH_DIGITS = 12  # of a hash, in the name of a file or folder

Splits = dict[str, list[Path]]


def validate_corpus(folder: Path, report_dir: Path | None = None) -> Report:
    """Validate a folder of chorale grids, and write the statistics and the report.

    Args:
        folder: `train/ valid/ test/` folders of CSV files, or CSV files, which are taken as a
            single split `train`. Each file is one piece.
        report_dir: where to write; by default a folder in the cache, named by the content.

    Raises:
        ValueError: if `folder` does not exist, is not a folder, or has no CSV files. Bad content
            does not raise but is part of the report.

    Example:
        >>> validate_corpus(Path("my_chorales")).ok  # doctest: +SKIP
        True
    """
    folder = Path(folder)
    splits = find_splits(folder)
    digest = content_hash(folder)
    if report_dir is None:
        name = folder.resolve().name or "corpus"
        report_dir = cache_dir() / "validation" / f"{name}-{digest[:HASH_DIGITS]}"
    report_dir = Path(report_dir)
    report_dir.mkdir(parents=True, exist_ok=True)

    cells, grids, problems = _read_splits(folder, splits)
    frames = {split: to_frame(pieces) for split, pieces in cells.items()}
    found = find(frames)

    report = Report(
        folder=folder,
        content_hash=digest,
        pieces={split: len(paths) for split, paths in splits.items()},
        columns=tuple(found.columns),
        problems=tuple(problems),
        anomalies=tuple(found.anomalies),
        drift=tuple(found.drift),
        copies=tuple(find_copies(grids)),
        skipped=skipped_files(folder),
        report_path=report_dir / "report.txt",
        statistics_paths={split: report_dir / f"{split}.pb" for split in found.statistics},
        missing=found.missing,
    )
    for split, path in report.statistics_paths.items():
        path.write_bytes(found.statistics[split].SerializeToString())
    report.report_path.write_text(format_report(report, limit=None) + "\n", encoding="utf-8")
    return report


def ensure_valid(folder: Path) -> None:
    """Validate a corpus once per content; later calls only hash its files.

    Args:
        folder: as for `validate_corpus`.

    Raises:
        ValueError: if the content is invalid or missing. The message has the first problems and
            the path of the report.
    """
    folder = Path(folder)
    find_splits(folder)
    marker = _valid_marker(content_hash(folder))
    if marker.exists():
        return
    report = validate_corpus(folder)
    if not report.sound:
        found = report.problems or [": ".join(anomaly) for anomaly in report.anomalies]
        lines = "\n".join(f"  {shortened(line, LONGEST_LINE)}" for line in first(found, limit=5))
        raise ValueError(
            f"Expected a corpus of chorale grids in {folder}, got:\n{lines}\n"
            f"Correct them and start again. Full report: {report.report_path}"
        )
    # The hash of what was read, in case the files have changed meanwhile.
    marker = _valid_marker(report.content_hash)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def find_splits(folder: Path) -> Splits:
    """Return the CSV files of each split, sorted by name.

    Raises:
        ValueError: if `folder` does not exist, is not a folder, or has no CSV files.
    """
    if not folder.exists():
        raise ValueError(f"Expected a folder of CSV files, got a missing path: {folder}")
    if not folder.is_dir():
        raise ValueError(f"Expected a folder of CSV files, got a file: {folder}")
    if any((folder / split).is_dir() for split in SPLITS):
        splits = {split: csv_files(folder / split) for split in SPLITS}
    else:
        splits = {"train": csv_files(folder)}
    if not any(splits.values()):
        raise ValueError(
            f"Expected CSV files in {folder} or in its folders {', '.join(SPLITS)}, got none"
        )
    return splits


def _read_splits(folder: Path, splits: Splits) -> tuple[dict[str, list[Cells]], Pieces, list[str]]:
    """Return the cells of all text files, the valid grids, and the problems."""
    cells: dict[str, list[Cells]] = {}
    grids: Pieces = {split: {} for split in splits}
    problems = []
    for split, paths in splits.items():
        if not paths:
            got = "none" if (folder / split).is_dir() else "no such folder"
            problems.append(f"{split}: expected at least one CSV file, got {got}")
        cells[split] = []
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                header, rows = read_cells(path)
            except ValueError as error:
                # The reader only knows the file name.
                problems.append(f"{name.removesuffix(path.name)}{error}")
                continue
            cells[split].append((header, rows))
            wrong = list(find_problems(name, header, rows))
            problems += wrong
            if not wrong:
                grids[split][path.name] = Score.from_grid(np.array(rows, np.int32))
    if len(splits) == len(SPLITS):
        problems += [
            f"{path.name}: expected in one of {', '.join(SPLITS)}, got it beside them"
            for path in csv_files(folder)
        ]
    return cells, grids, problems


def _valid_marker(digest: str) -> Path:
    rules = hashlib.sha256(f"{RULES}\n".encode() + SCHEMA.read_bytes()).hexdigest()
    return cache_dir() / "validation" / f"{digest}-{rules[:HASH_DIGITS]}.valid"
