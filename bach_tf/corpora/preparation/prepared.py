"""A prepared corpus: `train/ valid/ test/` folders of CSV files with a manifest.

    FOLDER/
      manifest.json      the layout, the hash of each file, and metadata of the pieces
      train/NAME.csv     one piece each
      valid/NAME.csv
      test/NAME.csv

This is what users see, edit and validate, and what the cache contains. There are two layouts:
"grid", the pitches of four voices at each step, and "notes", one row per note. A grid cannot tell
held notes from repeated ones, so repetitions are lost in this layout. Lists of notes are lossless.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs

from bach_tf._basics.choices import choose
from bach_tf._basics.files import read_limited, read_once
from bach_tf.corpora.preparation.layouts import ABOUT, LAYOUTS
from bach_tf.corpora.preparation.naming import storable_name, untaken_names
from bach_tf.corpora.preparation.reasons import few_reasons, lines_of, listed
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, MOST_BYTES
from bach_tf.score import STEPS_PER_QUARTER, Part, Score

SPLITS = ("train", "valid", "test")
MANIFEST = "manifest.json"
FORMAT = 6  # increment when a layout or the contents of corpora change, to rebuild caches
MOST_MANIFEST = 200_000_000  # bytes: 300 for each of half a million pieces
TRIES = 20  # attempts to replace a folder that other processes replace too

UNHEARD = ("title", "key_changes", "tempi", "parts", "pedals")  # of `ABOUT`, not used in training

Pieces = dict[str, dict[str, Score]]  # {split: {name: score}}


@dataclass(frozen=True)
class Collection:
    """The result of building a corpus.

    Args:
        pieces: the scores of each split by name.
        layout: one of `LAYOUTS`.
        left_out: reasons for leaving out files or tunes, by name.
        skipped: reasons for ignoring files, such as hidden ones, by name.
        about: further entries of the manifest.
    """

    pieces: Pieces
    layout: str = "grid"
    left_out: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def cache_dir() -> Path:
    """Return the folder for prepared corpora: `BACH_TF_HOME`, or the user's cache."""
    return Path(os.environ.get("BACH_TF_HOME") or platformdirs.user_cache_dir("bach_tf"))


def prepare(name: str, build: Callable[[], Collection]) -> Path:
    """Return the prepared folder `name` in the cache, building it if it is missing or damaged.

    When it is built, pieces left out are reported on stderr.

    Args:
        name: name of the folder within the cache.
        build: returns the pieces of each split; only called when needed.
    """
    folder = cache_dir() / name
    if not is_intact(folder):
        made = build()
        if not is_intact(folder):  # another process may have finished first
            write_prepared(
                folder, made.pieces, layout=made.layout, left_out=made.left_out, about=made.about
            )
        _tell(made, folder)
    return folder


def _tell(made: Collection, folder: Path) -> None:
    """Report on stderr which pieces a corpus leaves out."""
    if made.left_out:
        total = sum(map(len, made.pieces.values())) + len(made.left_out)
        lines = listed(lines_of(made.left_out), f"the full list is in {folder / MANIFEST}")
        print(f"{len(made.left_out)} of {total} pieces left out:\n{lines}", file=sys.stderr)
    if made.skipped:
        some = few_reasons(made.skipped)
        print(f"{len(made.skipped)} skipped: {some}", file=sys.stderr)


