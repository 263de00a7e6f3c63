"""Presets: the meaning of `--model NAME`."""

from bach_tf.corpora.music import Music
from bach_tf.recipes.changes import (
    DEFAULT_MODEL,
    changed,
    continued_preset,
    make_preset,
    on_corpus,
    override,
    shrunk,
)
from bach_tf.recipes.preset import Model, Preset, Training
from bach_tf.recipes.presets import PRESETS
from bach_tf.recipes.tables import SETTINGS, check_size

__all__ = [
    "DEFAULT_MODEL",
    "PRESETS",
    "SETTINGS",
    "Model",
    "Music",
    "Preset",
    "Training",
    "changed",
    "check_size",
    "continued_preset",
    "make_preset",
    "on_corpus",
    "override",
    "shrunk",
]
