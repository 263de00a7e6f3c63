"""Corpora made from the MIDI files in an archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bach_tf._basics.files import list_files
from bach_tf.corpora.preparation.downloads import Archive, unpacked
from bach_tf.corpora.preparation.entries import names_of
from bach_tf.corpora.preparation.prepared import (
    Collection,
    Pieces,
)
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.corpora.preparation.reasons import few_reasons
from bach_tf.corpora.preparation.splits import deal
from bach_tf.score import Score

ENDINGS = (".mid", ".midi")
MOST_BAD = 0.1  # fraction of the files; above it, not the files but something else is wrong


def prepare_midi(
    name: str,
    data_dir: Path | None,
    archive: Archive,
    read: Callable[[Path], Score],
    fractions: Sequence[float],
    group_of: Callable[[str], str] = str,
) -> Path:
    """Return the prepared folder for an archive of MIDI files, as lists of notes.

    Args:
        name: name of the corpus, and of the prepared folder.
        data_dir: the archive, or a folder with it. Downloaded by default.
        archive: the corpus's archive.
        read: reads a file, or raises ValueError.
        fractions: of train, valid and test.
        group_of: maps the name of a piece to its group; groups are kept together.

    Raises:
        ValueError: if the download fails, the archive is not the expected one, or too many files
            are bad.
    """

    def build() -> Collection:
        with unpacked(archive, data_dir) as folder:
            scores, left_out = read_midi_files(find_midi_files(folder), read)
            pieces = split_by_group(scores, fractions, group_of)
            return Collection(pieces, "notes", left_out, list_files(folder, ENDINGS).skipped)

    return prepare_folder(name, build)


def find_midi_files(folder: Path) -> dict[str, Path]:
    """Return the MIDI files below a folder by unique, case-insensitive names.

    Hidden files are left out.

    Raises:
        ValueError: if there are none, or a folder cannot be read.

    Example:
        >>> list(find_midi_files(Path("sonatas")))  # doctest: +SKIP
        ['k279', 'k280-1', 'k281-1']
    """
    paths = list_files(folder, ENDINGS).paths
    if not paths:
        raise ValueError(f"Expected MIDI files ({', '.join(ENDINGS)}) in {folder}, got none.")
    return {name: path for path, name in names_of(paths).items()}


def read_midi_files(
    paths: Mapping[str, Path], read: Callable[[Path], Score]
) -> tuple[dict[str, Score], dict[str, str]]:
    """Read MIDI files from their first note on.

    Bad files and files with the same notes as another one are left out.

    Args:
        paths: the files by name, as returned by `find_midi_files`.
        read: reads a file, or raises ValueError.

    Returns:
        The scores by name, and the reason for leaving out each other file.

    Raises:
        ValueError: if more than a tenth of the files are bad, for example without notes; the
            message has the first few reasons.
    """
    scores, bad = {}, {}
    for name, path in paths.items():
        try:
            score = read(path)
        except ValueError as error:
            bad[f"{name}{path.suffix}"] = str(error).removeprefix(f"{path.name}: ")
            continue
        if len(score):
            scores[name] = score.without_leading_silence()
        else:
            bad[f"{name}{path.suffix}"] = "expected notes, got none"
    if len(bad) > MOST_BAD * len(paths):
        raise ValueError(
            f"Expected at most a tenth of the MIDI files to be bad, got {len(bad)} bad of "
            f"{len(paths)}: {few_reasons(bad)}. Repair them or remove them from the folder."
        )
    # The same notes in two splits would leak.
    copies = _copies(scores)
    kept = {name: score for name, score in scores.items() if name not in copies}
    same = {
        f"{name}{paths[name].suffix}": f"the same notes as {first}{paths[first].suffix}"
        for name, first in copies.items()
    }
    return kept, bad | same


def split_by_group(
    scores: Mapping[str, Score], fractions: Sequence[float], group_of: Callable[[str], str] = str
) -> Pieces:
    """Split scores by a seed, keeping groups together.

    Args:
        scores: scores by name.
        fractions: of train, valid and test, in groups.
        group_of: maps the name of a piece to its group.

    Raises:
        ValueError: if there are fewer than three groups.
    """
    groups: dict[str, dict[str, Score]] = {}
    for name, score in scores.items():
        groups.setdefault(group_of(name), {})[name] = score
    kind = "MIDI files" if len(groups) == len(scores) else "groups of MIDI files"
    return {
        split: {name: score for group in dealt for name, score in groups[group].items()}
        for split, dealt in deal(list(groups), fractions, kind=kind).items()
    }


def _copies(scores: Mapping[str, Score]) -> dict[str, str]:
    """Map each score with the notes of an earlier one to the name of that one."""
    first: dict[tuple[bytes, ...], str] = {}
    copies = {}
    for name, score in scores.items():
        notes = tuple(getattr(score, c).tobytes() for c in ("onset", "duration", "pitch"))
        original = first.setdefault(notes, name)
        if original != name:
            copies[name] = original
    return copies
