"""Validation with TensorFlow Data Validation (TFDV): statistics of each split.

TFDV takes seconds to import, so it is imported where it is used. On systems without it,
`measures.py` finds the same.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from bach_tf.corpora.validation.measures import (
    LOW_PITCH,
    LOW_PITCH_REASON,
    WHOLE_NUMBER,
    measure,
    why_missing,
)
from bach_tf.corpora.validation.report import Anomaly, Column, Drift
from bach_tf.formats.grid_csv import BLANKS, HEADER, LOWEST_PITCH
from bach_tf.score import SILENCE

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = Path(__file__).parent / "chorale_grid.pbtxt"
MOST_COLUMNS = 32  # passed to TFDV per split; more would only repeat the same anomaly
TOP_VALUES = 1000  # distinct values in the statistics; pitches never have more

# Evaluated on the exact fraction of each pitch, requested in the schema by `is_categorical`.
NO_LOW_PITCH_SQL = (
    "NOT EXISTS(SELECT 1 FROM UNNEST(feature.string_stats.rank_histogram.buckets) AS bucket "
    f"WHERE SAFE_CAST(bucket.label AS INT64) BETWEEN {SILENCE + 1} AND {LOWEST_PITCH - 1})"
)

Cells = tuple[list[str], list[list[str]]]  # header, rows


class Findings(NamedTuple):
    """The findings in the cells of all splits.

    Args:
        columns: summary of each column of each split.
        anomalies: violations of the schema.
        drift: the splits compared with `train`.
        statistics: TFDV's statistics by split; empty without TFDV.
        missing: why TFDV is missing; empty if it is installed.
    """

    columns: list[Column]
    anomalies: list[Anomaly]
    drift: list[Drift]
    statistics: dict
    missing: str = ""


def find(frames: dict[str, pd.DataFrame]) -> Findings:
    """Return the findings of TFDV or, where it cannot be installed, our own."""
    try:
        tfdv = import_tfdv()
    except ImportError as error:
        return Findings(*measure(frames), statistics={}, missing=why_missing(error))
    statistics, anomalies, drift = run_tfdv(tfdv, frames)
    return Findings(list(summarise(statistics)), anomalies, drift, statistics)


def run_tfdv(
    tfdv: ModuleType, frames: dict[str, pd.DataFrame]
) -> tuple[dict, list[Anomaly], list[Drift]]:
    """Return the statistics of each split, the anomalies and the drift from `train`."""
    schema = tfdv.load_schema_text(str(SCHEMA))
    options = tfdv.StatsOptions(
        schema=schema, num_top_values=TOP_VALUES, num_rank_histogram_buckets=TOP_VALUES
    )
    statistics = {
        split: tfdv.generate_statistics_from_dataframe(frame, options, n_jobs=1)
        for split, frame in frames.items()
    }
    custom = _custom_validations()
    anomalies = []
    drift = []
    for split, found in statistics.items():
        result = tfdv.validate_statistics(found, schema, custom_validation_config=custom)
        anomalies += _anomalies(split, result)
        if split != "train":
            comparable = _comparable(schema, frames["train"], frames[split])
            result = tfdv.validate_statistics(
                found, comparable, previous_statistics=statistics["train"]
            )
            drift += _drift(split, result)
    return statistics, anomalies, drift


def import_tfdv() -> ModuleType:
    """Import TFDV, which takes seconds, suppressing messages of its imports.

    They warn and log about clouds and notebooks that are not used here.
    """
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            import tensorflow_data_validation as tfdv
        finally:
            logging.disable(disabled)
    return tfdv


def _custom_validations():
    """Return the check for values 1..20, which an interval in the schema cannot express."""
    from tensorflow_data_validation.anomalies.proto import custom_validation_config_pb2
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    config = custom_validation_config_pb2.CustomValidationConfig()
    for name in HEADER:
        feature = config.feature_validations.add()
        feature.feature_path.step.append(name)
        feature.validations.add(
            sql_expression=NO_LOW_PITCH_SQL,
            severity=anomalies_pb2.AnomalyInfo.ERROR,
            description=LOW_PITCH,
        )
    return config


def _comparable(schema, *frames: pd.DataFrame):
    """Return the schema without drift comparators for columns that are empty in some split.

    TFDV cannot compute them, and reports that on stderr from C++.
    """
    comparable = type(schema)()
    comparable.CopyFrom(schema)
    for feature in comparable.feature:
        if not all(frame[feature.name].notna().any() for frame in frames):
            feature.ClearField("drift_comparator")
    return comparable


def _anomalies(split: str, result) -> Iterator[Anomaly]:
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    if result.data_missing:
        yield Anomaly(split, "(all)", "No data", "The split has no rows.")
    for name, info in sorted(result.anomaly_info.items()):
        for reason in info.reason:
            description = reason.description
            if reason.type == anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION:
                description = LOW_PITCH_REASON  # TFDV's description is the query
            yield Anomaly(split, name, reason.short_description, description)


def _drift(split: str, result) -> Iterator[Drift]:
    for info in sorted(result.drift_skew_info, key=lambda info: info.path.step[0]):
        for measured in info.drift_measurements:
            verdict = "drift" if measured.value > measured.threshold else "ok"
            yield Drift(
                f"train, {split}", info.path.step[0], measured.value, measured.threshold, verdict
            )


def summarise(statistics: dict) -> Iterator[Column]:
    """Yield the range and the fraction of silence of each column of each split."""
    for split, found in statistics.items():
        dataset = found.datasets[0]
        for feature in dataset.features:
            buckets = feature.string_stats.rank_histogram.buckets
            counts = {bucket.label: bucket.sample_count for bucket in buckets}
            pitches = [int(label) for label in counts if WHOLE_NUMBER.fullmatch(label)]
            pitches = [pitch for pitch in pitches if pitch != SILENCE]
            silent = counts.get(str(SILENCE), 0) / max(dataset.num_examples, 1)
            yield Column(
                split=split,
                column=feature.path.step[0],
                steps=int(dataset.num_examples),
                silent=f"{silent:.1%}",
                lowest=min(pitches, default=None),
                highest=max(pitches, default=None),
                pitches=len(pitches),
            )


def to_frame(pieces: list[Cells]) -> pd.DataFrame:
    """Return the rows of a split as a data frame for TFDV.

    Empty cells are missing values. Columns of integers have an integer type, and all others remain
    text, so that TFDV reports the wrong type instead of failing.
    """
    import pandas as pd

    steps = sum(len(rows) for _, rows in pieces)
    # These columns always exist, so that TFDV reports them if no file has them.
    columns: dict[str, list] = {name: [None] * steps for name in HEADER}
    step = 0
    for header, rows in pieces:
        for row in rows:
            names = _column_names(header, len(row))
            for name, cell in zip(names, row):
                if name not in columns and len(columns) < MOST_COLUMNS:
                    columns[name] = [None] * steps
                if name in columns:
                    columns[name][step] = cell.strip(BLANKS) or None
            step += 1
    return pd.DataFrame({name: _to_column(cells) for name, cells in columns.items()})


def _column_names(header: list[str], width: int) -> list[str]:
    """Return a name for each cell of a row, from the header if it is present and unique."""
    if tuple(header) == HEADER and width <= len(HEADER):
        return header
    names: list[str] = []
    for number in range(1, min(width, MOST_COLUMNS) + 1):
        name = header[number - 1] if number <= len(header) else ""
        names.append(name if name and name not in names else f"column {number}")
    return names


def _to_column(cells: list[str | None]):
    import pandas as pd

    if all(cell is None or WHOLE_NUMBER.fullmatch(cell) for cell in cells):
        return pd.array([cell if cell is None else int(cell) for cell in cells], dtype="Int64")
    return pd.Series(cells, dtype=object)
