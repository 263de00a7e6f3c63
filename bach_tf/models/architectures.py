"""What the package knows about each model, without Keras: where its class is, and its settings."""

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
    """The width of a layer: its weights grow with the square."""


@dataclass(frozen=True)
class Depth(Whole):
    """A number of layers."""


@dataclass(frozen=True)
class Kernel(Whole):
    """The steps that a convolution reads at once: each has weights of its own."""


@dataclass(frozen=True)
class Dropout(Real):
    """A fraction of activations that training sets to 0."""


UNITS = Width(1, WIDEST)
LAYERS = Depth(1, DEEPEST)
DROPOUT = Dropout(0, 1, below=True)
PERIOD = Whole(1, 65_536)
CONTEXT = Whole(1, 16_384)  # tokens or steps that attention sees: its memory grows with the square


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """An entry of `MODELS`.

    Args:
        home: where its class is, a `NextTokenModel`: "module:name".
        settings: what each argument of the class may be, but for `vocab_size`.
        tiny: settings with which it is as small as still makes sense, for tests and `--quick`.
            What is not named stays as it was.
        tokens_per_step: set where it reads steps of so many tokens, and so needs a codec whose
            steps they are.
        period: the setting that says after how many tokens positions are alike, if it has one.
        voices: the flag, if it has one, that a codec of four voices is needed for: the class is
            given their order in its place, or `None`.
        embedding: the attribute that holds the vectors of the ids, a Keras `Embedding`, if any.

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
        """Return the class, which is imported now."""
        return load(self.home)

    def named(self, kind: type[Kind]) -> list[str]:
        """Return the settings of a kind, such as `Dropout`.

        Example:
            >>> MODELS["chorale"].named(Dropout)
            ['dropout', 'decoder_dropout', 'note_dropout', 'moved_notes']
        """
        return [name for name, each in self.settings.items() if isinstance(each, kind)]

    def count_weights(self, settings: dict[str, Any], vocab_size: int = 0) -> int:
        """Return about how many weights a model has, from its settings alone.

        Counted is a square of the widest layer for each layer, and a row for each token: of the
        models here that is between a fifth and twice of what they have.

        Args:
            settings: of this architecture.
            vocab_size: number of ids, where it is known.

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
            "embedding": Width(4, WIDEST),  # a quarter of it stands for a length
            "period": Whole(4, 65_536, multiple_of=4),  # a step is four tokens
            "lags": Whole(1, 1024),
            "dropout": DROPOUT,
            "decoder_dropout": DROPOUT,
            "note_dropout": DROPOUT,
            "moved_notes": DROPOUT,
            "order": Several(Whole(0, 3), 4, 4),
            "rules": Flag(),
            "memory": Flag(optional=True),  # what it holds is no setting: `None` as `False`
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
            "filters": Several(UNITS, 1, 16),  # the dilation doubles with each of them
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
