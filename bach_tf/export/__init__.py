"""Trained runs as files for programs that know nothing of bach_tf.

bach-tf export --run RUN --format saved_model,litert,onnx,keras

No TensorFlow here: it is known at once whether a format or a folder can be.
"""

from __future__ import annotations

from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened

EXPORTED = Path("exported")
# What writes each: a function `(run, folder) -> str` that writes its files into a folder that holds
# `assets/`, tries them, and says what they are. It is imported when it is needed.
FORMATS = {
    "saved_model": "bach_tf.export.saved_model:write_saved_model",
    "litert": "bach_tf.export.litert:write_litert",
    "onnx": "bach_tf.export.onnx_file:write_onnx",
    "keras": "bach_tf.export.keras_file:write_keras",
    "run": "bach_tf.export.run_folder:write_run",
}


def check_formats(formats: str) -> list[str]:
    """Return the formats that a user names.

    Raises:
        ValueError: none, or one that is not in `FORMATS`.

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
        run: its folder.
        output: the folder of all that is exported.
        name: of the folder in it; that of the run's folder when `None`.

    Raises:
        ValueError: it exists already, or the name is not that of a folder.
    """
    name = run.resolve().name if name is None else name
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(
            f"A name of what is exported is that of a folder. Received: '{shortened(name)}'"
        )
    folder = output / name
    if folder.exists():
        raise ValueError(
            f"{folder} exists already. Choose another --name or --output, or remove it first."
        )
    return folder
