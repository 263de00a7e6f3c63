"""From a run folder to `exported/NAME/`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bach_tf._basics.lazy import load
from bach_tf.export import EXPORTED, FORMATS, check_formats, folder_for
from bach_tf.export.readme import README
from bach_tf.export.sums import write_sums
from bach_tf.export.tokens import describe_tokens
from bach_tf.learning.runs import CODEC, PRESET, Run
from bach_tf.recipes import changed

ASSETS, TOKENS = "assets", "tokens.json"


def export_run(
    run: Run, formats: Sequence[str], *, output: Path = EXPORTED, name: str | None = None
) -> dict[str, str]:
    """Export a run for programs without bach_tf, completely or not at all.

    Args:
        run: a trained run.
        formats: names in `FORMATS`.
        output: the parent folder of all exports.
        name: name of the new folder; by default that of the run's folder.

    Returns:
        a description of each format.

    Raises:
        ValueError: if a format is unknown, the folder exists, the name is invalid, a package is
            missing, or a format cannot represent the model.

    Example:
        >>> export_run(run, ["saved_model", "onnx"])  # doctest: +SKIP
    """
    exporters = {name: load(FORMATS[name]) for name in check_formats(",".join(formats))}
    folder = folder_for(run.folder, output, name)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=output) as scratch:
        new = Path(scratch) / folder.name
        write_assets(run, new)
        notes = {chosen: write(run, new) for chosen, write in exporters.items()}
        write_sums(new)
        os.replace(new, folder)
    return notes


def write_assets(run: Run, folder: Path) -> None:
    """Write what accompanies all formats: README.txt, and the run's settings in `assets/`."""
    assets = folder / ASSETS
    assets.mkdir(parents=True)
    shutil.copy(run.folder / CODEC, assets / CODEC)
    # Without the path of the corpus, which is specific to this machine.
    _write_json(assets / PRESET, changed(run.preset, data_dir=None).to_config())
    about = describe_tokens(run.codec, run.preset)
    _write_json(assets / TOKENS, about)
    (folder / "README.txt").write_text(README.format(**about), encoding="utf-8")


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the files and folders in a folder with their sizes in bytes."""
    for path in sorted(folder.iterdir()):
        files = path.rglob("*") if path.is_dir() else [path]
        yield path.name, sum(file.stat().st_size for file in files if file.is_file())
