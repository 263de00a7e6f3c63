"""Run folders: the output of training, and the input of all later commands.

tb_logs/NAME/
  preset.json          all settings
  codec.json           the codec and its arguments
  model.weights.h5     weights of the best epoch
  memory.npz           the training split, if the model has a memory
  checksums.json       SHA-256 of the weights
  corpus.json          hashes of the corpus
  history.csv          one row per epoch
  train/ validation/   TensorBoard event files
  checkpoint/          state after the last two finished epochs, to resume from

Files are replaced atomically, so that a run can be opened after a full disk or a power cut.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf._basics.replacing import replace_json
from bach_tf._basics.settings import Text
from bach_tf.codecs import Codec
from bach_tf.learning.memory_files import MEMORY, read_memory, write_memory
from bach_tf.learning.run_files import CODEC, PRESET, read_settings
from bach_tf.learning.seeds import weights_drawn_from
from bach_tf.learning.weight_files import read_weights, write_weights
from bach_tf.models import MODELS
from bach_tf.recipes import PRESETS, Preset, check_size

# Keras and the models are imported when a model is built: finding a run needs no TensorFlow.
if TYPE_CHECKING:
    from bach_tf.models import NextTokenModel

RUNS = Path("tb_logs")
PRETRAINED = Path(__file__).parents[1] / "pretrained" / "chorale"  # the shipped weights
SHIPPED = "pretrained"  # how users refer to them
WEIGHTS, HISTORY = "model.weights.h5", "history.csv"
BYTES_OF_A_WEIGHT = 2  # at least: shipped weights have 16 bits
LEEWAY = 8  # tolerated error of the estimated number of weights
SMALL_BYTES = 2**20  # models of this size are built without checking the file
CHECKPOINT = "checkpoint"  # the folder from which training resumes
SHOWN = 8  # runs listed in a message
FOLDER_NAME = Text(200)  # leaves room for a number and an ending within 255 bytes


@dataclass(frozen=True)
class Run:
    """An open run folder.

    Args:
        folder: its path.
        preset: its settings.
        codec: its codec.
        model: its model, with the weights of the best epoch, or fresh ones if not trained yet.
        memory: the model's serialised memory; "" if it has none.
    """

    folder: Path
    preset: Preset
    codec: Codec
    model: NextTokenModel
    memory: str = field(default="", repr=False)


def create_run(
    preset: Preset,
    codec: Codec,
    name: str | None = None,
    runs: Path = RUNS,
    memory: str = "",
    complete: Callable[[Path], None] | None = None,
) -> Run:
    """Create a run folder with fresh weights; its preset, which makes it a run, is written last.

    Args:
        preset: the settings.
        codec: the codec, fitted to the corpus.
        name: name of the folder; by default the recipe and the time.
        runs: the folder of all runs.
        memory: the model's serialised memory, if any.
        complete: writes what else belongs to the run into its folder.

    Raises:
        ValueError: if the folder exists or the name is invalid.
    """
    if name is not None:
        check_run_name(name, runs)
    model = build_model(preset, codec, memory)
    base = name or preset.recipe or preset.model.architecture
    folder = _make_folder(runs, base, dated=name is None)
    try:
        if memory:
            write_memory(folder / MEMORY, memory)
        replace_json(folder / CODEC, {"name": preset.music.codec, **codec.to_config()})
        if complete is not None:
            complete(folder)
        replace_json(folder / PRESET, preset.to_config())
    except BaseException:  # such as a full disk: half a run could not be opened
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Run(folder, preset, codec, model, memory)


def _make_folder(runs: Path, name: str, *, dated: bool) -> Path:
    """Create a new folder, safely among several processes, and return it.

    Args:
        runs: the parent folder.
        name: name of the folder.
        dated: whether to append the time, and a number if necessary.

    Raises:
        ValueError: if the name is taken.
    """
    begun = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    numbered = [begun, *(f"{begun}-{number}" for number in range(2, 1000))]
    for folder in (runs / chosen for chosen in (numbered if dated else [name])):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise ValueError(_taken(folder))


def _taken(folder: Path) -> str:
    then = f"or continue it with --resume {folder}"
    if not (folder / PRESET).exists():
        then = f"or delete it: it has no {PRESET}, so that it cannot be continued"
    return f"{folder} exists already. Choose another name, {then}."


def load_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        ValueError: if it is not a run folder, or its files cannot be read.
    """
    preset, codec = load_settings(folder)
    trained = (folder / WEIGHTS).exists()
    if trained:
        _check_fits(folder, preset, codec)
    memory = load_memory(folder, preset)
    run = Run(folder, preset, codec, build_model(preset, codec, memory), memory)
    if trained:
        load_weights(run)
    return run


