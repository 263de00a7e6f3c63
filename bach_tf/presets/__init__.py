"""What `--model NAME` means."""

from bach_tf.presets.changes import on_corpus, override
from bach_tf.presets.preset import Preset
from bach_tf.presets.recipes import PRESETS
from bach_tf.presets.tables import ARCHITECTURES, SETTINGS, check_size

__all__ = [
    "ARCHITECTURES",
    "PRESETS",
    "SETTINGS",
    "Preset",
    "check_size",
    "on_corpus",
    "override",
]
