"""A preset with other settings, or for other music."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import Settings, Whole, kind_of
from bach_tf.codecs import CODECS, SatbCodec
from bach_tf.corpora import CORPORA, Music, corpus_for
from bach_tf.models import MODELS
from bach_tf.recipes.preset import Model, Preset, Training
from bach_tf.recipes.presets import PRESETS
from bach_tf.recipes.tables import SETTINGS

DEFAULT_MODEL = "gru"
GROUPS = ("model", "encoding")  # settings of the preset that are settings themselves


def make_preset(
    model: str | None = None,
    corpus: str | None = None,
    data_dir: str | Path | None = None,
    assignments: Sequence[str] = (),
    **settings: Any,
) -> Preset:
    """Return the preset that a user asks for.

    Args:
        model: a name in `PRESETS`; `DEFAULT_MODEL` when `None`.
        corpus: a name in `CORPORA`; when `None`, the model's own, or the one of its kind of music
            that `data_dir` belongs to.
        data_dir: where the corpus is read from; a relative path is made a whole one.
        assignments: further settings, each `NAME=VALUE`, as `override` takes them.
        **settings: those of `SETTINGS` to replace; the preset's where a value is `None`.

    Raises:
        ValueError: an unknown name, or a setting that is out of bounds or does not go with the
            others.

    Example:
        >>> make_preset("folk", epochs=3, seed=None).training.epochs
        3
    """
    preset = choose(PRESETS, DEFAULT_MODEL if model is None else model, "model")
    own = preset.music.corpus
    preset = on_corpus(preset, corpus_for(data_dir, own) if corpus is None else corpus)
    settings["data_dir"] = None if data_dir is None else str(data_dir)
    given = {name: value for name, value in settings.items() if value is not None}
    return _with_whole_path(override(changed(preset, **given), assignments))


def continued_preset(
    preset: Preset,
    corpus: str | None = None,
    data_dir: str | Path | None = None,
    assignments: Sequence[str] = (),
    **settings: Any,
) -> Preset:
    """Return the preset of a run that starts from the weights of another.

    Args:
        preset: of the other run.
        corpus: a name in `CORPORA`, of the same kind of music; when `None`, that of the other run,
            or the one of its kind that `data_dir` belongs to.
        data_dir: where the corpus is read from.
        assignments: further settings, as `override` takes them.
        **settings: those of `SETTINGS` to replace; the preset's where a value is `None`.

    Raises:
        ValueError: as `make_preset`, another kind of music, or a setting on which the vocabulary
            or the form of the model depends.

    Example:
        >>> continued_preset(PRESETS["gru"], data_dir="mine", epochs=3).music.corpus
        'folder'
    """
    music = preset.music
    if corpus is not None or data_dir is not None:
        corpus = corpus_for(data_dir, music.corpus) if corpus is None else corpus
        other = choose(CORPORA, corpus, "corpus").music
        if other.codec != music.codec:
            raise ValueError(
                f"A run that starts from another keeps its codec, {music.codec!r}. Received: the "
                f"corpus {corpus!r}, whose codec is {other.codec!r}. Choose a run of that kind, or "
                "train a new one."
            )
        where = None if data_dir is None else str(data_dir)
        music = replace(music, corpus=corpus, data_dir=where)
    given = {name: value for name, value in settings.items() if value is not None}
    started = override(changed(replace(preset, music=music), **given), assignments)
    for name in ("codec", "encoding", "architecture"):
        if started.flat()[name] != preset.flat()[name]:
            raise ValueError(
                f"A run that starts from another keeps its `{name}`. "
                f"Received: {shortened(started.flat()[name], quote=True)}"
            )
    return _with_whole_path(started)


def _with_whole_path(preset: Preset) -> Preset:
    """Return the preset with a path that holds wherever a run is resumed or evaluated."""
    data_dir = preset.music.data_dir
    if data_dir is None:
        return preset
    return changed(preset, data_dir=str(Path(data_dir).expanduser().absolute()))


def on_corpus(preset: Preset, corpus: str) -> Preset:
    """Return the preset for another corpus.

    Where both corpora carry the same kind of music, the preset keeps its own windows; where not,
    it takes the corpus's music: the codec, the windows, the instrument.

    Args:
        preset: left as it is.
        corpus: a name in `CORPORA`.

    Raises:
        ValueError: an unknown corpus.

    Example:
        >>> on_corpus(PRESETS["transformer"], "folk").music.codec
        'melody'
    """
    music = choose(CORPORA, corpus, "corpus").music
    if music.is_like(CORPORA[preset.music.corpus].music):
        return replace(preset, music=replace(preset.music, corpus=corpus))
    settings, model = preset.model.settings, MODELS[preset.model.architecture]
    # A model of four voices keeps its own: that it cannot read this codec is said in training.
    name = model.period or ""
    kind = model.settings.get(name)
    if isinstance(kind, Whole) and not music.period % kind.multiple_of:
        settings = {**settings, name: music.period}
    settings = _settings_for(music.codec, preset.model.architecture, settings)
    return replace(preset, music=music, model=replace(preset.model, settings=settings))


def changed(preset: Preset, **settings: Any) -> Preset:
    """Return the preset with settings replaced by the names that `--set` knows them by.

    Args:
        preset: left as it is.
        settings: those of `SETTINGS`, and `model` and `encoding`, a dict each.

    Raises:
        ValueError: an unknown name, a value out of bounds, or values that do not go with one
            another.

    Example:
        >>> changed(PRESETS["gru"], window=96, epochs=3).training.epochs
        3
    """
    for name in set(settings) - set(GROUPS):
        kind_of(SETTINGS, name)
    flat = {**_for_codec(preset.flat(), settings), **settings}
    return Preset(
        recipe=flat["recipe"],
        music=Music(**{field.name: flat[field.name] for field in fields(Music)}),
        model=Model(flat["architecture"], flat["model"]),
        training=Training(**{field.name: flat[field.name] for field in fields(Training)}),
    )


def shrunk(preset: Preset) -> Preset:
    """Return the preset with a model so small that an epoch takes a moment, for tests.

    Args:
        preset: left as it is.

    Example:
        >>> shrunk(PRESETS["gru"]).model.settings["units"]
        8
    """
    tiny = MODELS[preset.model.architecture].tiny
    return changed(preset, model={**preset.model.settings, **tiny})


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced.

    Args:
        preset: left as it is.
        assignments: each `NAME=VALUE`, `model.NAME=VALUE` or `encoding.NAME=VALUE`.

    Raises:
        ValueError: no `=`, a name that is not a setting, a value of another type or out of bounds,
            or values that do not go with one another.

    Example:
        >>> override(PRESETS["gru"], ["model.units=64", "window=96"]).model.settings["units"]
        64
    """
    flat, changes = preset.flat(), {}
    # The codec and the architecture first: which other settings there are depends on them.
    for name, text in sorted(map(_split, assignments), key=lambda pair: "." in pair[0]):
        group, dot, setting = name.partition(".")
        if not dot or group not in GROUPS:
            kind = kind_of(SETTINGS, name)
            changes[name] = kind.check(name, kind.read(text))
            continue
        flat = _for_codec(flat, changes)
        kind = kind_of(_kinds(group, {**flat, **changes}), setting, prefix=f"{group}.")
        settings = changes.get(group, flat[group])
        changes[group] = {**settings, setting: kind.check(name, kind.read(text))}
    if "architecture" in changes:
        _check_architecture(preset.model, changes)
    return changed(preset, **changes)


