"""Corpora made from a user's own files: those that fit a kind of music."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from bach_tf._basics.files import Listing, list_files
from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.corpora.preparation.copies import content_of, copies_in, digest_of, find_copies
from bach_tf.corpora.preparation.entries import Entry, entries_of
from bach_tf.corpora.preparation.naming import untaken_names
from bach_tf.corpora.preparation.prepared import (
    SPLITS,
    Collection,
    Pieces,
    hash_of_files,
    read_manifest,
)
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.corpora.preparation.reasons import lines_of, listed
from bach_tf.corpora.preparation.splits import FEWEST, HashedSplits
from bach_tf.corpora.preparation.tune_groups import groups_by_label
from bach_tf.formats import READERS, read_all
from bach_tf.formats.reading import Grid
from bach_tf.score import Score

ENDINGS = tuple(READERS)
MOST_BYTES = 100_000_000  # of a file; no reader accepts more
HASH_DIGITS = 16  # of the content hash, in the name of a prepared folder
OTHERS = (
    "For other music: --model folk takes melodies, chorale and gru take four voices, and cello, "
    "mozart and performance take any."
)

Labels = Mapping[str, Iterable[Hashable]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of music, and how to adapt files to it.

    Args:
        what: a description for messages, such as "melodies of one voice".
        fitted: adapts the score of a file, or raises `ValueError` with the reason why it does not
            fit.
        grid: for files without a grid of their own; `None` for the one that fits each file.
        layout: layout of the prepared folder.
        fractions: of train, valid and test, in groups.
        labels: returns labels of a file and its score; pieces that share a label form a group.
        split: splits scores given their labels, which include one shared by copies; by default
            by a hash of their music, see `splits`.
    """

    what: str
    fitted: Callable[[Score], Score]
    grid: Grid | None = None
    layout: str = "notes"
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    labels: Callable[[Path, Score], Iterable[Hashable]] = lambda path, score: ()
    split: Callable[[Mapping[str, Score], Labels], Pieces] | None = None


class Found(NamedTuple):
    """A piece of a user.

    Args:
        name: unique within its split.
        split: split of the folder it is in; "" for none.
        score: the adapted score.
        labels: pieces that share a label form a group.
    """

    name: str
    split: str
    score: Score
    labels: tuple[Hashable, ...]


@dataclass
class Harvest:
    """The result of reading files.

    Args:
        found: the pieces.
        left_out: reasons by the name of a file or tune.
        warnings: of its reader, by the same names.
    """

    found: list[Found] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)


def prepare_own(corpus: str, folder: Path, kind: Kind) -> Path:
    """Return the prepared folder for a user's files, one per content.

    Files may have any of the endings in `READERS`, mixed, at any depth. If there are folders with
    names in `FOLDERS`, they are the splits. Files that do not fit are left out and reported.

    Args:
        corpus: name of the corpus, which begins the name of the prepared folder.
        folder: the user's folder.
        kind: the kind of music.

    Raises:
        ValueError: if the folder does not exist, has fewer than three fitting pieces, or a split
            has none.
    """
    if not folder.is_dir():
        got = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{shortened(folder)} {got}. Expected a folder of {kind.what}.")
    listing = list_files(folder, ENDINGS)
    if not listing.paths:
        raise ValueError(
            f"Expected {kind.what} in {shortened(folder)}, as {', '.join(ENDINGS)} files. Got none."
        )
    content = hash_of_files(folder, listing.paths, MOST_BYTES)
    made = prepare_folder(
        f"{corpus}-{content[:HASH_DIGITS]}", lambda: collect(folder, listing, kind)
    )
    leaks = read_manifest(made).get("leaks", [])
    if leaks:
        lines = listed([shortened(leak, LONGEST_LINE) for leak in leaks])
        print(
            f"Warning: pieces in two splits: {len(leaks)}, so figures measured on them are of "
            f"memorised music:\n{lines}",
            file=sys.stderr,
        )
    return made


def collect(folder: Path, listing: Listing, kind: Kind) -> Collection:
    """Read a user's files, and split the pieces unless the user has.

    Args:
        folder: the user's folder.
        listing: its files.
        kind: the kind of music.

    Raises:
        ValueError: as for `prepare_own`.
    """
    entries = entries_of([path.relative_to(folder) for path in listing.paths])
    is_split = any(entry.split for entry in entries)
    harvest = Harvest()
    for entry in entries:
        read_entry(entry, folder / entry.file, kind, harvest)
    pieces, about = (_as_split if is_split else _dealt)(harvest, folder, kind)
    more = {"skipped": listing.skipped, "warnings": harvest.warnings}
    return Collection(pieces, kind.layout, harvest.left_out, listing.skipped, {**about, **more})


