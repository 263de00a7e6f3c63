"""A recipe with other settings, or for other music."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bach_tf.presets.preset import Preset
from bach_tf.presets.recipes import PERIODS, PRESETS

GROUPS = ("model", "encoding")  # settings of the preset that are settings themselves
FOUR_VOICES = {"chorales", "jsb", "folder"}  # corpora of grids
# What a preset takes over from another one when it is used on that one's corpus.
OF_THE_MUSIC = (
    "codec", "encoding", "window", "shift", "transpose", "context",
    "temperature", "length", "min_length", "program", "tempo_qpm",
)  # fmt: skip


def on_corpus(preset: Preset, corpus: str) -> Preset:
    """Return the preset for another corpus.

    Where that is music of another kind, all that depends on the kind comes from the recipe that is
    made for it: the codec, the windows, the instrument.

    Args:
        preset: left as it is.
        corpus: a name in `CORPORA`.

    Example:
        >>> on_corpus(PRESETS["transformer"], "folk").codec
        'melody'
    """
    if corpus == preset.corpus or {corpus, preset.corpus} <= FOUR_VOICES:
        return replace(preset, corpus=corpus)
    own = "chorales" if corpus in FOUR_VOICES else corpus
    recipe = next((each for each in PRESETS.values() if each.corpus == own), preset)
    kind = {name: getattr(recipe, name) for name in OF_THE_MUSIC}
    model = preset.model
    if "period" in model:
        model = {**model, "period": PERIODS.get(recipe.codec, 1)}
    return replace(preset, **{**kind, "corpus": corpus, "model": model})


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced.

    Args:
        preset: left as it is.
        assignments: each `NAME=VALUE`, `model.NAME=VALUE` or `encoding.NAME=VALUE`.

    Raises:
        ValueError: no `=`, a name that is not a setting, or a value of another kind.

    Example:
        >>> override(PRESETS["gru"], ["model.units=64", "window=32"]).model["units"]
        64
    """
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"Expected NAME=VALUE, got {assignment!r}.")
        group, dot, setting = name.partition(".")
        if dot and group in GROUPS:
            settings = getattr(preset, group)
            value = _parse(name, text, settings, setting)
            preset = replace(preset, **{group: {**settings, setting: value}})
        else:
            current = {key: value for key, value in vars(preset).items() if key not in GROUPS}
            preset = replace(preset, **{name: _parse(name, text, current, name)})
    return preset


def _parse(name: str, text: str, settings: dict[str, Any], setting: str) -> Any:
    """Return the value of `text`, which must be of the kind that stands there now."""
    if setting not in settings:
        raise ValueError(f"Unknown setting {name!r}. Choose from: {', '.join(sorted(settings))}.")
    current = settings[setting]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if isinstance(current, float) and type(value) is int:
        value = float(value)
    if isinstance(current, tuple) and isinstance(value, (list, tuple)):
        value = tuple(value)
    if value is not None and current is not None and type(value) is not type(current):
        raise ValueError(
            f"`{name}` must be of type {type(current).__name__}, as {current!r}. Received: {text}"
        )
    return value
