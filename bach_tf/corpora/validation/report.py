"""The result of a validation, as values and as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bach_tf._basics.messages import LONGEST_LINE, shortened

SHOWN = 20  # problems on screen; the report file has all of them


class Column(NamedTuple):
    """Statistics of one voice in one split, of its pitches without silence."""

    split: str
    column: str
    steps: int
    silent: str
    lowest: int | None
    highest: int | None
    pitches: int


class Anomaly(NamedTuple):
    """An anomaly in one column of one split, in TFDV's words."""

    split: str
    column: str
    anomaly: str
    description: str


class Drift(NamedTuple):
    """The distance between the pitches of a column in two splits."""

    splits: str
    column: str
    divergence: float  # Jensen-Shannon, in bits: 0 for identical distributions, 1 for disjoint ones
    threshold: float
    verdict: str  # "ok" or "drift"


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one validation.

    Args:
        folder: the corpus.
        content_hash: SHA-256 of the relative names and the contents of its CSV files.
        pieces: number of CSV files in each split.
        columns: summary of the statistics.
        problems: all problems, as `FILE:ROW: expected ..., got ...`.
        anomalies: violations of the schema.
        drift: the splits compared with `train`. Drift is a warning, not a failure, because small
            splits differ by chance.
        copies: pieces that are in two splits, in any key and at any tempo.
        skipped: why files that end in `.csv` were skipped, by name.
        report_path: the text of this report, beside the statistics.
        statistics_paths: a binary `DatasetFeatureStatisticsList` for each split, to be read with
            `tfdv.load_stats_binary`; none without TFDV.
        missing: why TFDV is missing; empty if it is installed.
    """

    folder: Path
    content_hash: str
    pieces: dict[str, int]
    columns: tuple[Column, ...]
    problems: tuple[str, ...]
    anomalies: tuple[Anomaly, ...]
    drift: tuple[Drift, ...]
    report_path: Path
    statistics_paths: dict[str, Path]
    copies: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def sound(self) -> bool:
        """Whether every file is valid; pieces in two splits do not matter."""
        return not (self.problems or self.anomalies)

    @property
    def ok(self) -> bool:
        """Whether the corpus is valid; drift alone does not matter."""
        return self.sound and not self.copies


def format_report(report: Report, limit: int | None = SHOWN) -> str:
    """Return a report as text; its last line is the verdict.

    Args:
        report: as returned by `validate_corpus`.
        limit: maximum number of problems and anomalies to list; `None` for all.
    """
    counts = ", ".join(f"{split} {count}" for split, count in report.pieces.items())
    lines = [f"corpus   {report.folder}", f"pieces   {counts}", f"content  {report.content_hash}"]
    lines += ["", report.missing] if report.missing else []
    lines += ["", "statistics", *_table(Column, report.columns)]
    lines += ["", f"problems: {len(report.problems)}"]
    lines += [f"  {line}" for line in first(report.problems, limit)]
    lines += ["", f"anomalies against the schema: {len(report.anomalies)}"]
    lines += first(_table(Anomaly, report.anomalies), limit and limit + 1)
    lines += ["", f"pieces in two splits: {len(report.copies)}"]
    lines += [f"  {line}" for line in first(report.copies, limit)]
    if report.skipped:
        lines += ["", f"files skipped: {len(report.skipped)}"]
        lines += first([f"  {name}: {why}" for name, why in report.skipped.items()], limit)
    lines += ["", "drift: Jensen-Shannon divergence of the pitches, a warning above the threshold"]
    lines += _table(Drift, report.drift) or ["  not measured: fewer than two splits with rows"]
    lines = [shortened(line, LONGEST_LINE) for line in lines]
    return "\n".join([*lines, "", shortened(_verdict(report), None)])


def _verdict(report: Report) -> str:
    where = f"Report: {report.report_path}"
    if not report.ok:
        found = f"problems: {len(report.problems)}, anomalies: {len(report.anomalies)}"
        found += f", pieces in two splits: {len(report.copies)}" if report.copies else ""
        return f"NOT VALID ({found}). {where}"
    drifted = sum(row.verdict == "drift" for row in report.drift)
    warning = f" Warning: the splits differ (columns with drift: {drifted})." if drifted else ""
    pieces = ", ".join(f"{split} {count}" for split, count in report.pieces.items())
    return f"Valid (pieces: {pieces}).{warning} {where}"


def _table(row_type: Any, rows: Iterable[tuple]) -> list[str]:
    """Return lines of aligned columns below the names of the fields; none without rows."""
    texts = [tuple(_cell_text(cell) for cell in row) for row in rows]
    if not texts:
        return []
    texts.insert(0, row_type._fields)
    widths = [max(len(cell) for cell in column) for column in zip(*texts)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in texts
    ]


def _cell_text(cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4f}" if isinstance(cell, float) else shortened(str(cell), LONGEST_LINE)


def first(lines: Iterable[str], limit: int | None) -> list[str]:
    """Return the first lines and the number of others; all lines if `limit` is `None`."""
    lines = list(lines)
    if limit is None or len(lines) <= limit:
        return lines
    return [*lines[:limit], f"... and {len(lines) - limit} more"]