def load_memory(folder: Path, preset: Preset) -> str:
    """Return the serialised memory of a run's model; "" if it has none.

    Raises:
        ValueError: if it is missing or damaged.
    """
    return read_memory(folder / MEMORY) if preset.model.settings.get("memory") else ""


def _check_fits(folder: Path, preset: Preset, codec) -> None:
    """Raise `ValueError` if the weight file is too small for the settings.

    If the settings were edited, building the model first could take gigabytes.
    """
    model = preset.model
    expected = MODELS[model.architecture].count_weights(model.settings, codec.vocab_size)
    bytes_there = (folder / WEIGHTS).stat().st_size
    if expected * BYTES_OF_A_WEIGHT > LEEWAY * max(bytes_there, SMALL_BYTES):
        raise ValueError(
            f"{folder / PRESET}: expected the settings of the weights beside it, got settings for "
            f"about {expected:,} weights, which do not fit {WEIGHTS} of {bytes_there:,} bytes. "
            "Restore the settings it was trained with."
        )


def load_settings(folder: Path) -> tuple[Preset, Codec]:
    """Return the preset and the codec of a run folder, without building its model.

    Raises:
        ValueError: if it is not a run folder, or its files cannot be read.
    """
    if not (folder / PRESET).is_file():
        raise ValueError(
            f"Expected a run folder with {PRESET} and {CODEC}, got {folder}. {_choices()}"
        )
    return read_settings(folder)


def load_trained_run(folder: Path) -> Run:
    """Open a run folder that has weights.

    Raises:
        ValueError: as for `load_run`, or if no epoch has finished yet.
    """
    run = load_run(folder)
    _check_trained(folder)
    return run


def load_trained_settings(folder: Path) -> tuple[Preset, Codec]:
    """Return the preset and the codec of a run folder that has weights.

    Raises:
        ValueError: as for `load_settings`, or if no epoch has finished yet.
    """
    settings = load_settings(folder)
    _check_trained(folder)
    return settings


def _check_trained(folder: Path) -> None:
    if not (folder / WEIGHTS).exists():
        raise ValueError(
            f"{folder} has no weights yet: no epoch has finished. "
            f"Continue with: bach-tf train --resume {folder}"
        )


def replace_preset(run: Run, preset: Preset) -> Run:
    """Replace the settings of a run, also in its folder."""
    replace_json(run.folder / PRESET, preset.to_config())
    return replace(run, preset=preset)


def list_runs(runs: Path = RUNS) -> list[Path]:
    """Return the run folders that have weights, the newest last."""
    found = []
    for weights in runs.glob(f"*/{WEIGHTS}"):
        try:
            if weights.is_file():
                found.append((weights.stat().st_mtime_ns, weights.parent))
        except OSError:  # deleted in the meantime, or unreadable
            continue
    return [folder for _, folder in sorted(found)]


def find_run(name: str | Path | None = None, *, recipe: str | None = None) -> Path:
    """Return the run folder that a user refers to.

    Args:
        name: a run folder, the name of one in `RUNS`, or `SHIPPED` for the weights that come with
            the package. By default the newest one in `RUNS`, or the shipped weights if there are
            none.
        recipe: a name in `PRESETS`; without a name, only runs of this preset are considered.

    Raises:
        ValueError: if there is no such run or recipe.

    Example:
        >>> find_run("gru-jsb")  # doctest: +SKIP
        PosixPath('tb_logs/gru-jsb')
    """
    if name is None:
        folder = _newest(RUNS, recipe)
        if folder is None and has_shipped_weights() and _is_of(PRETRAINED, recipe):
            folder = PRETRAINED
        if folder is None:
            raise _none_trained(RUNS, recipe)
        return folder
    if str(name) == SHIPPED:
        if not has_shipped_weights():
            raise ValueError(
                f"This copy of bach_tf has no shipped weights: expected them in {PRETRAINED}. "
                "Train a run with: bach-tf train --model gru"
            )
        return PRETRAINED
    # A folder that is not a run does not hide a run of the same name.
    found = next((run for run in (Path(name), RUNS / name) if (run / PRESET).is_file()), None)
    if found is None:
        raise ValueError(
            f"Expected a run folder, or the name of one in {RUNS}, got {name}: "
            f"it has no {PRESET}. {_choices()}"
        )
    return found


