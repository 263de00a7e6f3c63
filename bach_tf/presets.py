"""What `--model NAME` means: the only place with hyper-parameters."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe, and all that a run needs to be repeated.

    Args:
        corpus: a name in `CORPORA`; `data_dir` where it reads from, if anywhere.
        codec: a name in `CODECS`.
        architecture: a name in `MODELS`; `model` its settings, all of them.
        window: steps in a training window; `shift` from one window to the next.
        batch_size: windows in a batch.
        transpose: the lowest and the highest shift of a training piece, in semitones.
        epochs: at most this many; `patience` of them without a better validation stop it.
        optimizer: a name in `OPTIMIZERS`.
        learning_rate: at the start. It is divided by `1 + epoch / decay_epochs`
            (power scheduling), and multiplied by `plateau_factor` after `plateau_patience`
            epochs without a better validation, down to `floor` times the first rate.
        clip_norm: the longest gradient, over all weights together.
        seed: of the weights, the order of the windows, the shifts and the dropout.
        temperature: the default of generation.

    Raises:
        ValueError: a number that must be above 0 and is not, or a seed outside 31 bits.
    """

    corpus: str
    codec: str
    architecture: str
    model: dict[str, Any] = field(default_factory=dict)
    data_dir: str | None = None
    window: int
    shift: int
    batch_size: int
    transpose: tuple[int, int] = (-5, 6)
    epochs: int
    patience: int = 30
    optimizer: str = "adam"
    learning_rate: float = 0.01
    decay_epochs: float = 40.0
    plateau_factor: float = 0.3
    plateau_patience: int = 9
    floor: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0
    temperature: float = 1.0

    def __post_init__(self):
        above_zero = ("epochs", "patience", "learning_rate", "decay_epochs", "plateau_patience")
        for name in above_zero:
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {getattr(self, name)}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"`seed` must be in 0..{2**31 - 1}. Received: {self.seed}")

    def to_config(self) -> dict:
        """Return the preset as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> Preset:
        """Return the preset of `to_config`.

        Raises:
            ValueError: settings that this version does not know.
        """
        unknown = set(config) - {setting.name for setting in fields(cls)}
        if unknown:
            raise ValueError(
                f"Unknown settings {', '.join(sorted(unknown))} in a run's preset. "
                "The run was written by another version of bach_tf."
            )
        return cls(**{**config, "transpose": tuple(config["transpose"])})


PRESETS = {
    # After the chorale exercise of A. Géron, "Hands-On Machine Learning", chapter 15: its layers,
    # dropout of 0.3, Adam at 0.01 and power scheduling over 40 epochs. What is
    # changed follows short trials, one of each (8 minutes on busy cores, another gradient
    # clipping than here), validation on `jsb` in nats a token:
    #   after 18 epochs: rate 0.01, input dropout 0.3: 0.657; rate 0.004, input dropout 0.1: 0.566
    #   after 12 epochs: the latter 0.603; rate 0.006, input dropout 0.05, 160 units: 0.572
    # Recurrent dropout of 0.1 makes an epoch 1.6 times as long (30 s instead of 19).
    # `units=None` gives the recipe's twice the vocabulary, 122 here.
    "gru": Preset(
        corpus="chorales",
        codec="satb",
        architecture="gru",
        model={
            "units": 160,
            "layers": 3,
            "input_dropout": 0.1,
            "recurrent_dropout": 0.0,
            "dropout": 0.2,
            "l2": 0.0,
            "layer_norm": False,
        },
        window=64,
        shift=64,
        batch_size=32,
        epochs=90,
        learning_rate=0.006,
        decay_epochs=15.0,
    ),
    # The other model of the same chapter, at its own sizes.
    "wavenet": Preset(
        corpus="chorales",
        codec="satb",
        architecture="wavenet",
        model={
            "embedding": 5,
            "filters": [32, 48, 64, 96],
            "kernel_size": 2,
            "units": 256,
            "dropout": 0.0,
        },
        window=32,
        shift=16,
        batch_size=32,
        epochs=20,
        optimizer="nadam",
        learning_rate=0.001,
    ),
}


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced.

    Args:
        preset: left as it is.
        assignments: each `NAME=VALUE` or `model.NAME=VALUE`.

    Raises:
        ValueError: no `=`, a name that is not a setting, or a value of another kind.

    Example:
        >>> override(PRESETS["gru"], ["model.units=64", "window=32"]).model["units"]
        64
    """
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"Expected NAME=VALUE, got {assignment!r}.")
        if name.startswith("model."):
            setting = name.removeprefix("model.")
            value = _parse(name, text, preset.model, setting)
            preset = replace(preset, model={**preset.model, setting: value})
        else:
            current = {key: value for key, value in vars(preset).items() if key != "model"}
            preset = replace(preset, **{name: _parse(name, text, current, name)})
    return preset


def _parse(name: str, text: str, settings: dict[str, Any], setting: str) -> Any:
    """Return the value of `text`, which must be of the kind that stands there now."""
    if setting not in settings:
        raise ValueError(f"Unknown setting {name!r}. Choose from: {', '.join(sorted(settings))}.")
    current = settings[setting]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if isinstance(current, float) and type(value) is int:
        value = float(value)
    if isinstance(current, tuple) and isinstance(value, (list, tuple)):
        value = tuple(value)
    if value is not None and current is not None and type(value) is not type(current):
        raise ValueError(
            f"`{name}` must be of type {type(current).__name__}, as {current!r}. Received: {text}"
        )
    return value
