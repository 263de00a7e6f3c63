"""What `--model NAME` means: the only place with hyper-parameters."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

GROUPS = ("model", "encoding")  # settings of the preset that are settings themselves
SPLIT_BY = ("pieces", "windows")
FOUR_VOICES = {"chorales", "jsb", "folder"}  # corpora of grids
# What a preset takes over from another one when it is used on that one's corpus.
OF_THE_MUSIC = (
    "codec", "encoding", "window", "shift", "transpose", "context",
    "temperature", "length", "min_length", "program", "tempo_qpm",
)  # fmt: skip
# After how many tokens the places of a piece are alike: a bar of four voices or of a melody, a note
# or chord with its interval and duration.
PERIODS = {"satb": 64, "melody": 16, "pitches": 3, "chords": 3}
CHURCH_ORGAN, PIANO, CELLO, CHOIR = 19, 0, 42, 52  # General MIDI programs, counted from 0


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


# Layers of 240 take 0.6 times the time of 256 on a CPU, whose caches powers of two suit badly.
RECIPES = {
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
        min_length=64,
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
        min_length=64,
    ),
    # Huang et al. 2018 (arXiv 1809.04281). Their own sizes, 5 layers of 256 with 8 heads and 1,024,
    # take 2.4 times as long on a CPU as these.
    "transformer": Preset(
        corpus="chorales",
        codec="satb",
        architecture="transformer",
        model={
            "layers": 4,
            "units": 192,
            "heads": 6,
            "feed_forward": 768,
            "context": 256,
            "period": PERIODS["satb"],
            "dropout": 0.15,
            "attention_dropout": 0.0,
        },
        window=64,
        shift=32,
        batch_size=16,
        evaluation_batch=8,
        epochs=30,
        weight_decay=0.01,
        learning_rate=0.001,
        warmup_epochs=2,
        schedule="cosine",
        plateau_patience=30,
    ),
    # V. Velardo, "Generating melodies with LSTM networks": a window of 64 sixteenths predicted the
    # one that follows. Here all places of a window predict the next, whose context is then
    # what the window holds before it.
    "folk": Preset(
        corpus="folk",
        codec="melody",
        architecture="lstm",
        model={
            "embedding": 32,
            "units": 128,
            "layers": 1,
            "dense": [],
            "dropout": 0.2,
            "batch_norm": False,
        },
        window=64,
        shift=32,
        batch_size=64,
        epochs=60,
        learning_rate=0.002,
        schedule="cosine",
        temperature=0.6,
        min_length=32,
        program=CHOIR,
        tempo_qpm=100.0,
    ),
    # Next-note prediction on the cello suites, as tutorials do it: windows of 20 notes predicted
    # the one that follows, by one LSTM of 256 and a dense layer. They throw the rhythm away
    # (`encoding.rhythm=False`); here it is learned, and a window is 32 notes, all of which predict.
    # The small batch is worth more than its time: 13 batches an epoch instead of 52 came to 1.237
    # nats in validation instead of 1.156.
    "cello": Preset(
        corpus="cello",
        codec="pitches",
        encoding={"rhythm": True, "max_notes": None, "longest_quarters": 8},
        architecture="lstm",
        model={
            "embedding": 64,
            "units": 192,
            "layers": 2,
            "dense": [],
            "dropout": 0.3,
            "batch_norm": False,
        },
        window=32,
        shift=16,
        batch_size=16,
        epochs=60,
        plateau_patience=60,
        learning_rate=0.003,
        schedule="cosine",
        length=200,
        program=CELLO,
        tempo_qpm=72.0,
    ),
    # Mozart's sonatas, chord by chord, as in "Foundations of Applied Mathematics" (Humpherys and
    # others, the lab on recurrent networks): windows of 100 chords without rhythm, two dense layers
    # with batch normalisation, RMSprop at 0.001, a norm of at most 5, 30 epochs.
    "mozart": Preset(
        corpus="mozart",
        codec="chords",
        encoding={"rhythm": True, "fewest": 2, "longest_quarters": 8},
        architecture="lstm",
        model={
            "embedding": 64,
            "units": 240,
            "layers": 3,
            "dense": [],
            "dropout": 0.2,
            "batch_norm": False,
        },
        window=64,
        shift=64,
        batch_size=32,
        context=128,
        evaluation_batch=64,
        epochs=25,
        plateau_patience=25,
        learning_rate=0.003,
        schedule="cosine",
        length=500,
        program=PIANO,
        tempo_qpm=120.0,
    ),
    # Oore et al. 2018 (arXiv 1808.03715): three LSTMs of 512. A step is 8 ms at this tempo.
    "performance": Preset(
        corpus="performance",
        codec="events",
        encoding={"longest_quarters": 5},
        architecture="lstm",
        model={
            "embedding": 64,
            "units": 240,
            "layers": 3,
            "dense": [],
            "dropout": 0.2,
            "batch_norm": False,
        },
        window=192,
        shift=192,
        batch_size=32,
        context=384,
        evaluation_batch=64,
        epochs=25,
        plateau_patience=25,
        learning_rate=0.003,
        schedule="cosine",
        length=1500,
        program=PIANO,
        tempo_qpm=75.0,
    ),
}

PRESETS = {name: replace(preset, recipe=name) for name, preset in RECIPES.items()}


def on_corpus(preset: Preset, corpus: str) -> Preset:
    """Return the preset for another corpus.

    Where that is music of another kind, all that depends on the kind comes from the recipe that is
    made for it: the codec, the windows, the instrument.

    Args:
        preset: left as it is.
        corpus: a name in `CORPORA`.

    Example:
        >>> on_corpus(PRESETS["transformer"], "folk").codec
        'melody'
    """
    if corpus == preset.corpus or {corpus, preset.corpus} <= FOUR_VOICES:
        return replace(preset, corpus=corpus)
    own = "chorales" if corpus in FOUR_VOICES else corpus
    recipe = next((each for each in PRESETS.values() if each.corpus == own), preset)
    kind = {name: getattr(recipe, name) for name in OF_THE_MUSIC}
    model = preset.model
    if "period" in model:
        model = {**model, "period": PERIODS.get(recipe.codec, 1)}
    return replace(preset, **{**kind, "corpus": corpus, "model": model})


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced.

    Args:
        preset: left as it is.
        assignments: each `NAME=VALUE`, `model.NAME=VALUE` or `encoding.NAME=VALUE`.

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
        group, dot, setting = name.partition(".")
        if dot and group in GROUPS:
            settings = getattr(preset, group)
            value = _parse(name, text, settings, setting)
            preset = replace(preset, **{group: {**settings, setting: value}})
        else:
            current = {key: value for key, value in vars(preset).items() if key not in GROUPS}
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