def check_run_name(name: str, runs: Path = RUNS) -> None:
    """Raise `ValueError` if a new run cannot have this name.

    Example:
        >>> check_run_name("gru-jsb", Path("absent"))
    """
    FOLDER_NAME.check("run_name", name)
    if Path(name).name != name or name == "..":
        raise ValueError(
            f"A run's name must be a folder name. Received: {shortened(name, quote=True)}"
        )
    if (runs / name).exists():
        raise ValueError(_taken(runs / name))


def run_name(folder: Path) -> str:
    """Return the name by which users refer to a run, as understood by `find_run`."""
    return SHIPPED if folder == PRETRAINED else str(folder)


def has_shipped_weights() -> bool:
    """Return whether this copy of the package has weights."""
    return (PRETRAINED / WEIGHTS).is_file()


def _newest(runs: Path, recipe: str | None) -> Path | None:
    """Return the newest run with weights, optionally of one recipe."""
    if recipe is not None:
        choose(PRESETS, recipe, "model")
    return next((run for run in reversed(list_runs(runs)) if _is_of(run, recipe)), None)


def _none_trained(runs: Path, recipe: str | None) -> ValueError:
    return ValueError(
        f"No trained run{f' of {recipe}' if recipe else ''} in {runs}. "
        f"Train one with: bach-tf train --model {recipe or 'gru'}"
    )


def _is_of(folder: Path, recipe: str | None) -> bool:
    """Return whether a run can be read and, optionally, is of a recipe."""
    try:
        preset, _ = read_settings(folder)
    except ValueError as error:
        print(f"Skipped a run: {error}", file=sys.stderr)
        return False
    return recipe in (None, preset.recipe)


def _choices() -> str:
    """List the newest runs for a message."""
    runs = list_runs()
    names = [shortened(run, LONGEST_LINE) for run in runs[-SHOWN:]]
    names += [SHIPPED] * has_shipped_weights()
    more = f" and {len(runs) - SHOWN} older ones" if len(runs) > SHOWN else ""
    return f"Choose from: {', '.join(names) or 'none yet'}{more}."


def load_weights(run: Run) -> None:
    """Load the weights in a run's folder into `run.model`; its optimiser is left unchanged.

    Raises:
        ValueError: if the file is damaged, of another model, or contains NaN.
    """
    # A compiled model would look for its optimiser in the file.
    bare = run.model
    if run.model.compiled:
        bare = build_model(run.preset, run.codec, run.memory)
    try:
        read_weights(bare, run.folder / WEIGHTS)
    except ValueError as error:
        raise ValueError(f"{error} {_cure(run.folder)}") from None
    if bare is not run.model:
        run.model.set_weights(bare.get_weights())


def _cure(folder: Path) -> str:
    """Return advice for a run whose weights are damaged."""
    if folder == PRETRAINED:
        return "Install bach_tf again."
    if (folder / CHECKPOINT).is_dir():
        return f"Resume from the checkpoint: bach-tf train --resume {folder}"
    return "Restore a copy, or train a new run."


def save_weights(run: Run) -> None:
    """Write the weights of `run.model` and their checksum into its folder, atomically."""
    # From a model without optimiser, whose state is twice as large as the weights.
    bare = run.model
    if run.model.compiled:
        bare = build_model(run.preset, run.codec, run.memory)
        bare.set_weights(run.model.get_weights())
    write_weights(bare, run.folder / WEIGHTS)


def build_model(preset: Preset, codec: Codec, memory: str = "") -> NextTokenModel:
    """Build the model of a preset with fresh weights, initialised from its seed.

    Args:
        preset: the settings.
        codec: determines the vocabulary size, and the order of voices.
        memory: the model's serialised memory, if the preset has one.

    Raises:
        ValueError: if the architecture is not in `MODELS`, the model is too large, or it has rules
            of four voices for a codec of something else.
    """
    check_size(preset.model.architecture, preset.model.settings, codec.vocab_size)
    kind = choose(MODELS, preset.model.architecture, "model").load()
    settings = preset.model.arguments(codec)
    if "memory" in settings:  # a flag in the preset; the content is an argument
        settings["memory"] = memory if settings["memory"] else None
    with weights_drawn_from(preset.training.seed):
        model = kind(codec.vocab_size, **settings)
        model.build((1, 2))
    return model
