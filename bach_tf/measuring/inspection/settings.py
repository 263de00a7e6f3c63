"""A preset in TensorBoard: as a table, and as hyper-parameters for comparing runs."""

from __future__ import annotations

from bach_tf.recipes import Preset
from bach_tf.recipes.changes import GROUPS

HyperParameter = bool | int | float | str  # types that TensorBoard can sort and filter


def flat_settings(preset: Preset) -> dict:
    """Return all settings, named as for `--set`.

    Args:
        preset: that of a run.

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
    """Return all settings for TensorBoard's HParams; lists and `None` become text.

    Args:
        preset: that of a run.
    """
    return {
        name: value if isinstance(value, HyperParameter) else str(value)
        for name, value in flat_settings(preset).items()
    }


def settings_table(preset: Preset) -> str:
    """Return all settings as a Markdown table.

    Args:
        preset: that of a run.
    """
    rows = [f"| {name} | `{value!r}` |" for name, value in flat_settings(preset).items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])
