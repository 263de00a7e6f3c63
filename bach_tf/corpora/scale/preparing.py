"""From a user's files to a prepared folder of shards."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.own_files import OTHERS
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.preparation.reasons import lines_of, listed
from bach_tf.corpora.preparation.splits import FEWEST
from bach_tf.corpora.scale.files import delete_all, find_all, is_remote, read_lines, write_bytes
from bach_tf.corpora.scale.listing import Files, find_files
from bach_tf.corpora.scale.pipeline import build, told
from bach_tf.corpora.scale.places import check_output, put_in_place, scratch
from bach_tf.corpora.scale.runners import DIRECT, check_beam, make_pipeline, run
from bach_tf.corpora.scale.shards import FORMAT, MANIFEST, ShardFile, shards_of_splits
from bach_tf.corpora.scale.stages import (
    CODEC,
    COPY,
    LEAK,
    LEFT_OUT,
    NOTES,
    SHARD,
    WARNING,
    Job,
    Note,
    kind_of,
    kind_of_reason,
    to_config,
)
from bach_tf.corpora.scale.statistics import STATISTICS, has_tfdv

LISTING = "listing"  # prefix of the files with what to read
SHARDS = 16  # of the training split, if the user says nothing
TABLES = {"left_out.csv": (LEFT_OUT,), "copies.csv": (COPY, LEAK), "warnings.csv": (WARNING,)}


@dataclass(frozen=True)
class Engine:
    """How a pipeline is run.

    Args:
        runner: one of `RUNNERS`.
        options: Beam's own.
        workers: processes of the direct runner; by default one for each core.
        statistics: whether to make those of TensorFlow Data Validation, where it is installed.
    """

    runner: str = DIRECT
    options: Sequence[str] = ()
    workers: int | None = None
    statistics: bool = True


@dataclass(frozen=True)
class Report:
    """The result of preparing a corpus.

    Args:
        folder: the prepared folder.
        files: how many were read.
        splits: the shards of each split.
        left_out: how many files and tunes were left out, by kind of reason.
        skipped: why files were not read, such as hidden ones.
        copies: pieces with the music of another one.
        leaks: those in two splits of the user.
        seconds: that it took.
        counters: of Beam.
    """

    folder: str
    files: int
    splits: dict[str, list[ShardFile]]
    left_out: dict[str, int]
    skipped: dict[str, str] = field(default_factory=dict)
    copies: int = 0
    leaks: int = 0
    seconds: float = 0.0
    counters: dict[str, int] = field(default_factory=dict)


def prepare_shards(
    where: str, music: Music, output: str, *, shards: int = SHARDS, engine: Engine | None = None
) -> Report:
    """Prepare a corpus of any size in a folder of shards.

    The folder appears when all is done; if a worker or this process dies, nothing of it is there,
    and what is there already stays. The same files give the same shards, byte for byte.

    Args:
        where: a folder or a pattern, see `find_files`.
        music: how pieces are encoded; its corpus is one that is made of a user's files.
        output: the prepared folder; one that this function has made before is replaced.
        shards: of the training split; the others have shards of about the same size.
        engine: how the pipeline is run.

    Raises:
        ValueError: if there are no files or fewer than three different pieces, a split has none,
            the output is another folder, or Beam is not installed.
        RuntimeError: if the pipeline fails, for example because a worker has died.
    """
    begun, engine = time.perf_counter(), engine or Engine()
    check_beam()
    kind = kind_of(music.corpus)
    target = output if is_remote(output) else os.path.realpath(output)  # what a link refers to
    check_output(target)
    files = find_files(where, kind)
    with scratch(target) as folder:
        job = Job(
            corpus=music.corpus,
            codec=music.codec,
            encoding=music.encoding,
            transpose=music.transpose,
            shards=shards_of_splits(shards, kind.fractions),
            folder=folder,
            statistics=engine.statistics and has_tfdv(),
        )
        notes, counters = _run(files, job, engine)
        report = _report(output, files, notes, counters)
        _check_splits(report, notes, where, kind.what)
        _write_manifest(job, notes, report)
        put_in_place(folder, target)
    return Report(**{**vars(report), "seconds": time.perf_counter() - begun})


def _run(files: Files, job: Job, engine: Engine) -> tuple[list[Note], dict[str, int]]:
    """Run the pipeline; return what it has told of files and shards, and its counters."""
    pipeline = make_pipeline(engine.runner, engine.options, engine.workers)
    listings = []
    for number, part in enumerate(files.parts()):
        listings.append(f"{job.folder}/{LISTING}-{number:05}.jsonl")
        write_bytes(listings[-1], part.encode())
    build(pipeline, listings, job)
    try:
        counters = run(pipeline)
    except Exception as error:  # Beam raises what a stage has raised, or errors of its own
        reason = shortened(cause_of(str(error)).rstrip("."), LONGEST_LINE)
        raise RuntimeError(
            f"The pipeline failed, and nothing was written: {reason}. "
            "Run the same command again; it begins anew."
        ) from error
    return told(_lines(job.folder, listings)), counters


def cause_of(error: str) -> str:
    r"""Return what has gone wrong from an error of Beam, which may be a traceback of a worker.

    Args:
        error: its text.

    Example:
        >>> cause_of("Traceback:\n  File a.py\nOSError: No space left on device\n")
        'OSError: No space left on device'
    """
    lines = [line for line in error.splitlines() if line.strip() and not line.startswith(" ")]
    return lines[-1].strip() if lines else error.strip()


def _lines(folder: str, listings: Sequence[str]) -> list[str]:
    """Return what the pipeline has told, as lines, and delete its files and the listing."""
    files = find_all(folder, f"{NOTES}-")
    lines = [line for file in files for line in read_lines(file)]
    delete_all([*files, *listings])
    return lines


def _report(output: str, files: Files, notes: list[Note], counters: dict[str, int]) -> Report:
    kinds = Counter(kind_of_reason(note["text"]) for note in notes if note["kind"] == LEFT_OUT)
    made = [
        ShardFile(*(note[name] for name in ShardFile._fields))
        for note in notes
        if note["kind"] == SHARD
    ]
    splits = {
        split: sorted(shard for shard in made if shard.file.startswith(f"{split}-"))
        for split in SPLITS
    }
    counts = Counter(note["kind"] for note in notes)
    return Report(
        folder=output,
        files=len(files.entries),
        splits=splits,
        left_out=dict(kinds.most_common()),
        skipped=files.skipped,
        copies=counts[COPY],
        leaks=counts[LEAK],
        counters=counters,
    )


def _check_splits(report: Report, notes: list[Note], where: str, what: str) -> None:
    """Raise `ValueError` if a split has no pieces, with the first reasons."""
    empty = [
        split
        for split, shards in report.splits.items()
        if not sum(shard.pieces for shard in shards)
    ]
    if not empty:
        return
    reasons = {note["name"]: note["text"] for note in notes if note["kind"] == LEFT_OUT}
    why = f"\n{len(reasons)} left out:\n{listed(lines_of(reasons))}" if reasons else ""
    raise ValueError(
        f"Expected at least {FEWEST} different {what} in {shortened(where)}, with at least one in "
        f"each split, got none in {', '.join(empty)}. {OTHERS}{why}"
    )


def _write_manifest(job: Job, notes: list[Note], report: Report) -> None:
    """Write the tables and, last, the manifest."""
    for file, kinds in TABLES.items():
        rows = [note for note in notes if note["kind"] in kinds]
        write_bytes(f"{job.folder}/{file}", _table(rows))
    (config,) = (note["text"] for note in notes if note["kind"] == CODEC)
    manifest = {
        "format": FORMAT,
        "music": to_config(job),
        "codec": json.loads(config),
        "files": report.files,
        "left_out": report.left_out,
        "skipped": report.skipped,
        "copies": report.copies,
        "leaks": report.leaks,
        "statistics": STATISTICS if job.statistics else "",
        "splits": {
            split: [shard._asdict() for shard in shards] for split, shards in report.splits.items()
        },
    }
    text = json.dumps(manifest, indent=1) + "\n"
    write_bytes(f"{job.folder}/{MANIFEST}", text.encode())


def _table(notes: Sequence[Note]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["name", "text"])
    rows.writerows(sorted((note["name"], note["text"]) for note in notes))
    return text.getvalue().encode("utf-8", "backslashreplace")
