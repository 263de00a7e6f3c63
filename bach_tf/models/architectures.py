"""Registry of the models: where each class is defined and which settings it takes; no Keras."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from bach_tf._basics.lazy import load
from bach_tf._basics.settings import Flag, Kind, Real, Settings, Several, Whole

if TYPE_CHECKING:
    from bach_tf.models.base import NextTokenModel

WIDEST = 8192  # layer
DEEPEST = 64  # layers


@dataclass(frozen=True)
class Width(Whole):
    """The width of a layer; the number of weights grows with its square."""


@dataclass(frozen=True)
class Depth(Whole):
    """A number of layers."""


@dataclass(frozen=True)
class Kernel(Whole):
    """The kernel size of a convolution; each tap has weights of its own."""


@dataclass(frozen=True)
class Dropout(Real):
    """A fraction of activations that training sets to 0."""


UNITS = Width(1, WIDEST)
LAYERS = Depth(1, DEEPEST)
DROPOUT = Dropout(0, 1, below=True)
PERIOD = Whole(1, 65_536)
CONTEXT = Whole(1, 16_384)  # tokens or steps of attention; memory grows with the square


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """An entry of `MODELS`.

    Args:
        home: import path of the class, a `NextTokenModel`: "module:name".
        settings: the allowed values of each argument of the class except `vocab_size`.
        tiny: settings of the smallest sensible model, for tests and `--quick`. Other settings keep
            their values.
        tokens_per_step: tokens per step if the model reads whole steps; it then requires a codec
            with steps of this length.
        period: name of the setting for the period of the positions in tokens, if any.
        voices: name of the flag that requires a codec of four voices, if any. The class receives
            the order of the voices in its place, or `None`.
        embedding: name of the attribute with the token embedding, a Keras `Embedding`, if any.

    Example:
        >>> MODELS["chorale"].tokens_per_step
        4
    """

    home: str
    settings: Settings
    tiny: dict[str, Any] = field(default_factory=dict)
    tokens_per_step: int | None = None
    period: str | None = None
    voices: str | None = None
    embedding: str | None = "embedding"

    def load(self) -> type[NextTokenModel]:
        """Import and return the class."""
        return load(self.home)

    def named(self, kind: type[Kind]) -> list[str]:
        """Return the names of the settings of one kind, such as `Dropout`.

        Example:
            >>> MODELS["chorale"].named(Dropout)
            ['dropout', 'decoder_dropout', 'note_dropout', 'moved_notes']
        """
        return [name for name, each in self.settings.items() if isinstance(each, kind)]

    def count_weights(self, settings: dict[str, Any], vocab_size: int = 0) -> int:
        """Estimate the number of weights of a model from its settings alone.

        The estimate is the square of the widest layer for each layer, plus one row for each token.
        For the models here it is between one fifth and twice the true number.

        Args:
            settings: of this architecture.
            vocab_size: size of the vocabulary, if known.

        Example:
            >>> MODELS["gru"].count_weights({"units": 64, "layers": 3}, vocab_size=61)
            16192
        """
        rows = [
            width
            for name, kind in self.settings.items()
            if isinstance(kind, Several) and isinstance(kind.each, Width)
            for width in settings.get(name, [])
        ]
        widest = max([1, *rows, *(settings.get(name) or 1 for name in self.named(Width))])
        depth = sum(settings.get(name, 1) for name in self.named(Depth)) or 1
        kernel = prod(settings.get(name, 1) for name in self.named(Kernel))
        return (depth + len(rows)) * kernel * widest**2 + vocab_size * widest


MODELS: dict[str, Architecture] = {
    "chorale": Architecture(
        home="bach_tf.models.chorale:Chorale",
        settings={
            "layers": LAYERS,
            "units": UNITS,
            "heads": Whole(1, 256),
            "feed_forward": UNITS,
            "context": CONTEXT,
            "decoder": UNITS,
            "embedding": Width(4, WIDEST),  # a quarter of it is the size of the length embedding
            "period": Whole(4, 65_536, multiple_of=4),  # a step is four tokens
            "lags": Whole(1, 1024),
            "dropout": DROPOUT,
            "decoder_dropout": DROPOUT,
            "note_dropout": DROPOUT,
            "moved_notes": DROPOUT,
            "order": Several(Whole(0, 3), 4, 4),
            "rules": Flag(),
            "memory": Flag(optional=True),  # its content is not a setting; `None` means `False`
        },
        tiny={
            "layers": 1,
            "units": 16,
            "heads": 2,
            "feed_forward": 24,
            "decoder": 16,
            "embedding": 8,
        },
        tokens_per_step=4,
        period="period",
    ),
    "gru": Architecture(
        home="bach_tf.models.recurrent:StackedGRU",
        settings={
            "units": Width(1, WIDEST, optional=True),  # `None`: twice the vocabulary
            "layers": LAYERS,
            "input_dropout": DROPOUT,
            "recurrent_dropout": DROPOUT,
            "dropout": DROPOUT,
            "l2": Real(0, 1),
            "layer_norm": Flag(),
            "period": PERIOD,
            "rules": Flag(optional=True),
        },
        tiny={"units": 8, "layers": 1},
        period="period",
        voices="rules",
    ),
    "lstm": Architecture(
        home="bach_tf.models.recurrent:StackedLSTM",
        settings={
            "embedding": UNITS,
            "units": UNITS,
            "layers": LAYERS,
            "dense": Several(UNITS, 0, DEEPEST),
            "dropout": DROPOUT,
            "batch_norm": Flag(),
        },
        tiny={"embedding": 6, "units": 8, "layers": 1},
    ),
    "transformer": Architecture(
        home="bach_tf.models.transformer:Transformer",
        settings={
            "layers": LAYERS,
            "units": UNITS,
            "heads": Whole(1, 256),
            "feed_forward": UNITS,
            "context": CONTEXT,
            "period": PERIOD,
            "dropout": DROPOUT,
            "attention_dropout": DROPOUT,
            "rules": Flag(optional=True),
        },
        tiny={"layers": 2, "units": 8, "heads": 2, "feed_forward": 8},
        period="period",
        voices="rules",
    ),
    "wavenet": Architecture(
        home="bach_tf.models.conv_lstm:ConvLSTM",
        settings={
            "embedding": UNITS,
            "filters": Several(UNITS, 1, 16),  # the dilation doubles from one to the next
            "kernel_size": Kernel(1, 64),
            "units": UNITS,
            "dropout": DROPOUT,
            "period": PERIOD,
            "rules": Flag(optional=True),
        },
        tiny={"units": 8, "filters": [6, 8, 8]},
        period="period",
        voices="rules",
    ),
}
