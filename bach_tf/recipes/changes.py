"""Presets with changed settings, or for other music."""

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
GROUPS = ("model", "encoding")  # settings that are dicts of settings


def make_preset(
    model: str | None = None,
    corpus: str | None = None,
    data_dir: str | Path | None = None,
    assignments: Sequence[str] = (),
    **settings: Any,
) -> Preset:
    """Return the preset requested by a user.

    Args:
        model: a name in `PRESETS`; `DEFAULT_MODEL` by default.
        corpus: a name in `CORPORA`; by default the model's own, or the one of the same kind of
            music that reads `data_dir`.
        data_dir: where the corpus is read from; relative paths are made absolute.
        assignments: further settings, each `NAME=VALUE`, see `override`.
        **settings: replacements for those of `SETTINGS`; `None` leaves one unchanged.

    Raises:
        ValueError: if a name is unknown, or a setting is out of bounds or incompatible with the
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
        preset: that of the other run.
        corpus: a name in `CORPORA`, of the same kind of music; by default that of the other run,
            or the one of its kind that reads `data_dir`.
        data_dir: where the corpus is read from.
        assignments: further settings, see `override`.
        **settings: replacements for those of `SETTINGS`; `None` leaves one unchanged.

    Raises:
        ValueError: as for `make_preset`, or if the kind of music differs, or a setting would
            change the vocabulary or the shape of the model.

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
                f"Runs started from another keep its codec, {music.codec!r}. Received: the "
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
                f"Runs started from another keep its `{name}`. "
                f"Received: {shortened(started.flat()[name], quote=True)}"
            )
    return _with_whole_path(started)


def _with_whole_path(preset: Preset) -> Preset:
    """Make the path absolute, so that it is valid wherever a run is resumed or evaluated."""
    data_dir = preset.music.data_dir
    if data_dir is None:
        return preset
    return changed(preset, data_dir=str(Path(data_dir).expanduser().absolute()))


def on_corpus(preset: Preset, corpus: str) -> Preset:
    """Return the preset for another corpus.

    If both corpora have the same kind of music, the preset keeps its own windows; otherwise it
    takes codec, windows and instrument from the corpus.

    Args:
        preset: the preset, which is not modified.
        corpus: a name in `CORPORA`.

    Raises:
        ValueError: if the corpus is unknown.

    Example:
        >>> on_corpus(PRESETS["transformer"], "folk").music.codec
        'melody'
    """
    music = choose(CORPORA, corpus, "corpus").music
    if music.is_like(CORPORA[preset.music.corpus].music):
        return replace(preset, music=replace(preset.music, corpus=corpus))
    settings, model = preset.model.settings, MODELS[preset.model.architecture]
    # Four-part models keep theirs; that they cannot read this codec is reported in training.
    name = model.period or ""
    kind = model.settings.get(name)
    if isinstance(kind, Whole) and not music.period % kind.multiple_of:
        settings = {**settings, name: music.period}
    settings = _settings_for(music.codec, preset.model.architecture, settings)
    return replace(preset, music=music, model=replace(preset.model, settings=settings))


def changed(preset: Preset, **settings: Any) -> Preset:
    """Return the preset with some settings replaced, by the names used with `--set`.

    Args:
        preset: the preset, which is not modified.
        settings: those of `SETTINGS`, and the dicts `model` and `encoding`.

    Raises:
        ValueError: if a name is unknown, or a value is out of bounds or incompatible with the
            others.

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
    """Return the preset with a tiny model, so that tests can train an epoch in a moment.

    Args:
        preset: the preset, which is not modified.

    Example:
        >>> shrunk(PRESETS["gru"]).model.settings["units"]
        8
    """
    tiny = MODELS[preset.model.architecture].tiny
    return changed(preset, model={**preset.model.settings, **tiny})


def override(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with settings replaced by text assignments.

    Args:
        preset: the preset, which is not modified.
        assignments: each `NAME=VALUE`, `model.NAME=VALUE` or `encoding.NAME=VALUE`.

    Raises:
        ValueError: if there is no `=`, a name is unknown, or a value is of the wrong type, out of
            bounds or incompatible with the others.

    Example:
        >>> override(PRESETS["gru"], ["model.units=64", "window=96"]).model.settings["units"]
        64
    """
    flat, changes = preset.flat(), {}
    # Codec and architecture first, because they determine which other settings there are.
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
    """Return the settings of a group."""
    if group == "model":
        return MODELS[settings["architecture"]].settings
    return CODECS[settings["codec"]].ENCODING


def _check_architecture(model: Model, changes: dict[str, Any]) -> None:
    """Raise `ValueError` if the model's settings do not belong to the architecture."""
    name = changes["architecture"]
    strange = set(changes.get("model", model.settings)) - set(MODELS[name].settings)
    if strange:
        presets = [key for key, each in PRESETS.items() if each.model.architecture == name]
        raise ValueError(
            f"`architecture` {name!r} has no settings {', '.join(sorted(strange))}, which "
            f"belong to {model.architecture!r}. Choose a recipe made for it: "
            f"--model {' or '.join(presets)}"
        )
