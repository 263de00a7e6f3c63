"""All the settings of a run, as one value of three: the music, the model and its training."""

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
    """Which model, and how large.

    Args:
        architecture: a name in `MODELS`.
        settings: of the architecture, all of them.

    Raises:
        ValueError: an unknown architecture, a setting that is not within its bounds, or a model
            that no memory could hold.
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
        """The number of tokens after which positions are alike to the model; 1 for any."""
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
    """How a model is trained and measured.

    Args:
        batch_size: windows in a batch.
        split: "pieces", or "windows": recipes that divide windows at random, so that those held
            out overlap those of the training, are compared with their figures in that way alone.
        evaluation_batch: pieces, or windows of `context`, that are read together.
        epochs: at most this many; `patience` of them without a better validation stop it.
        optimizer: a name in `OPTIMIZERS`.
        weight_decay: fraction of each weight taken off in an update, times the rate.
        learning_rate: the highest. It rises over `warmup_epochs`, follows the `schedule`, a name in
            `SCHEDULES` ("power" divides it by `1 + epoch / decay_epochs`, "cosine" falls to 0 at
            `epochs` and is stretched when a run goes on with more of them), and is multiplied by
            `plateau_factor` after `plateau_patience` epochs without a better validation, down
            to `floor` times the highest.
        clip_norm: the longest gradient, over all weights together.
        average: momentum of a moving average of the weights: it is then measured and kept in their
            place, while they go on being trained; 0 for none.
        bfloat16: whether matrices are multiplied in bfloat16 in training, where the processor has
            instructions for that.
        seed: of the weights, the order of the windows, the shifts and the dropout.

    Raises:
        ValueError: a value that is not of the type, or not within the bounds, of
            `TRAINING_SETTINGS`.
    """

    batch_size: int
    split: str = "pieces"
    evaluation_batch: int = 128
    epochs: int
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
    """What `--model NAME` means, and all that a run needs to be repeated.

    Args:
        recipe: the name in `PRESETS` that it was made from.
        music: what kind of music, from which corpus.
        model: which model, and how large.
        training: how it is trained and measured.

    Raises:
        ValueError: a corpus that is not in `CORPORA`, or values that do not go with one another.

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
                    f"memory together. Received: {each * steps}"
                )

    def flat(self) -> dict[str, Any]:
        """Return all settings by the names of `SETTINGS`, with the dicts `model` and `encoding`.

        Example:
            >>> from bach_tf.recipes import PRESETS
            >>> PRESETS["gru"].flat()["model"]["units"]
            160
        """
        model = {"architecture": self.model.architecture, "model": self.model.settings}
        return {"recipe": self.recipe, **vars(self.music), **model, **vars(self.training)}

    def to_config(self) -> dict[str, Any]:
        """Return the preset as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preset:
        """Return the preset of `to_config`.

        Args:
            config: of any content: a person may have edited it.

        Raises:
            ValueError: settings that this version does not know, one that is missing, or a value
                that does not fit.
        """
        checked = _checked(cls, config)
        groups = {"music": Music, "model": Model, "training": Training}
        values = {
            name: kind(**_checked(kind, checked[name], f"{name}.")) for name, kind in groups.items()
        }
        return cls(**{**checked, **values})


def _checked(kind: type, config: Any, prefix: str = "") -> dict[str, Any]:
    """Return the settings of a value, or raise `ValueError` where they are not those it has."""
    if not isinstance(config, dict):
        what = f"`{prefix.rstrip('.')}` as settings" if prefix else "settings"
        raise ValueError(f"Expected {what}, as {{...}}. Received: {shortened(config)}")
    known = {setting.name: setting for setting in fields(kind)}
    unknown = ", ".join(prefix + name for name in sorted(map(str, set(config) - set(known))))
    if unknown:
        raise ValueError(
            f"Unknown settings {shortened(unknown, LONGEST_LINE)} in a run's preset. "
            "The run was written by another version of bach_tf."
        )
    for name, setting in known.items():
        if name not in config and setting.default is setting.default_factory is MISSING:
            raise ValueError(f"The setting `{prefix}{name}` is missing.")
    return config
