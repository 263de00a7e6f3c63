"""All the settings of a recipe, as one value."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from bach_tf._basics.messages import printable, shorten
from bach_tf._basics.settings import check_settings
from bach_tf.codecs import CODECS
from bach_tf.recipes.tables import ARCHITECTURES, MOST_TOGETHER, SETTINGS, check_size

CHURCH_ORGAN = 19  # General MIDI program, counted from 0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe, and all that a run needs to be repeated.

    `bach_tf.recipes.tables` says of which type each setting is, and within which bounds.

    Args:
        recipe: the name in `PRESETS` that it was made from.
        corpus: a name in `CORPORA`; `data_dir` where it reads from, if anywhere.
        codec: a name in `CODECS`; `encoding` its settings.
        architecture: a name in `MODELS`; `model` its settings, all of them.
        window: steps in a training window; `shift` from one window to the next. What a step is,
            the codec says: a sixteenth, a note, a chord or an event.
        batch_size: windows in a batch.
        transpose: the lowest and the highest shift of a training piece, in semitones.
        split: "pieces", or "windows": recipes that divide windows at random, so that those held
            out overlap those of the training, are compared with their figures in that way alone.
        context: the longest context in validation and evaluation, in steps: at least half of it
            stands before each token that is measured, if the piece has so much. The whole piece
            when `None`.
        evaluation_batch: pieces, or windows of `context`, that are read together.
        epochs: at most this many; `patience` of them without a better validation stop it.
        optimizer: a name in `OPTIMIZERS`.
        weight_decay: share of each weight taken off in an update, times the rate.
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
        temperature: the default of generation; so are
        length: of a piece, in steps, and `min_length`, before which none ends;
        program: the General MIDI instrument, 0..127;
        tempo_qpm: quarter notes a minute.

    Raises:
        ValueError: a value that is not of the type, or not within the bounds, of `SETTINGS`,
            `ARCHITECTURES` or the codec; or values that do not go with one another.
    """

    recipe: str = ""
    corpus: str
    codec: str
    encoding: dict[str, Any] = field(default_factory=dict)
    architecture: str
    model: dict[str, Any] = field(default_factory=dict)
    data_dir: str | None = None
    window: int
    shift: int
    batch_size: int
    transpose: tuple[int, int] = (-5, 6)
    split: str = "pieces"
    context: int | None = None
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
    temperature: float = 1.0
    length: int = 512
    min_length: int = 0
    program: int = CHURCH_ORGAN
    tempo_qpm: float = 90.0

    def __post_init__(self):
        settings = {name: getattr(self, name) for name in SETTINGS}
        checked = check_settings(SETTINGS, settings)
        model, encoding = ARCHITECTURES[self.architecture], CODECS[self.codec].ENCODING
        checked["model"] = check_settings(model, self.model, prefix="model.")
        checked["encoding"] = check_settings(encoding, self.encoding, prefix="encoding.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_together()

    def _check_together(self) -> None:
        """Raise `ValueError` for settings that do not go with one another."""
        if self.shift > self.window:
            raise ValueError(
                "`shift` must be at most `window`, or tokens between the windows are never "
                f"seen. Received: shift={self.shift}, window={self.window}"
            )
        for many, long in (("batch_size", "window"), ("evaluation_batch", "context")):
            steps = getattr(self, many) * (getattr(self, long) or 1)
            if steps > MOST_TOGETHER:
                raise ValueError(
                    f"`{many}` times `{long}` must be at most {MOST_TOGETHER} steps, which are in "
                    f"memory together. Received: {steps}"
                )
        check_size(self.model)
        units, heads = self.model.get("units"), self.model.get("heads", 1)
        if units is not None and units % heads:
            raise ValueError(
                "`model.units` must be a multiple of `model.heads`. Received: "
                f"model.units={units}, model.heads={heads}"
            )

    def to_config(self) -> dict:
        """Return the preset as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> Preset:
        """Return the preset of `to_config`.

        Args:
            config: of any content: a person may have edited it.

        Raises:
            ValueError: settings that this version does not know, one that is missing, or a value
                that does not fit.
        """
        if not isinstance(config, dict):
            raise ValueError(f"Expected settings, as {{...}}. Received: {shorten(config)}")
        known = {setting.name: setting for setting in fields(cls)}
        unknown = sorted(map(str, set(config) - set(known)))
        if unknown:
            raise ValueError(
                f"Unknown settings {printable(', '.join(unknown))} in a run's preset. "
                "The run was written by another version of bach_tf."
            )
        for name, setting in known.items():
            if name not in config and setting.default is setting.default_factory is MISSING:
                raise ValueError(f"The setting `{name}` is missing.")
        return cls(**config)
