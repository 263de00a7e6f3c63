"""All the settings of a recipe, as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

SPLIT_BY = ("pieces", "windows")
CHURCH_ORGAN = 19  # General MIDI program, counted from 0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe, and all that a run needs to be repeated.

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
            `SCHEDULES` ("power" divides it by `1 + epoch / decay_epochs`), and is multiplied by
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
        ValueError: a number that must be above 0 and is not, a seed outside 31 bits, or an unknown
            kind of split.
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
        above_zero = (
            "epochs", "patience", "learning_rate", "decay_epochs", "plateau_patience",
            "evaluation_batch", "length",
        )  # fmt: skip
        for name in above_zero:
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {getattr(self, name)}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"`seed` must be in 0..{2**31 - 1}. Received: {self.seed}")
        if not 0 <= self.average < 1:
            raise ValueError(f"`average` must be in 0..1, 1 left out. Received: {self.average}")
        if self.split not in SPLIT_BY:
            raise ValueError(
                f"`split` must be one of: {', '.join(SPLIT_BY)}. Received: {self.split!r}"
            )
        if self.context is not None and self.context < 2:
            raise ValueError(f"`context` must be at least 2 steps. Received: {self.context}")

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
