"""Exporting trained runs for programs without bach_tf.

bach-tf export --run RUN --format saved_model,litert,onnx,keras

Imports no TensorFlow, so that wrong formats and folders are reported at once.
"""

from __future__ import annotations

from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened

EXPORTED = Path("exported")
# Each is a function `(run, folder) -> str` that writes its files into a folder with `assets/`,
# checks them, and returns a description. It is imported when needed.
FORMATS = {
    "saved_model": "bach_tf.export.saved_model:write_saved_model",
    "litert": "bach_tf.export.litert:write_litert",
    "onnx": "bach_tf.export.onnx_file:write_onnx",
    "keras": "bach_tf.export.keras_file:write_keras",
    "run": "bach_tf.export.run_folder:write_run",
}


def check_formats(formats: str) -> list[str]:
    """Return the formats requested by a user.

    Raises:
        ValueError: if there are none, or one is not in `FORMATS`.

    Example:
        >>> check_formats("keras, run")
        ['keras', 'run']
    """
    names = [name.strip() for name in formats.split(",") if name.strip()]
    if not names:
        raise ValueError(f"Expected a format. Choose from: {', '.join(sorted(FORMATS))}.")
    for name in names:
        choose(FORMATS, name, "format")
    return list(dict.fromkeys(names))


def folder_for(run: Path, output: Path, name: str | None) -> Path:
    """Return the folder that a run is exported to.

    Args:
        run: the run folder.
        output: the parent folder of all exports.
        name: name of the new folder; by default that of the run's folder.

    Raises:
        ValueError: if it exists, or the name is not a folder name.
    """
    name = run.resolve().name if name is None else name
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"An export's name must be a folder name. Received: '{shortened(name)}'")
    folder = output / name
    if folder.exists():
        raise ValueError(
            f"{folder} exists already. Choose another --name or --output, or remove it first."
        )
    return folder