def _for_codec(flat: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings without what four voices alone can have, for changes to another codec.

    Raises:
        ValueError: rules are asked for that the codec cannot have.
    """
    codec = changes.get("codec", flat["codec"])
    if not isinstance(codec, str) or codec not in CODECS or _has_four_voices(codec):
        return flat
    if rules := SETTINGS["rules"].check("rules", changes.get("rules", [])):
        raise ValueError(
            f"`rules` are those of four-part writing. Received: {', '.join(rules)} with the codec "
            f"{codec!r}. Leave them out."
        )
    return {**flat, "rules": [], "model": _settings_for(codec, flat["architecture"], flat["model"])}


def _settings_for(codec: str, architecture: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a model's settings with what needs four voices switched off where a codec has none."""
    name = MODELS[architecture].voices
    return (
        {**settings, name: False} if name in settings and not _has_four_voices(codec) else settings
    )


def _has_four_voices(codec: str) -> bool:
    return issubclass(CODECS[codec], SatbCodec)


def _split(assignment: str) -> tuple[str, str]:
    name, equals, text = assignment.partition("=")
    if not equals:
        raise ValueError(f"Expected NAME=VALUE, got {shortened(assignment, quote=True)}.")
    return name.strip(), text


def _kinds(group: str, settings: dict[str, Any]) -> Settings:
    """Return the settings that there are in a group."""
    if group == "model":
        return MODELS[settings["architecture"]].settings
    return CODECS[settings["codec"]].ENCODING


def _check_architecture(model: Model, changes: dict[str, Any]) -> None:
    """Raise `ValueError` for an architecture that the model's settings are not of."""
    name = changes["architecture"]
    strange = set(changes.get("model", model.settings)) - set(MODELS[name].settings)
    if strange:
        presets = [key for key, each in PRESETS.items() if each.model.architecture == name]
        raise ValueError(
            f"`architecture` {name!r} has no settings {', '.join(sorted(strange))}, which are "
            f"those of {model.architecture!r}. Choose a recipe that is made for it: "
            f"--model {' or '.join(presets)}"
        )
