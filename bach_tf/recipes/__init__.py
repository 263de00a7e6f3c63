"""What `--model NAME` means."""

from bach_tf.recipes.changes import on_corpus, override
from bach_tf.recipes.preset import Preset
from bach_tf.recipes.presets import PRESETS
from bach_tf.recipes.tables import ARCHITECTURES, SETTINGS, check_size

__all__ = [
    "ARCHITECTURES",
    "PRESETS",
    "SETTINGS",
    "Preset",
    "check_size",
    "on_corpus",
    "override",
]
