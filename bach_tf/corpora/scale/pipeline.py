"""The stages in order, as Beam runs them: a piece is read once and encoded once.

    listing -> pieces -> digests -> which are linked, and in which split each group is
                  |                                        |
                  +--> what the codec needs <--------------+
                  |             |                          |
                  +--> encoded pieces <--------------------+
                            |
                       grouped by shard -> shard files

Only digests, names and counts are compared across the corpus; the pieces themselves are moved once,
to the worker that writes their shard.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from bach_tf.corpora.preparation.splits import first_keys
from bach_tf.corpora.scale import stages
from bach_tf.corpora.scale.files import read_lines
from bach_tf.corpora.scale.shards import shard_name
from bach_tf.corpora.scale.stages import CODEC, LEFT_OUT, PIECE, WARNING, Job, Note

NOTE_FILES = 64
SPACE = "bach_tf"  # of Beam's counters
OUTPUTS = (LEFT_OUT, WARNING)


def build(pipeline: Any, listings: Sequence[str], job: Job) -> None:
    """Add the stages to a pipeline.

    Args:
        pipeline: a `beam.Pipeline`.
        listings: the files written from `Files.parts`.
        job: what the corpus is prepared for.
    """
    import apache_beam as beam
    from apache_beam.pvalue import AsSingleton

    read = (
        pipeline
        # Not Beam's own readers and writers of text: they take all paths for patterns.
        | "Listings" >> beam.Create(listings)
        | "Listing" >> beam.FlatMap(read_lines)
        | "Spread" >> beam.Reshuffle()
        | "Read"
        >> beam.FlatMap(_tagged, partial(stages.read_file, job=job)).with_outputs(
            *OUTPUTS, main=PIECE
        )
    )
    pieces = read[PIECE]
    leaders, splits = _grouped(pieces, job)
    config = _codec(pieces, leaders, splits, job)
    encoded = pieces | "Encode" >> beam.FlatMap(
        _tagged_encoding, leaders, splits, AsSingleton(config), job
    ).with_outputs(LEFT_OUT, main=PIECE)
    shards = _shards(pipeline, encoded[PIECE], job)
    told = [*(read[name] for name in OUTPUTS), encoded[LEFT_OUT], _copies(pieces), shards]
    told.append(config | "Codec" >> beam.Map(lambda text: _line({"kind": CODEC, "text": text})))
    _ = (
        told
        | "All notes" >> beam.Flatten()
        | "In files" >> beam.Map(lambda line: (zlib.crc32(line.encode()) % NOTE_FILES, line))
        | "By file" >> beam.GroupByKey()
        | "Notes" >> beam.Map(stages.write_notes, job)
    )
    if job.statistics:
        from bach_tf.corpora.scale.statistics import add_statistics

        add_statistics(encoded[PIECE], job)


def _line(note: Note) -> str:
    return json.dumps(note)  # ASCII, whatever names and reasons are


def _tagged(line: str, read: Any):
    """Yield what a function yields, in Beam's outputs, and count it."""
    from apache_beam.metrics import Metrics

    Metrics.counter(SPACE, "files").inc()
    for tag, value in read(line):
        Metrics.counter(SPACE, tag).inc()
        yield _output(tag, value)


def _output(tag: str, value: Any) -> Any:
    """Return a value for Beam's output of this name; reasons are counted."""
    from apache_beam.metrics import Metrics
    from apache_beam.pvalue import TaggedOutput

    if tag == LEFT_OUT:
        kind = stages.kind_of_reason(value["text"])
        Metrics.counter(SPACE, f"{LEFT_OUT}: {kind}").inc()
    return value if tag == PIECE else TaggedOutput(tag, _line(value))


def _tagged_encoding(item, leaders, splits, config, job):
    encode = partial(stages.encode_item, leaders=leaders, splits=splits, config=config, job=job)
    from apache_beam.metrics import Metrics

    for tag, value in encode(item):
        Metrics.counter(SPACE, f"encoded {tag}").inc()
        yield _output(tag, value)


def _grouped(pieces: Any, job: Job) -> tuple[Any, Any]:
    """Return which digests are linked, and the splits of their groups, for other stages."""
    import apache_beam as beam
    from apache_beam.pvalue import AsSingleton

    leaders = AsSingleton(
        pieces
        | "Labels" >> beam.FlatMap(lambda item: [(label, item.digest) for label in item.labels])
        | "By label" >> beam.GroupByKey()
        | "Link" >> beam.Map(stages.linked)
        | "Components" >> beam.CombineGlobally(stages.components)
    )
    splits = AsSingleton(
        pieces
        | "Digests" >> beam.Map(lambda item: item.digest)
        | "Different" >> beam.Distinct()
        | "Groups"
        >> beam.Filter(lambda digest, leaders: leaders.get(digest, digest) == digest, leaders)
        | "Alone" >> beam.Map(lambda digest: [digest])
        | "First" >> beam.CombineGlobally(first_keys)
        | "Splits" >> beam.Map(stages.splits_by, job)
    )
    return leaders, splits


def _codec(pieces: Any, leaders: Any, splits: Any, job: Job) -> Any:
    """Return the configuration of the codec."""
    import apache_beam as beam

    return (
        pieces
        | "Count" >> beam.FlatMap(stages.count_item, leaders, splits, job)
        | "Sum" >> beam.CombinePerKey(sum)
        | "List" >> beam.combiners.ToList()
        | "Fit" >> beam.Map(stages.fit_codec, job)
    )


def _copies(pieces: Any) -> Any:
    """Return the notes of pieces with the same music."""
    import apache_beam as beam

    return (
        pieces
        | "Music"
        >> beam.Map(lambda item: (item.digest, (item.name, item.split, item.lowest, item.unit)))
        | "Same music" >> beam.GroupByKey()
        | "Copies" >> beam.FlatMap(_copy_lines)
    )


def _copy_lines(found: Any) -> Iterator[str]:
    return map(_line, stages.told_copies(found))


def _shards(pipeline: Any, encoded: Any, job: Job) -> Any:
    """Write the shards, also those without pieces; return the notes of them."""
    import apache_beam as beam

    files = [
        (shard_name(split, number, count), (b"", b""))
        for split, count in job.shards.items()
        for number in range(count)
    ]
    every = pipeline | "Shards" >> beam.Create(files)
    filled = encoded | "In shards" >> beam.Map(lambda each: (each.shard, (each.name, each.ids)))
    return (
        (every, filled)
        | "All shards" >> beam.Flatten()
        | "By shard" >> beam.GroupByKey()
        | "Write" >> beam.Map(lambda found: _line(stages.write_shard(found, job)))
    )


def told(lines: list[str]) -> list[Note]:
    """Return what the pipeline has told, in a fixed order.

    Args:
        lines: of the files that begin with `NOTES`, in any order.
    """
    return [json.loads(line) for line in sorted(lines)]
