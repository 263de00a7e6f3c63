"""A run folder to share: half the size, without paths of the machine it was made on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np

from bach_tf._basics.replacing import sha256_of
from bach_tf.export.inference import check_logits
from bach_tf.learning.memory_files import MEMORY
from bach_tf.learning.runs import CODEC, HISTORY, PRESET, WEIGHTS, Run, load_run
from bach_tf.learning.weight_files import keep_checksum
from bach_tf.recipes import changed

FOLDER = "run"


def write_run(run: Run, folder: Path) -> str:
    """Write `run/`, a run folder with half-precision weights.

    Args:
        run: a trained run.
        folder: the folder to write to.

    Returns:
        a description.

    Raises:
        ValueError: if its logits differ too much from those of the model.
    """
    small = folder / FOLDER
    small.mkdir()
    for name in (CODEC, HISTORY, MEMORY):
        if (run.folder / name).exists():
            shutil.copy(run.folder / name, small / name)
    preset = changed(run.preset, data_dir=None)  # a path on this machine
    text = json.dumps(preset.to_config(), indent=1) + "\n"
    (small / PRESET).write_text(text, encoding="utf-8")
    _halve(run.folder / WEIGHTS, small / WEIGHTS)
    keep_checksum(small / WEIGHTS, sha256_of(small / WEIGHTS))
    again = load_run(small).model
    largest = check_logits(
        run.model,
        lambda ids: np.asarray(again(ids)),
        run.codec.vocab_size,
        batch_size=2,
        tolerance=0.05,
    )
    return f"16-bit weights, for --run; logits within {largest:.0e} of 32-bit weights"


def _halve(source: Path, target: Path) -> None:
    """Copy a weight file, converting it to 16 bits."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, node):
            if isinstance(node, h5py.Dataset):
                half = np.issubdtype(node.dtype, np.floating)
                new[name] = node[()].astype(np.float16) if half else node[()]
            else:
                new.require_group(name)
            for key, value in node.attrs.items():
                new[name].attrs[key] = value

        old.visititems(copy)
        for key, value in old.attrs.items():
            new.attrs[key] = value
