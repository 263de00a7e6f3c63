"""A model: the next token after the last one alone."""

import keras

from bach_tf.models import Architecture, NextTokenModel
from bach_tf.models.architectures import Width


class Bigram(NextTokenModel):
    def __init__(self, vocab_size, units=16):
        super().__init__()
        self.vectors = keras.layers.Embedding(vocab_size, units)
        self.logits = keras.layers.Dense(vocab_size)

    def call(self, ids, training=False):
        return self.logits(self.vectors(ids))

    def initial_state(self, batch_size):
        return ()

    def step(self, ids, state):
        return self.call(ids), state


ARCHITECTURE = Architecture(
    home=f"{__name__}:Bigram",
    settings={"units": Width(1, 512)},
    tiny={"units": 4},
    embedding="vectors",
)
