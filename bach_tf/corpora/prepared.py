"""A prepared corpus: `train/ valid/ test/` of CSV files with a manifest.

    FOLDER/
      manifest.json      the hash of each file, and what a grid of pitches cannot say
      train/NAME.csv     one piece each
      valid/NAME.csv
      test/NAME.csv

It is what people see, edit and validate, and what the cache holds. A grid cannot tell a
held note from a repeated one: repetitions are lost when a score is written here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from bach_tf.corpora.grid_csv import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    VOICES,
    read_grid_csv,
    write_grid_csv,
)
from bach_tf.score import STEPS_PER_QUARTER, Score

SPLITS = ("train", "valid", "test")
MANIFEST = "manifest.json"
FORMAT = 1  # raise it when the layout or what the corpora hold changes: caches are rebuilt

# The fields of a score that its grid cannot hold and the manifest keeps.
ABOUT = ("title", "key_signature", "time_signature", "upbeat", "fermatas")

Pieces = dict[str, dict[str, Score]]  # {split: {name: score}}


def cache_dir() -> Path:
    """Return the folder for prepared corpora: `BACH_TF_HOME`, or the user's cache."""
    return Path(os.environ.get("BACH_TF_HOME") or platformdirs.user_cache_dir("bach_tf"))


def prepare(name: str, build: Callable[[], Pieces]) -> Path:
    """Return the prepared folder `name` of the cache, built first if absent or damaged.

    Args:
        name: of the folder within the cache.
        build: gives the pieces of each split; called only when needed.
    """
    folder = cache_dir() / name
    if not is_intact(folder):
        pieces = build()
        if not is_intact(folder):  # another process may have been faster
            write_prepared(folder, pieces)
    return folder


def write_prepared(folder: Path, pieces: Pieces) -> None:
    """Write a prepared corpus atomically: another process sees all of it or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        entries = []
        for split in SPLITS:
            (scratch / split).mkdir()
            for name, score in sorted(pieces[split].items()):
                entries.append(_write_piece(scratch, f"{split}/{name}.csv", score))
        _write_manifest(scratch, entries)
        scratch.chmod(0o755)  # mkdtemp makes it private
        _replace_folder(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_prepared(folder: Path) -> dict[str, list[Score]]:
    """Read a prepared corpus back as `{split: [Score]}`, in the order of the file names.

    Raises:
        ValueError: no manifest, or a file that is not a grid; the message names it.
    """
    scores: dict[str, list[Score]] = {split: [] for split in SPLITS}
    for entry in read_manifest(folder)["pieces"]:
        split = entry["file"].partition("/")[0]
        about = {field: entry[field] for field in ABOUT}
        scores[split].append(Score.from_grid(read_grid_csv(folder / entry["file"]), **about))
    return scores


def piece_paths(folder: Path, split: str) -> list[Path]:
    """Return the CSV files of one split, in the order in which `read_prepared` reads them."""
    entries = read_manifest(folder)["pieces"]
    return [folder / entry["file"] for entry in entries if entry["file"].startswith(f"{split}/")]


def read_manifest(folder: Path) -> dict:
    """Return the manifest of a prepared corpus.

    Raises:
        ValueError: the folder has none, or one that cannot be read.
    """
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Expected a prepared corpus with a {MANIFEST} in {folder}, got: {error}. "
            "Delete the folder to have it built again."
        ) from None


def is_intact(folder: Path) -> bool:
    """Return whether every file of a prepared corpus is there with the hash it was given."""
    try:
        manifest = read_manifest(folder)
        return manifest["format"] == FORMAT and all(
            sha256_of(folder / entry["file"]) == entry["sha256"] for entry in manifest["pieces"]
        )
    except (ValueError, OSError, KeyError, TypeError):
        return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_piece(root: Path, file: str, score: Score) -> dict:
    path = root / file
    write_grid_csv(path, score.to_grid(len(VOICES)))
    about = {field: getattr(score, field) for field in ABOUT}
    pitches = score.pitch.tolist() or [LOWEST_PITCH, HIGHEST_PITCH]
    pitch_range = [min(pitches), max(pitches)]
    return {"file": file, "sha256": sha256_of(path), "pitch_range": pitch_range, **about}


def _write_manifest(folder: Path, entries: list[dict]) -> None:
    manifest = {
        "format": FORMAT,
        "steps_per_quarter": STEPS_PER_QUARTER,
        "pitch_range": [
            min((entry["pitch_range"][0] for entry in entries), default=LOWEST_PITCH),
            max((entry["pitch_range"][1] for entry in entries), default=HIGHEST_PITCH),
        ],
        "pieces": entries,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _replace_folder(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`; a damaged one is moved aside and deleted."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        with contextlib.suppress(FileNotFoundError):  # another process has moved it already
            os.replace(folder, aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.replace(new, folder)
    except OSError:
        # Another process has just put its own copy there.
        if not is_intact(folder):
            raise
