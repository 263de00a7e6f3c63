"""What `--model NAME` means."""

from bach_tf.presets.changes import on_corpus, override
from bach_tf.presets.preset import Preset
from bach_tf.presets.recipes import PRESETS

__all__ = ["PRESETS", "Preset", "on_corpus", "override"]