def read_entry(entry: Entry, path: Path, kind: Kind, harvest: Harvest) -> None:
    """Read a file: add its fitting pieces, and why others do not fit.

    Args:
        entry: the file.
        path: where it is.
        kind: the kind of music.
        harvest: is added to.
    """
    if entry.problem:
        harvest.left_out[entry.file] = entry.problem
        return
    for number, score in _read(path, entry.file, kind, harvest):
        name = f"{entry.name}-{number}" if number else entry.name
        labels = (*kind.labels(path, score), *entry.labels)
        harvest.found.append(Found(name, entry.split, score, labels))


def _read(path: Path, file: str, kind: Kind, harvest: Harvest) -> Iterator[tuple[int, Score]]:
    """Yield the fitting pieces of a file with their numbers, 0 for the only one."""
    try:
        pieces = read_all(path, kind.grid)
    except ValueError as error:
        harvest.left_out[file] = _reason(error, path)
        return
    for number, (tune, piece) in enumerate(pieces.items(), start=1):
        said = f"{file}: tune {tune}" if tune else file
        try:
            if isinstance(piece, ValueError):
                raise piece
            score = _fitted(piece.score, path, kind)
        except ValueError as error:
            harvest.left_out[said] = _reason(error, path, f"tune {tune}")
            continue
        if piece.warnings:
            harvest.warnings[said] = piece.warnings
        yield number if tune else 0, score


def _fitted(score: Score, path: Path, kind: Kind) -> Score:
    if not len(score):
        raise ValueError("expected notes, got none")
    score = replace(score, title=score.title or path.stem)
    # The first row of a grid begins a bar; a file of notes may begin with empty bars.
    return kind.fitted(score if path.suffix == ".csv" else score.without_leading_silence())


def _reason(error: ValueError, path: Path, tune: str = "") -> str:
    reason = str(error).removeprefix(f"{path.name}: ")
    reason = re.sub(rf"^{re.escape(path.name)}:(?=\d+: )", "row ", reason)
    return reason.removeprefix(f"{tune}: ") if tune else reason


def _as_split(harvest: Harvest, folder: Path, kind: Kind) -> tuple[Pieces, dict]:
    """Return the pieces as split by the user, and those in two splits."""
    pieces = {split: _by_name(harvest.found, split) for split in SPLITS}
    empty = [f"{split}/" for split, scores in pieces.items() if not scores]
    if empty:
        raise ValueError(
            f"{shortened(folder)}: expected {kind.what} in train/, valid/ and test/, got none in "
            f"{', '.join(empty)}. Put files there, or all files into one folder to have them "
            f"split. {OTHERS}{_why(harvest)}"
        )
    return pieces, {"leaks": find_copies(pieces)}


def _by_name(found: Iterable[Found], split: str = "") -> dict[str, Score]:
    """Return the scores of a split by unique names, because a tune may be named like a file."""
    mine = [piece for piece in found if piece.split == split]
    names = untaken_names(piece.name for piece in mine)
    return {name: piece.score for name, piece in zip(names, mine)}


def _dealt(harvest: Harvest, folder: Path, kind: Kind) -> tuple[Pieces, dict]:
    """Split the pieces, keeping copies together; also return which are copies."""
    scores = _by_name(harvest.found)
    labels = {
        name: (digest_of(content_of(piece.score)), *piece.labels)
        for name, piece in zip(scores, harvest.found)
    }
    different = len(groups_by_label(labels))
    if different < FEWEST:
        raise ValueError(
            f"Expected at least {FEWEST} different {kind.what} to split, got {different} in "
            f"{shortened(folder)}. {OTHERS}{_why(harvest)}"
        )
    copies = copies_in(scores)
    if copies:
        lines = listed([shortened(copy, LONGEST_LINE) for copy in copies])
        print(f"Duplicate pieces, kept in one split:\n{lines}", file=sys.stderr)
    pieces = kind.split(scores, labels) if kind.split else _by_fractions(scores, labels, kind)
    return pieces, {"copies": copies}


def _by_fractions(scores: Mapping[str, Score], labels: Labels, kind: Kind) -> Pieces:
    """Split by the smallest hash in each group, so that names and order do not matter."""
    pieces: Pieces = {split: {} for split in SPLITS}
    groups = {key_of(labels, group): group for group in groups_by_label(labels)}
    splits = HashedSplits(groups, kind.fractions)
    for key, group in groups.items():
        pieces[splits.of(key)] |= {name: scores[name] for name in group}
    return pieces


def key_of(labels: Labels, group: Iterable[str]) -> str:
    """Return the key of a group of pieces: the smallest digest of their music.

    Args:
        labels: by the name of a piece, its digest first.
        group: names.
    """
    return min(str(next(iter(labels[name]))) for name in group)


def _why(harvest: Harvest) -> str:
    """Describe what was left out; "" if nothing was."""
    left_out = harvest.left_out
    if not left_out:
        return ""
    return f"\n{len(left_out)} left out:\n{listed(lines_of(left_out))}"