def write_prepared(
    folder: Path,
    pieces: Pieces,
    *,
    layout: str = "grid",
    left_out: dict[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a prepared corpus atomically: other processes see all of it or nothing.

    Args:
        folder: the folder to create or replace.
        pieces: the scores of each split by name.
        layout: one of `LAYOUTS`.
        left_out: reasons for leaving out files or tunes, by name.
        about: further entries of the manifest.

    Raises:
        ValueError: if the layout is unknown or cannot represent a score, or grids differ.
    """
    write, _ = choose(LAYOUTS, layout, "layout")
    steps_per_quarter = _common_steps(pieces, layout)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        entries = []
        for split in SPLITS:
            (scratch / split).mkdir()
            names = sorted(pieces[split])
            for name, file in zip(names, untaken_names(map(storable_name, names))):
                path, score = scratch / split / f"{file}.csv", pieces[split][name]
                content, more = write(path, score)
                digest = hashlib.sha256(content).hexdigest()
                entries.append(_entry(f"{split}/{file}.csv", digest, score) | more)
        manifest = {
            "format": FORMAT,
            "layout": layout,
            "steps_per_quarter": steps_per_quarter,
            "pitch_range": _whole_range(entries),
            "left_out": left_out or {},
            **(about or {}),
            "pieces": entries,
        }
        _write_manifest(scratch, manifest)
        scratch.chmod(0o755)  # mkdtemp makes it private
        _replace_folder(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_prepared(folder: Path) -> dict[str, list[Score]]:
    """Read a prepared corpus as `{split: [Score]}`, sorted by file name.

    Raises:
        ValueError: if there is no manifest, or a file does not have the corpus's layout; the
            message names it.
    """
    return {split: read_split(folder, split) for split in SPLITS}


def read_split(folder: Path, split: str) -> list[Score]:
    """Read one split of a prepared corpus, as in `read_prepared`.

    The result is cached until the files change.
    """
    files = [folder / MANIFEST, *piece_paths(folder, split)]
    with _whole(folder, OSError, ValueError):  # a name may hold a null character
        stamps = tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return list(_parse_split(folder.absolute(), split, stamps))


@lru_cache(maxsize=2)  # the training split and an evaluated one
def _parse_split(folder: Path, split: str, stamps: tuple) -> tuple[Score, ...]:
    """Return the scores of a split; `stamps` detect changes of its files."""
    manifest = read_manifest(folder)
    with _whole(folder):
        _, read = choose(LAYOUTS, manifest["layout"], "layout")
        scores = []
        for entry in _entries_of(manifest, split):
            about = {name: entry[name] for name in (*ABOUT, "length") if name in entry}
            about["steps_per_quarter"] = manifest["steps_per_quarter"]
            about["parts"] = [Part(**part) for part in about.get("parts", ())]
            scores.append(read(folder / entry["file"], **about))
    return tuple(scores)


@contextlib.contextmanager
def _whole(folder: Path, *more: type[Exception]) -> Iterator[None]:
    """Turn the errors of a manifest that lacks something into one that names the folder."""
    kinds: tuple[type[Exception], ...] = (AttributeError, KeyError, OverflowError, TypeError)
    try:
        yield
    except (*kinds, *more) as error:
        raise ValueError(
            f"Expected a whole prepared corpus in {folder}, got: {type(error).__name__}: {error}. "
            "Delete the folder to have it rebuilt."
        ) from None


def piece_paths(folder: Path, split: str) -> list[Path]:
    """Return the CSV files of one split, in the order of `read_prepared`."""
    manifest = read_manifest(folder)
    with _whole(folder):
        return [folder / entry["file"] for entry in _entries_of(manifest, split)]


def _entries_of(manifest: dict, split: str) -> list[dict]:
    return [entry for entry in manifest["pieces"] if entry["file"].startswith(f"{split}/")]


def read_manifest(folder: Path) -> dict:
    """Return the manifest of a prepared corpus.

    Raises:
        ValueError: if it is missing, unreadable, or of another format.
    """
    try:
        # "surrogatepass", because file names need not be valid UTF-8 and may be titles.
        text = read_limited(folder / MANIFEST, MOST_MANIFEST).decode("utf-8", "surrogatepass")
        manifest = json.loads(text)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise ValueError(f"one that is not of format {FORMAT}")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected a prepared corpus with a {MANIFEST} in {folder}, got: {error}. "
            "Delete the folder to have it rebuilt."
        ) from None
    return manifest


def is_intact(folder: Path) -> bool:
    """Return whether all files of a prepared corpus exist with the recorded hashes."""
    try:
        manifest = read_manifest(folder)
        return manifest["layout"] in LAYOUTS and all(
            _sha256_of(folder / entry["file"]) == entry["sha256"] for entry in manifest["pieces"]
        )
    except (AttributeError, ValueError, OSError, KeyError, TypeError):
        return False


def corpus_hash(folder: Path) -> str:
    """Return the SHA-256 of everything that training reads from a prepared corpus.

    This covers the pieces of each split and their metadata in the manifest, but not when and
    where the corpus was prepared, titles, tempi, parts, or what was left out.

    Args:
        folder: a prepared corpus.

    Raises:
        ValueError: if it is not a prepared corpus, or a file is missing.

    Example:
        >>> corpus_hash(prepare("jsb", build))  # doctest: +SKIP
    """
    manifest = read_manifest(folder)
    total = hashlib.sha256()
    with _whole(folder, ValueError):
        about = [manifest["layout"], manifest["steps_per_quarter"]]
        total.update(json.dumps(about).encode())
        for entry in sorted(manifest["pieces"], key=lambda entry: entry["file"]):
            # The current contents: a user may have edited a file since it was prepared.
            kept = entry | dict.fromkeys(UNHEARD) | {"sha256": _sha256_of(folder / entry["file"])}
            total.update(json.dumps(kept, sort_keys=True).encode())
    return total.hexdigest()


def hash_of_files(root: Path, paths: Iterable[Path], limit: int) -> str:
    """Return the SHA-256 of the contents of files and their names relative to `root`.

    Args:
        root: a common parent folder.
        paths: the files.
        limit: in bytes; for larger files, which nothing reads, the size is hashed, and for
            unreadable ones the name.
    """
    total = hashlib.sha256()
    for path in paths:
        try:
            content = read_once(path, limit)
        except ValueError as error:
            content = str(error).encode(errors="surrogateescape")
        name = os.fsencode(path.relative_to(root).as_posix())
        total.update(name + b"\0" + hashlib.sha256(content).digest())
    return total.hexdigest()


def _sha256_of(path: Path) -> str:
    """Return the SHA-256 of a piece in hexadecimal."""
    return hashlib.sha256(read_once(path, MOST_BYTES)).hexdigest()


def _common_steps(pieces: Pieces, layout: str) -> int:
    """Return the `steps_per_quarter` that all scores share."""
    steps_of = {
        f"{split}/{name}": score.steps_per_quarter
        for split, scores in pieces.items()
        for name, score in scores.items()
    }
    first = next(iter(steps_of.values()), STEPS_PER_QUARTER)
    expected = STEPS_PER_QUARTER if layout == "grid" else first
    for name, steps in steps_of.items():
        if steps != expected:
            raise ValueError(
                f"Expected {expected} steps per quarter in all scores of a prepared corpus in the "
                f"layout {layout!r}. Received: {steps} in {name}"
            )
    return expected


def _entry(file: str, sha256: str, score: Score) -> dict:
    """Return the manifest entry of a piece, for either layout."""
    pitches = score.pitch.tolist() or [LOWEST_PITCH, HIGHEST_PITCH]
    about = {name: getattr(score, name) for name in ABOUT}
    about["parts"] = [asdict(part) for part in score.parts]
    return {"file": file, "sha256": sha256, "pitch_range": [min(pitches), max(pitches)], **about}


def _whole_range(entries: list[dict]) -> list[int]:
    ranges = [entry["pitch_range"] for entry in entries]
    return [
        min((lowest for lowest, _ in ranges), default=LOWEST_PITCH),
        max((highest for _, highest in ranges), default=HIGHEST_PITCH),
    ]


def _write_manifest(folder: Path, manifest: dict) -> None:
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8", errors="surrogatepass")


def _replace_folder(new: Path, folder: Path) -> None:
    """Replace `folder` by `new`; a damaged one is moved aside and deleted."""
    for attempt in range(1, TRIES + 1):
        _move_aside(folder)
        try:
            os.replace(new, folder)
            return
        except OSError:
            # Another process has just put its own copy there.
            if is_intact(folder):
                return
            if attempt == TRIES:
                raise  # before that, a third process may have moved that copy aside


def _move_aside(folder: Path) -> None:
    """Delete a folder that other processes may be deleting too."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        with contextlib.suppress(FileNotFoundError):  # already moved by another process
            os.replace(folder, aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
