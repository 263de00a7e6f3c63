"""Other programs killed while they write: generate, export, and the preparation of a corpus."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from bach_tf.corpora.preparation.prepared import is_intact
from bach_tf.export.sums import check_sums
from bach_tf.formats import READERS, read_all
from benchmarks.faults.training import Outcome
from benchmarks.faults.victims import End, Moment, run


class Writer(NamedTuple):
    """A program that writes.

    Args:
        work: for `benchmarks.faults.child`.
        output: the folder that it writes into.
        check: returns what is wrong with what is there after a kill; "" for nothing.
        expected: the names that a whole output has.
    """

    work: list[str]
    output: Path
    check: Callable[[Path], str]
    expected: set[str]


def writers(home: Path, pretrained: Path, data: Path) -> dict[str, Writer]:
    """Return the writers.

    Args:
        home: a folder for their outputs.
        pretrained: a trained run.
        data: a folder of pieces.
    """
    generated, exported, cache = home / "generated", home / "exported", home / "cache"
    generate = ["command", "generate", "--run", str(pretrained), "--num", "3", "--length", "16"]
    formats = {f"piece_{number}.{ending}" for number in (1, 2, 3) for ending in ("mid", "csv")}
    export = ["command", "export", "--run", str(pretrained), "--format", "run,keras"]
    return {
        "generate": Writer(
            [*generate, "--format", "mid,csv", "--output", str(generated / "piece.mid")],
            generated, _check_pieces, formats,
        ),
        "export": Writer(
            [*export, "--output", str(exported), "--name", "it"], exported, _check_export, {"it"}
        ),
        "corpus": Writer(["prepare", str(data)], cache, _check_corpora, set()),
    }  # fmt: skip


def kill_writer(kind: str, writer: Writer, home: Path, random: Random, usual: End) -> Outcome:
    """Kill a writer at one of its file operations; start it again, and return what came of it."""
    shutil.rmtree(writer.output, ignore_errors=True)
    delay = random.choice((None, None, random.uniform(0, 0.002)))
    number = random.randint(1, len(usual.reports))
    end = run(writer.work, writer.output, home, Moment(kind, lambda _: True, number, delay))
    problem = writer.check(writer.output)
    again = run(writer.work, writer.output, home)
    if again.status:
        problem = problem or f"status {again.status} when started again: {again.errors[-300:]}"
    problem = problem or writer.check(writer.output) or _missing(writer)
    return Outcome(kind, end.reports[-1] if end.reports else "", early=False, problem=problem)


def _missing(writer: Writer) -> str:
    there = {path.name for path in writer.output.iterdir()}
    missing = writer.expected - there
    return f"missing after the second start: {sorted(missing)}" if missing else ""


def _visible(folder: Path) -> list[Path]:
    paths = folder.iterdir() if folder.exists() else ()
    return [path for path in paths if not path.name.startswith(".")]


def _check_pieces(folder: Path) -> str:
    """Return which piece cannot be read."""
    for path in _visible(folder):
        if path.suffix in READERS:
            try:
                read_all(path)
            except ValueError as error:
                return f"{path.name}: {error}"
    return ""


def _check_export(folder: Path) -> str:
    """Return what is missing in an export."""
    wanted = {"README.txt", "assets", "model.keras", "run"}
    for path in _visible(folder):
        missing = wanted - {inside.name for inside in path.iterdir()}
        if missing:
            return f"{path.name} lacks {sorted(missing)}"
        try:
            check_sums(path)
        except ValueError as error:
            return str(error)
    return ""


def _check_corpora(cache: Path) -> str:
    """Return which corpus is not whole."""
    for path in _visible(cache):
        if path.is_dir() and path.name != "downloads" and not is_intact(path):
            return f"{path.name} is not whole"
    return ""
