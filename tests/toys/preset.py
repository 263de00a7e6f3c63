"""A preset: the model on the scales."""

from bach_tf.recipes import Model, Preset, Training
from toys.corpus import CORPUS

PRESET = Preset(
    recipe="toy",
    music=CORPUS.music,
    model=Model("bigram", {"units": 16}),
    training=Training(batch_size=4, epochs=2),
)
