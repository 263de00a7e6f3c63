"""Models of the next token, written in Keras alone.

`MODELS` names them. A test holds each to the contract of `NextTokenModel`.
"""

from bach_tf.models.base import NextTokenModel
from bach_tf.models.chorale import Chorale
from bach_tf.models.conv_lstm import ConvLSTM
from bach_tf.models.recurrent import StackedGRU, StackedLSTM
from bach_tf.models.transformer import Transformer

MODELS = {
    "chorale": Chorale,
    "gru": StackedGRU,
    "lstm": StackedLSTM,
    "transformer": Transformer,
    "wavenet": ConvLSTM,
}

__all__ = [
    "MODELS",
    "Chorale",
    "ConvLSTM",
    "NextTokenModel",
    "StackedGRU",
    "StackedLSTM",
    "Transformer",
]
