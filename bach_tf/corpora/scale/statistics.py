"""Statistics of TensorFlow Data Validation on the pieces of each split, in the same pipeline.

`tfdv.load_stats_binary("FOLDER/statistics.pb")` reads them, with a slice for each split.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from bach_tf.corpora.scale.files import write_bytes
from bach_tf.corpora.scale.stages import Job

STATISTICS = "statistics.pb"
MOST_ROWS = 1000  # of a batch
SPLIT = "split"


def has_tfdv() -> bool:
    """Return whether TensorFlow Data Validation is installed."""
    return find_spec("tensorflow_data_validation") is not None


def add_statistics(encoded: Any, job: Job) -> None:
    """Add the statistics to a pipeline.

    Args:
        encoded: a collection of `Encoded`.
        job: what the corpus is prepared for.
    """
    import apache_beam as beam

    from bach_tf.corpora.validation.statistics import import_tfdv

    tfdv = import_tfdv()
    of_split = tfdv.experimental_get_feature_value_slicer({SPLIT: None})
    options = tfdv.StatsOptions(experimental_slice_functions=[of_split])
    _ = (
        encoded
        | "Facts" >> beam.Map(lambda piece: piece.facts)
        | "Batches" >> beam.BatchElements(min_batch_size=100, max_batch_size=MOST_ROWS)
        | "Columns" >> beam.Map(to_columns)
        | "Statistics" >> tfdv.GenerateStatistics(options)
        | "Write statistics" >> beam.Map(write_statistics, f"{job.folder}/{STATISTICS}")
    )


def write_statistics(statistics: Any, target: str) -> None:
    """Write statistics as `tfdv.WriteStatisticsToBinaryFile` does, to a path that is no pattern.

    Args:
        statistics: a `DatasetFeatureStatisticsList`.
        target: the file.
    """
    write_bytes(target, statistics.SerializeToString(deterministic=True))


def to_columns(rows: list[dict[str, Any]]) -> Any:
    """Return a `pyarrow.RecordBatch` of facts, each a list of one value, as TFDV takes them.

    Args:
        rows: those of `Encoded.facts`.
    """
    import pyarrow as pa

    names = list(rows[0])
    columns = [pa.array([[row[name]] for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(columns, names)
