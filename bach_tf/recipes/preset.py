"""All settings of a run in three parts: music, model and training."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf._basics.settings import check_settings
from bach_tf.codecs import Codec, SatbCodec
from bach_tf.corpora import Music
from bach_tf.models import MODELS
from bach_tf.recipes.tables import (
    MOST_TOGETHER,
    SETTINGS,
    TRAINING_SETTINGS,
    check_size,
)


@dataclass(frozen=True)
class Model:
    """The model's architecture and size.

    Args:
        architecture: a name in `MODELS`.
        settings: all settings of the architecture.

    Raises:
        ValueError: if the architecture is unknown, a setting is out of bounds, or the model is
            too large.
    """

    architecture: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        SETTINGS["architecture"].check("architecture", self.architecture)
        kinds = MODELS[self.architecture].settings
        settings = check_settings(kinds, self.settings, prefix="model.")
        object.__setattr__(self, "settings", settings)
        check_size(self.architecture, settings)
        units, heads = settings.get("units"), settings.get("heads", 1)
        if units is not None and units % heads:
            raise ValueError(
                "`model.units` must be a multiple of `model.heads`. Received: "
                f"model.units={units}, model.heads={heads}"
            )

    @property
    def period(self) -> int:
        """Number of tokens after which the position embedding repeats; 1 if there is none."""
        name = MODELS[self.architecture].period
        return 1 if name is None else self.settings.get(name, 1)

    def arguments(self, codec: Codec) -> dict[str, Any]:
        """Return the settings as the architecture's class takes them.

        Args:
            codec: whose ids the model reads.

        Raises:
            ValueError: a setting that needs a codec of four voices, and another one.

        Example:
            >>> Model("gru", {"units": 8, "rules": True}).arguments(SatbCodec(36, 81))
            {'units': 8, 'rules': [0, 1, 2, 3]}
        """
        name = MODELS[self.architecture].voices
        if name not in self.settings:
            return dict(self.settings)
        if not self.settings[name]:
            return {**self.settings, name: None}
        if not isinstance(codec, SatbCodec):
            raise ValueError(
                f"`model.{name}` needs a codec of four voices. Received: one whose tokens are "
                f"{codec.step_name}s. Train with --set model.{name}=False."
            )
        return {**self.settings, name: codec.order}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model is trained and evaluated.

    Args:
        batch_size: windows per batch.
        split: "pieces", or "windows" for recipes that split overlapping windows at random, whose
            figures can only be compared in the same way.
        evaluation_batch: pieces, or windows of `context`, per evaluation batch.
        epochs: maximum number; training stops after `patience` epochs without an improvement in
            validation.
        epoch_batches: batches per epoch; 0 for as many as have every window once. With another
            number, each epoch continues with the windows that the one before has left.
        optimizer: a name in `OPTIMIZERS`.
        weight_decay: fraction of each weight subtracted per update, times the learning rate.
        learning_rate: the maximum. It rises over `warmup_epochs`, follows `schedule`, a name in
            `SCHEDULES` ("power" divides it by `1 + epoch / decay_epochs`, "cosine" falls to 0 at
            `epochs` and is stretched when a run is extended), and is multiplied by
            `plateau_factor` after `plateau_patience` epochs without an improvement, down to
            `floor` times the maximum.
        clip_norm: maximum global norm of the gradient.
        average: momentum of an exponential moving average of the weights, which is evaluated and
            saved in place of the weights being trained; 0 for none.
        bfloat16: whether to train with matrix products in bfloat16, if the processor supports it.
        seed: random seed of weights, order of windows, transpositions and dropout.

    Raises:
        ValueError: if a value does not have the type or is outside the bounds in
            `TRAINING_SETTINGS`.
    """

    batch_size: int
    split: str = "pieces"
    evaluation_batch: int = 128
    epochs: int
    epoch_batches: int = 0
    patience: int = 30
    optimizer: str = "adam"
    weight_decay: float = 0.0
    learning_rate: float = 0.01
    warmup_epochs: int = 0
    schedule: str = "power"
    decay_epochs: float = 40.0
    plateau_factor: float = 0.3
    plateau_patience: int = 9
    floor: float = 0.01
    clip_norm: float = 1.0
    average: float = 0.0
    bfloat16: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, value in check_settings(TRAINING_SETTINGS, vars(self)).items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What `--model NAME` means: all that is needed to repeat a run.

    Args:
        recipe: the name in `PRESETS` that it was made from.
        music: the kind of music, and its corpus.
        model: architecture and size.
        training: how it is trained and evaluated.

    Raises:
        ValueError: if the corpus is not in `CORPORA`, or values are incompatible.

    Example:
        >>> from bach_tf.recipes import PRESETS
        >>> PRESETS["folk"].music.tempo_qpm, PRESETS["folk"].model.settings["units"]
        (100.0, 128)
    """

    recipe: str = ""
    music: Music
    model: Model
    training: Training

    def __post_init__(self):
        SETTINGS["recipe"].check("recipe", self.recipe)
        SETTINGS["corpus"].check("corpus", self.music.corpus)
        music, training = self.music, self.training
        for many, each, long, steps in (
            ("batch_size", training.batch_size, "window", music.window),
            ("evaluation_batch", training.evaluation_batch, "context", music.context or 1),
        ):
            if each * steps > MOST_TOGETHER:
                raise ValueError(
                    f"`{many}` times `{long}` must be at most {MOST_TOGETHER} steps, which are in "
                    f"memory at the same time. Received: {each * steps}"
                )

    def flat(self) -> dict[str, Any]:
        """Return all settings by the names in `SETTINGS`, with the dicts `model` and `encoding`.

        Example:
            >>> from bach_tf.recipes import PRESETS
            >>> PRESETS["gru"].flat()["model"]["units"]
            160
        """
        model = {"architecture": self.model.architecture, "model": self.model.settings}
        return {"recipe": self.recipe, **vars(self.music), **model, **vars(self.training)}

    def to_config(self) -> dict[str, Any]:
        """Return the preset as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preset:
        """Rebuild a preset from `to_config`.

        Args:
            config: the settings; checked, because users may edit them.

        Raises:
            ValueError: if a setting is unknown, missing or invalid.
        """
        checked = _checked(cls, config)
        groups = {"music": Music, "model": Model, "training": Training}
        values = {
            name: kind(**_checked(kind, checked[name], f"{name}.")) for name, kind in groups.items()
        }
        return cls(**{**checked, **values})


def _checked(kind: type, config: Any, prefix: str = "") -> dict[str, Any]:
    """Return the settings of a dataclass; raise `ValueError` if any are unknown or missing."""
    if not isinstance(config, dict):
        what = f"`{prefix.rstrip('.')}` as settings" if prefix else "settings"
        raise ValueError(f"Expected {what}, as {{...}}. Received: {shortened(config)}")
    known = {setting.name: setting for setting in fields(kind)}
    unknown = ", ".join(prefix + name for name in sorted(map(str, set(config) - set(known))))
    if unknown:
        raise ValueError(
            f"Unknown settings {shortened(unknown, LONGEST_LINE)} in the preset of a run. "
            "The run was created by another version of bach_tf."
        )
    for name, setting in known.items():
        if name not in config and setting.default is setting.default_factory is MISSING:
            raise ValueError(f"The setting `{prefix}{name}` is missing.")
    return config
