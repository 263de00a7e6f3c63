"""A recipe with other settings, or for other music."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bach_tf._basics.messages import shorten
from bach_tf._basics.settings import Settings, kind_of
from bach_tf.codecs import CODECS
from bach_tf.recipes.preset import Preset
from bach_tf.recipes.presets import PERIODS, PRESETS
from bach_tf.recipes.tables import ARCHITECTURES, SETTINGS

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
    period = PERIODS.get(recipe.codec, 1)
    # A model of four voices keeps its own: that it cannot read this codec is said in training.
    if "period" in model and not period % ARCHITECTURES[preset.architecture]["period"].multiple_of:
        model = {**model, "period": period}
    return replace(preset, **{**kind, "corpus": corpus, "model": model})


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced.

    Args:
        preset: left as it is.
        assignments: each `NAME=VALUE`, `model.NAME=VALUE` or `encoding.NAME=VALUE`.

    Raises:
        ValueError: no `=`, a name that is not a setting, a value of another type or out of bounds,
            or values that do not go with one another.

    Example:
        >>> override(PRESETS["gru"], ["model.units=64", "window=96"]).model["units"]
        64
    """
    changes = {}
    # The codec and the architecture first: which other settings there are depends on them.
    for name, text in sorted(map(_split, assignments), key=lambda pair: "." in pair[0]):
        group, dot, setting = name.partition(".")
        if not dot or group not in GROUPS:
            kind = kind_of(SETTINGS, name)
            changes[name] = kind.check(name, kind.read(text))
            continue
        kind = kind_of(_kinds(group, {**vars(preset), **changes}), setting, prefix=f"{group}.")
        settings = changes.get(group, getattr(preset, group))
        changes[group] = {**settings, setting: kind.check(name, kind.read(text))}
    if "architecture" in changes:
        _check_architecture(preset, changes)
    return replace(preset, **changes)


def _split(assignment: str) -> tuple[str, str]:
    name, equals, text = assignment.partition("=")
    if not equals:
        raise ValueError(f"Expected NAME=VALUE, got {shorten(assignment)}.")
    return name.strip(), text


def _kinds(group: str, settings: dict[str, Any]) -> Settings:
    """Return the settings that there are in a group."""
    if group == "model":
        return ARCHITECTURES[settings["architecture"]]
    return CODECS[settings["codec"]].ENCODING


def _check_architecture(preset: Preset, changes: dict[str, Any]) -> None:
    """Raise `ValueError` for an architecture that the model's settings are not of."""
    name = changes["architecture"]
    strange = set(changes.get("model", preset.model)) - set(ARCHITECTURES[name])
    if strange:
        recipes = [recipe for recipe, each in PRESETS.items() if each.architecture == name]
        raise ValueError(
            f"`architecture` {name!r} has no settings {', '.join(sorted(strange))}, which are "
            f"those of {preset.architecture!r}. Choose a recipe that is made for it: "
            f"--model {' or '.join(recipes)}"
        )
