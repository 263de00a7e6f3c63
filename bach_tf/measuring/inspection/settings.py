"""A preset as TensorBoard shows it: a table to read, and hyper-parameters to compare runs by."""

from __future__ import annotations

from bach_tf.recipes import Preset
from bach_tf.recipes.changes import GROUPS

HyperParameter = bool | int | float | str  # what TensorBoard can sort and filter


def flat_settings(preset: Preset) -> dict:
    """Return all settings, those of a group under names as `train.py --set` takes them.

    Args:
        preset: of a run.

    Example:
        >>> from bach_tf.recipes import PRESETS
        >>> flat_settings(PRESETS["gru"])["model.units"]
        160
    """
    config = preset.flat()
    groups = {
        f"{group}.{name}": value for group in GROUPS for name, value in config.pop(group).items()
    }
    return config | groups


def hyper_parameters(preset: Preset) -> dict[str, HyperParameter]:
    """Return all settings as TensorBoard's HParams take them; lists and `None` as text.

    Args:
        preset: of a run.
    """
    return {
        name: value if isinstance(value, HyperParameter) else str(value)
        for name, value in flat_settings(preset).items()
    }


def settings_table(preset: Preset) -> str:
    """Return all settings as a Markdown table.

    Args:
        preset: of a run.
    """
    rows = [f"| {name} | `{value!r}` |" for name, value in flat_settings(preset).items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])
